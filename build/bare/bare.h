/* What bare.c takes from a machine, and what it gives it. Include it after xsAll.h. */
#ifndef XS_BARE_H
#define XS_BARE_H

extern char __stack[], __stack_size[]; /* of the linker; the second is a value, not an address */

/* Of the machine, beside modMilliseconds, hostNowMs, fxCStackLimit, and what the C library lacks there. */

/** Returns the descriptor of standard input, 0, output, 1, or errors, 2. */
int machineOpenStream(int stream);

/** Instructions executed so far. How many it takes itself is always the same. */
uint64_t machineInstructions(void);

/**
 * Has the processor call bareTrap where XS's stack, or the stack of C, is full: XS as a device has it checks neither.
 * Returns what then is the bottom of XS's stack.
 */
txSlot* machineGuardStacks(txSlot* bottom);

/* Of bare.c. */

typedef enum { trapStackOfXS, trapStackOfC, trapOther } TrapKind;

/** Says what the processor stumbled over, and where; ends with exit code 1. */
void bareTrap(TrapKind kind, unsigned cause, uintptr_t at, uintptr_t address) __attribute__((noreturn));

#endif
