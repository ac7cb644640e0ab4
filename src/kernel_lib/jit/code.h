/*
 * code.h: machine code that came at run time: from an object to where it runs, and away again.
 *
 * The object is believed in nothing: what it says is checked before it is used, so whatever its bytes are, it is loaded
 * as it says or refused. It may hold code and constants, no variables; what it uses of its source's object it finds by
 * name (function.h), and so what compilers call of the kernel.
 *
 * Code lies in the window of virtual memory, where its pages can be read and run but not written; the memory behind
 * them, which is written while the code is loaded, cannot be run at its own address (where the processor knows pages of
 * mere data). Not for interrupt handlers.
 */
#ifndef BF_CODE_H
#define BF_CODE_H

#include "jit/function.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CODE_OK,
    CODE_MALFORMED, /* no object, or one that says what cannot be */
    CODE_UNKNOWN,   /* it needs what the kernel does not have; code_missing() names it */
    CODE_NO_MEMORY,
} code_result_t;

typedef struct {
    uint32_t start;     /* in the window */
    uint32_t size;      /* a multiple of PAGE_SIZE */
    uint32_t entry;     /* the address of the function that was asked for */
    void *memory;       /* of the heap, behind the pages */
    uint32_t *counters; /* of the heap: two for each branch, where the code counts them; else NULL */
    bool is_kept;       /* others may keep addresses of its constants: it must not be unloaded once it has run */
} code_t;

/* Loads an object and finds the function in it. Needs paging_init(). */
code_result_t code_load(const uint8_t *object, uint32_t size, const jit_function_t *function, code_t *code);

/* The same for an object that counts how its branches turn out: so many of them. The counters stand at 0. */
code_result_t code_load_counting(const uint8_t *object, uint32_t size, const jit_function_t *function,
                                 uint32_t branches, code_t *code);

/* The address of what a source (jit_source_t) or a compiler calls so; 0 where there is no such thing. */
uint32_t code_find(const void *source, const char *name);

/* Gives the memory back. Nobody may be in the code, nor be about to return to it: see code_is_in_use(). */
void code_unload(code_t *code);

/* Whether anything on the stack of the caller, up to where the stack starts, leads into the code. */
bool code_is_in_use(const code_t *code);

/* The name that the last CODE_UNKNOWN was about. */
const char *code_missing(void);

const char *code_result_text(code_result_t result);

#endif
