/*
 * compiler_module.h: the compiler module in this kernel: loaded once, called any number of times.
 *
 * The module is a Linux program (compiler/compiler.h). It gets what such a program expects: an address of its own, a
 * stack, a heap that grows, a thread area, and the few system calls that it makes (linux_calls.h); it runs in ring 0
 * like everything else, with interrupts on. Its memory is put back before each call to what it was after the first
 * start, so that an answer depends on the request alone, and nothing that goes wrong in one call is left in the next.
 *
 * Whatever goes wrong in the module (a fault, no memory, no end) comes back as a result. Not for interrupt handlers.
 */
#ifndef BF_COMPILER_MODULE_H
#define BF_COMPILER_MODULE_H

#include "fs/fs.h"
#include "jit/compiler/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    COMPILER_OK,
    COMPILER_NO_FILE,   /* the module cannot be read */
    COMPILER_BAD_FILE,  /* what was read is no compiler module of this ABI */
    COMPILER_NO_MEMORY, /* the heap has too little for the module, its heap or the object; or the processor no paging */
    COMPILER_FAILED,    /* it ended, crashed or took too long: in its start for good, in a call for that one */
    COMPILER_REFUSED,   /* it does not want this request */
} compiler_result_t;

/* How much memory the module may take for its own heap, and how long one call may take. Before compiler_load(). */
void compiler_limit(size_t heap_bytes, uint32_t milliseconds);

/* Loads and starts the module. Later calls do nothing, and say what the first one said. */
compiler_result_t compiler_load(fs_volume_t *volume, const char *path);

/* An answer. Both are the caller's: free() them. */
typedef struct {
    uint8_t *object;
    uint32_t object_size;
    uint8_t *optimized; /* the bitcode that the object was made from */
    uint32_t optimized_size;
    uint32_t branches; /* conditional ones, in the bitcode */
    bool is_recursive; /* the function calls itself */
} compiled_t;

/* Asks for what a request (its text) wants; fills in `compiled` where the result is COMPILER_OK. */
compiler_result_t compiler_run(const char *request, const void *bitcode, uint32_t bitcode_size, compiled_t *compiled);

/* Runs a call by the interpreter, on the stack of the caller. Calls may be nested; meanwhile nothing can be compiled.
 */
compiler_result_t compiler_interpret(compiler_call_t *call);

bool compiler_is_interpreting(void);

/* What the last call has to say of its failure; a sentence, or what the module wrote. "" after a success. */
const char *compiler_message(void);

typedef struct {
    uint32_t image_bytes;    /* of the module in memory */
    uint32_t heap_bytes;     /* that its heap grew to, at most */
    uint32_t snapshot_bytes; /* that are put back before a call */
    uint32_t calls;          /* that reached the module */
    uint32_t system_calls;   /* that it made */
    uint32_t refused_calls;  /* of these, such as are not known here */
    uint64_t load_cycles, start_cycles, last_cycles;
} compiler_statistics_t;

compiler_statistics_t compiler_statistics(void);

/* The text of a result. */
const char *compiler_result_text(compiler_result_t result);

#endif
