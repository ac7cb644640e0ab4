/* backtrace.h: whose code is at an address, and who called it. Uses nothing but the stack and the symbol table. */
#ifndef BF_BACKTRACE_H
#define BF_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name; /* "?" when the table does not know */
    uint32_t offset;  /* of the address in the function */
} symbol_t;

/* The function that holds this address. */
symbol_t symbol_at(uint32_t address);

/* Where the function of this name begins; 0 when there is none. Of several of one name it finds the first. */
uint32_t symbol_address(const char *name);

/*
 * Goes from a frame pointer to its caller: sets `*eip` to where the call returns and `*ebp` to the caller's frame
 * pointer. False when there is no caller or `*ebp` points anywhere but at a frame further out on the kernel's stack, so
 * a broken chain ends and a circular one cannot exist.
 */
bool backtrace_step(uint32_t *ebp, uint32_t *eip);

#endif
