/* In place of XS's: memory that is there anew with each boot. */
#ifndef xsPlatform_h
#define xsPlatform_h
#include <stddef.h>
void* bootAlloc(size_t bytes);
#define c_malloc(BYTES) bootAlloc(BYTES)
#define c_calloc(COUNT, BYTES) bootAlloc((COUNT) * (BYTES))
#define c_free(DATA) ((void)(DATA))
#endif
