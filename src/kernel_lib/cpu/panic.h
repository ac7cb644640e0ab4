/*
 * panic.h: the end of the program when something is wrong that nobody can handle.
 *
 * The panic screen shows the reason, the registers and a backtrace with the names of functions; the same goes to the
 * serial line, together with the records
 *
 *     @bf panic vector=N name=REASON eip=0x.. error=0x.. cr2=0x.. symbol=NAME+0x..
 *     @bf frame eip=0x.. symbol=NAME+0x..        one per caller, innermost first, at most 32
 *
 * Then the machine is left with EXIT_PANIC. Nothing on this path uses the heap or formatted output, so it may be
 * called from anywhere, also from interrupt handlers and the heap itself. It needs interrupts_init().
 */
#ifndef BF_PANIC_H
#define BF_PANIC_H

#include "cpu/interrupts.h"

/* For people: `message` is a sentence. The record's name is "panic". */
_Noreturn void panic(const char *message);

/* Used by assert(). The record's name is "assertion". */
_Noreturn void assertion_failed(const char *expression, const char *file, unsigned line);

/* Used by the interrupt dispatcher. */
_Noreturn void panic_exception(const interrupt_frame_t *frame);

/* Holds in every build; for what the program itself guarantees, never for input. */
#define assert(condition) ((condition) ? (void)0 : assertion_failed(#condition, __FILE_NAME__, __LINE__))

#endif
