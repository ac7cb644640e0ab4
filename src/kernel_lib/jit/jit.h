/* jit.h: what the files of this room share besides their own headers. */
#ifndef BF_JIT_H
#define BF_JIT_H

#include "jit/artifact.h"
#include "jit/measure.h"
#include "jit/request.h"
#include "jit/usage.h"
#include "jit_runtime.h"

/* What a function waits for. */
typedef enum {
    STEP_CALLS,    /* enough calls to be worth compiling, for the first time or by its profile */
    STEP_BRANCHES, /* every second call runs code that counts branches */
    STEP_TRIAL,    /* every second call runs code that may be better */
    STEP_NOTHING,  /* it stays what it is, and calls are not counted */
} step_t;

typedef struct {
    uint32_t count;    /* of conditional ones */
    bool is_recursive; /* the function calls itself */
} branches_t;

/* What is known of an optimizable function after jit_start(). */
struct jit_details {
    uint8_t *bitcode; /* of a function that is interpreted */
    uint32_t bitcode_size;
    jit_state_t state;
    step_t step;
    bool is_from_disk;
    bool is_final;   /* nothing better will be looked for after this trial */
    void *trial;     /* the candidate, while it is tried or counts */
    uint32_t trials; /* so far: what was measured of an earlier one does not count */
    measurement_t measured[VARIANTS];
    histogram_t values[JIT_WORDS];
    code_t code;             /* what runs instead of the build's; size 0 where that runs */
    code_t candidate;        /* what may take its place; size 0 where there is none */
    artifact_t artifact;     /* that the candidate came from */
    comparison_t worth;      /* of the code, by the build's */
    specialisation_t wanted; /* what the last request by the profile said */
    branches_t branches;
    bool is_by_profile; /* what runs */
};

/* Keeps "FUNCTION: WHY" for jit_message(); returns `result`. */
jit_result_t jit_fail(jit_result_t result, const char *function, const char *why);

/* make.c. The disk, after jit_start(). */

/*
 * What the disk knows of a function, for this processor and compiler: of the general request, or of a better one by its
 * key. With the bitcode of code that nobody measured yet. The caller gives it to artifact_free().
 */
bool jit_read_artifact(fs_volume_t *volume, const jit_function_t *function, const uint8_t *key, artifact_t *artifact);

/* Keeps on the disk which request is the best for a function; NULL: the general one, and no other need be looked for.
 */
void jit_keep_better(fs_volume_t *volume, const jit_function_t *function, const char *better);

jit_result_t jit_load(const jit_function_t *function, const artifact_t *artifact, code_t *code);

/* Asks the compiler. Artifact and code are the caller's. */
jit_result_t jit_make(fs_volume_t *volume, const jit_function_t *function, const specialisation_t *wanted,
                      artifact_t *artifact, code_t *code);

/* Asks for code that counts how branches turn out; where there are none, there is no code. */
jit_result_t jit_make_counting(fs_volume_t *volume, const jit_function_t *function, branches_t *branches, code_t *code);

/* jit.c. The disk; NULL before jit_start(). */
fs_volume_t *jit_volume(void);

/* Lets all calls run `code`, with no candidate; with NULL, what the build made. */
void jit_put(jit_function_t *function, const code_t *code);

/* Lets calls be counted, and every eighth be measured; or every one, with half of them running the candidate. */
void jit_count(jit_function_t *function);
void jit_try(jit_function_t *function, const code_t *candidate, step_t step);

/* Ends that, and gives the candidate back. */
void jit_drop_candidate(jit_function_t *function);

/* Leaves the function what it is, and its calls uncounted. */
void jit_leave(jit_function_t *function);

/* tiers.c. Looks whether it is time for the next step; called at calls that are measured. */
void jit_consider(jit_function_t *function);

/* The bitcode of a function's source, which the caller owns; loads the compiler module too. */
jit_result_t jit_read_bitcode(const jit_function_t *function, uint8_t **bitcode, uint32_t *size);

/* Sees to it that a function that exists only as bitcode can be called. */
void jit_prepare_interpreted(jit_function_t *function);

#endif
