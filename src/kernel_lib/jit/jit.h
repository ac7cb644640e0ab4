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
    code_t code;         /* what runs instead of the build's, or is tried; size 0 where there is none */
    artifact_t artifact; /* that the code came from, until it is decided about */
    bool is_from_disk;
    comparison_t worth;
};

/* Keeps "FUNCTION: WHY" for jit_message(); returns `result`. */
jit_result_t jit_fail(jit_result_t result, const char *function, const char *why);

/*
 * What the disk knows of a function, for this processor and compiler: of a better request, where one was found. With
 * the bitcode of code that nobody measured yet. The caller gives it to artifact_free().
 */
bool jit_read_artifact(fs_volume_t *volume, const jit_function_t *function, artifact_t *artifact);

jit_result_t jit_load(const jit_function_t *function, const artifact_t *artifact, code_t *code);

/* What a function is to be, and its code: from the disk, or where that is of no use, made. As above. */
jit_result_t jit_make(fs_volume_t *volume, const jit_function_t *function, artifact_t *artifact, code_t *code);

/* Looks whether it is time to compile a function, or to decide; called at calls that are measured. */
void jit_consider(jit_function_t *function);

#endif
