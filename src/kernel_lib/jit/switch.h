/*
 * switch.h: running code on a stack of its own, which may be left from anywhere, also from an interrupt.
 *
 * One at a time: code that runs so does not switch again.
 */
#ifndef BF_SWITCH_H
#define BF_SWITCH_H

#include <stdint.h>

/* Calls function(argument) on the stack that ends at `stack`, a multiple of 16 plus 4; returns what it returns. */
uint32_t stack_switch(uint32_t function, uint32_t argument, uint32_t stack);

/* Jumps to `program` as Linux starts one, with esp = `stack`. Returns when stack_return() is called. */
uint32_t stack_enter(uint32_t program, uint32_t stack);

/* Leaves what stack_switch() or stack_enter() runs, and lets that return `answer`. */
_Noreturn void stack_return(uint32_t answer);

#endif
