/* jit.h: what the files of this room share besides their own headers. */
#ifndef BF_JIT_H
#define BF_JIT_H

#include "jit/artifact.h"
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

/* Keeps "FUNCTION: WHY" for jit_message(); returns `result`. */
jit_result_t jit_fail(jit_result_t result, const char *function, const char *why);

/* What the disk knows of a function, for this processor and compiler; artifact->object is the caller's. */
bool jit_read_artifact(fs_volume_t *volume, const jit_function_t *function, artifact_t *artifact);

jit_result_t jit_load(const jit_function_t *function, const uint8_t *object, uint32_t size, code_t *code);

/* The object of a function, which the caller owns, and its code: from the disk, or where that is of no use, made. */
jit_result_t jit_make(fs_volume_t *volume, const jit_function_t *function, uint8_t **object, uint32_t *size,
                      code_t *code);

/* Looks whether it is time to compile a function, or to decide; called at calls that are measured. */
void jit_consider(jit_function_t *function);

#endif
