/* What the files of the host share. Include it after xsAll.h or xsmc.h: both name the machine and the slot. */
#ifndef XS_HOST_H
#define XS_HOST_H

#ifdef __XSALL__
/* modules.c */

/** Binds the bare specifier `name` to a file. Returns 0 if there is no such file. Keeps both strings. */
int hostMapModule(const char* name, const char* path);

/** Frees what the modules loaded so far keep outside the heap. Call it after the machine is gone. */
void hostFreeModules(void);

/** Compiles a module and prints as JSON the bytes of its bytecode, of its names, and of its references to natives. */
void hostPrintBytecode(txMachine* the, const char* path);

/**
 * Compiles a module and prints as JSON its code as this host links it, in hexadecimal, with names as the script has them:
 * `loaded` and `preloaded`; and `opcodes`: name and size of each, as XS has them.
 */
void hostPrintLinked(txMachine* the, const char* path);

/* linker.c */

/** Returns a record of a native for XS to keep, like the one in the flash of a device. Never NULL. */
const txHostFunctionBuilder* hostNewBuilder(txMachine* the, txCallback callback, txInteger length, txID id);

/** Frees those records. Call it after the machine is gone. */
void hostFreeBuilders(void);

/** Turns compiled code into linked code, in place: names of the script become names of the machine, unless `ids` is NULL. */
void hostRewriteCode(txByte* code, txSize size, const txID* ids, int isPreloaded);

/* globals.c */

/** Gives the object on top of the stack a function. */
void hostAddFunction(txMachine* the, txString name, txCallback callback, txInteger length);

/** Gives the script its globals. `arguments` ends with NULL. */
void hostAddGlobals(txMachine* the, char** arguments);

/** Waits until the next timer is due and runs it. Returns 0 if there is none. What it throws is passed on to the caller. */
int hostRunFirstTimer(txMachine* the);

/* host.c */

/** All of xs-host: does what the arguments request. Returns the exit code. */
int hostMain(int argc, char** argv);

/** Counts memory for a heap. Returns 0 if that would exceed --limit. */
int hostTakeFromLimit(size_t bytes);

/** Flushes both streams and ends the process at once with exit code 1. */
void hostFail(void) __attribute__((noreturn));

/* linux.c, or bare.c with the C file of its processor, beside main, modMilliseconds, fxAllocateChunks, fxFreeChunks and fxDeleteMachinePlatform */

/** Returns the C function `name` of this executable, NULL if there is none. */
txCallback hostFindNative(const char* name);

/** Milliseconds since some moment; does not wrap. */
txNumber hostNowMs(void);

void hostSleep(txNumber ms);

/** Gives the script's global, on top of the stack, what only this platform has. */
void hostStartPlatform(txMachine* the);
#endif

/** Puts the full path of a file into fullPath, C_PATH_MAX bytes. Returns 0, and sets errno, if there is no such file. */
int hostFindFile(const char* path, char* fullPath);

/* natives.c */

/** Writes a string of XS as well-formed UTF-8: U+0000 as one byte, surrogates paired, lone ones and what is not UTF-8 as U+FFFD. */
void hostWriteString(FILE* file, const char* string);

#endif
