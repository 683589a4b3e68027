/* What natives take from C's heap, which XS's own counters do not see. */
#include <malloc.h>

#include "xsAll.h"

void xs_bench_malloc_bytes(txMachine* the)
{
	struct mallinfo2 info = mallinfo2();
	mxResult->value.integer = (txInteger)(info.uordblks + info.hblkhd);
	mxResult->kind = XS_INTEGER_KIND;
}
