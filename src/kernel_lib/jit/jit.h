/* jit.h: what the files of this room share besides their own headers. */
#ifndef BF_JIT_H
#define BF_JIT_H

#include "jit/measure.h"
#include "jit_runtime.h"

/* What is known of an optimizable function after jit_start(). */
struct jit_details {
    jit_state_t state;
    void *trial; /* the new code, while it is tried */
    measurement_t measured[VARIANTS];
    histogram_t values[JIT_WORDS];
    code_t code;     /* what runs instead of the build's, or is tried; size 0 where there is none */
    uint8_t *object; /* that the code came from, until it is decided about */
    uint32_t object_size;
    bool is_from_disk;
    comparison_t worth;
};

/* Looks whether it is time to compile a function, or to decide; called at calls that are measured. */
void jit_consider(jit_function_t *function);

#endif
