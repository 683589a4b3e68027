/* What natives take from C's heap, which XS's own counters do not see. */
#include <malloc.h>

#include "xsAll.h"

void xs_bench_malloc_bytes(txMachine* the)
{
	mxResult->value.integer = (txInteger)mallinfo().uordblks;
	mxResult->kind = XS_INTEGER_KIND;
}
