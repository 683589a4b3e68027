/* What bare.c takes from a machine, and what it provides. Include it after xsAll.h. */
#ifndef XS_BARE_H
#define XS_BARE_H

extern char __stack[], __stack_size[]; /* from the linker; the second is a value, not an address */

/* From the machine, besides modMilliseconds, hostNowMs, fxCStackLimit, and what the C library lacks there. */

/** Returns the descriptor of standard input, 0, output, 1, or errors, 2. */
int machineOpenStream(int stream);

/** Instructions executed so far. The call itself always takes the same number. */
uint64_t machineInstructions(void);

/**
 * Makes the processor call bareTrap when XS's stack, or the C stack, is full: XS in a device's configuration checks neither. Returns what
 * then is the bottom of XS's stack.
 */
txSlot* machineGuardStacks(txSlot* bottom);

/* From bare.c. */

typedef enum { trapStackOfXS, trapStackOfC, trapOther } TrapKind;

/** Reports the trap, and where it occurred; ends with exit code 1. */
void bareTrap(TrapKind kind, unsigned cause, uintptr_t at, uintptr_t address) __attribute__((noreturn));

#endif
