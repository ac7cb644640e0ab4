/*
 * jit_runtime.h: how a program measures its own functions, and how those that it marked become better while it runs.
 *
 * A function that is marked (jit/function.h) needs nothing more than
 *
 *     jit_start();
 *
 * From then on its calls are counted. When there are enough, it is compiled anew, for the processor that is found here
 * and from all that the source says; the new code takes every second call until it is clear what it is worth, and stays
 * only if it is faster. What came out is kept on the disk (jit/artifact.h): the next boot has it at once, and does not
 * even read the compiler. Without jit_start(), and whatever goes wrong, a function is what the build made of it.
 *
 * Any other piece of code can be measured by hand:
 *
 *     static jit_profile_t profile;
 *     jit_profile_init(&profile, "fibonacci");
 *     uint64_t start = jit_profile_begin(&profile);
 *     result = fibonacci(10);
 *     jit_profile_end(&profile, start);
 *
 * begin and end cost two readings of the cycle counter and a few additions, inlined. The start lives in the caller, so
 * measurements of one profile may nest, and each then counts in full. Not for interrupt handlers.
 */
#ifndef BF_JIT_RUNTIME_H
#define BF_JIT_RUNTIME_H

#include "cpu/tsc.h"
#include "jit/code.h"
#include "jit/function.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    JIT_OK,
    JIT_NO_DISK,     /* there is no disk, or no partition on it */
    JIT_NO_PAGING,   /* the processor has none that we can use */
    JIT_NO_MEMORY,   /* of the heap */
    JIT_NO_BITCODE,  /* the function's bitcode is not on the disk, or not the one that the kernel was built with */
    JIT_NO_COMPILER, /* the compiler module could not be loaded */
    JIT_REFUSED,     /* the compiler gave no object */
    JIT_BAD_OBJECT,  /* the object cannot be loaded */
    JIT_NOT_STARTED, /* jit_start() did not succeed */
    JIT_BUSY,        /* it is being tried, or compiled, or has been decided about */
} jit_result_t;

const char *jit_result_text(jit_result_t result);

/* What lies behind the last result that was not JIT_OK; a sentence. */
const char *jit_message(void);

/* How much memory the compiler may take for its own heap; 24 MiB if never called. Before jit_start(). */
void jit_heap_init(size_t bytes);

/* After how many calls a function is worth compiling; 100 if never called. After five times as many, by its profile. */
void jit_set_threshold(uint32_t calls);

/* Puts the code in place that the disk has for this processor, and counts the calls of all other marked functions. */
jit_result_t jit_start(void);

/*
 * Makes code for this processor: from the disk where it has it, else by the compiler. It runs nowhere yet; the caller
 * gives it to jit_swap_function() or to code_unload().
 */
jit_result_t jit_compile(jit_function_t *function, code_t *code);

/*
 * Lets all further calls of the function run `code`, or with NULL what the build made. May be done at any time, also
 * while the function runs: who is in the old code finishes there, and only then it is given back. Takes over `code`.
 */
void jit_swap_function(jit_function_t *function, const code_t *code);

/* Compiles a function now and lets the next calls decide. This is what happens by itself at the threshold. */
jit_result_t jit_optimize(jit_function_t *function);

typedef enum {
    JIT_COUNTED,   /* its calls are counted; also after an attempt that failed, then no more */
    JIT_TRIED,     /* new code takes every second call */
    JIT_OPTIMIZED, /* new code was faster, here or at an earlier boot */
    JIT_REJECTED,  /* new code was not faster: the function is what the build made */
    JIT_FAILED,    /* there is no new code: the same */
} jit_state_t;

typedef struct {
    jit_state_t state;
    bool is_from_disk;      /* what is known of it was known at the boot */
    bool is_by_profile;     /* what runs was made for the values and branches that were measured */
    bool is_final;          /* nothing better is looked for any more */
    uint32_t calls;         /* that were counted */
    uint32_t per_mille;     /* the cost of the new code by that of the old; 0 while it is not known */
    uint64_t before, after; /* cycles of a call, on average */
    uint32_t value[JIT_WORDS], share[JIT_WORDS]; /* the most frequent value of each argument, and its calls per mille */
} jit_status_t;

/* The marked functions: the first, and the one behind the last. */
jit_function_t *jit_functions(void);
jit_function_t *jit_functions_end(void);

jit_status_t jit_status(const jit_function_t *function);

/* Shows all marked functions on the terminal, as a table, and writes a record "optimized" for each. */
void jit_print(void);

/*
 * For `doit bench`, and nothing in other boots: records of what happens when, and of what calls cost as they go on.
 * An event has a word for what it is and a name of whom it is about; times count from the first one, which is a
 * program's "entry", to its "done". A sample says what the last `calls` calls of a function cost together; `number` is
 * how many it has had by now.
 */
void jit_event(const char *what, const char *name);
void jit_sample(const char *function, uint32_t number, uint32_t calls, uint64_t cycles);

typedef struct jit_profile {
    const char *name; /* no spaces: it stands in records */
    uint64_t calls;
    uint64_t total; /* cycles, as are the next two */
    uint64_t min;   /* UINT64_MAX while there are no calls */
    uint64_t max;
    struct jit_profile *next;
} jit_profile_t;

/*
 * Clears the profile and lists it, behind those listed before; one that is listed already keeps its place. `profile`
 * and `name` must stay for good.
 */
void jit_profile_init(jit_profile_t *profile, const char *name);

/* The first profile of the list; `next` leads on. NULL when there is none. */
const jit_profile_t *jit_profile_first(void);

/* Cycles per call, rounded down; 0 without calls. */
uint64_t jit_profile_average(const jit_profile_t *profile);

/* Shows every listed profile on the terminal, as a table. */
void jit_profile_print(void);

/* Writes a record "function" for every listed profile. */
void jit_profile_record(void);

static inline uint64_t jit_profile_begin(jit_profile_t *profile) {
    profile->calls++;
    return rdtsc();
}

static inline void jit_profile_end(jit_profile_t *profile, uint64_t start) {
    uint64_t cycles = rdtsc() - start;
    profile->total += cycles;
    if (cycles < profile->min)
        profile->min = cycles;
    if (cycles > profile->max)
        profile->max = cycles;
}

#endif
