/*
 * jit_runtime.h: how a program measures its own functions.
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

#include <stddef.h>
#include <stdint.h>

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
