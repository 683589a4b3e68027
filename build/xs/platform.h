/*
 * What XS is told about the platform it runs on: Linux or a bare processor underneath, an ESP32 in its settings. XS includes this file
 * first (XSPLATFORM), and so does every C file that is linked with it.
 */
#ifndef XS_HOST_PLATFORM_H
#define XS_HOST_PLATFORM_H

#ifdef __linux__
/* XS finds the end of the C stack this way. */
#undef mxLinux
#define mxLinux 1

#include <arpa/inet.h>
#include <pthread.h>
#endif
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As on the device: built-in functions are values without an instance, bytecode is read byte by byte, property
   ids have 16 bits. Not mxCESU8, which no device sets: it would make the length of an emoji 2. */
#define mxHostFunctionPrimitive 1
#define mxUnalignedAccess 0

#ifdef __linux__
#define mxUseGCCAtomics 1
#define mxUsePOSIXThreads 1

/* Unlike the device: a stack overflow is noticed before it overwrites the heap, so that a test ends with a message. */
#define mxBoundsCheck 1
#else
/* As on a device with a RISC-V processor; the LX106 also stops at an unaligned access. */
#define mxMisalignedSettersCrash 1

/* rv32.c and xtensa.c know the end of the C stack. */
#define mxUseDefaultCStackLimit 0

#define htonl __builtin_bswap32
#define ntohl __builtin_bswap32
#define htons __builtin_bswap16
#define ntohs __builtin_bswap16
#endif

/* XS would print its notes on stdout, which belongs to the script. */
#define mxNoConsole 1

/* XS's own versions of the parts that need nothing special here; linker.c and host.c have the others. */
#define mxUseDefaultBuildKeys 1
#define mxUseDefaultParseScript 1
#define mxUseDefaultSharedChunks 1
#define mxUseDefaultDebug 1

#ifdef __SANITIZE_ADDRESS__
void* hostMalloc(size_t bytes);
#define c_malloc hostMalloc
#endif

#define mxMachinePlatform \
	int hasPromiseJobs; \
	void* waiterCondition; \
	void* waiterData; \
	void* waiterLink;

#endif
