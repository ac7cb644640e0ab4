/*
 * jit.c: see jit_runtime.h. What a function runs, and what the disk knows of it at the start; tiers.c goes on from
 * there.
 *
 * Everything here runs in the program's own thread, called by it or at a call of a function that is counted; never in
 * an interrupt handler, which jit_consider() sees to.
 */
#include "jit/jit.h"
#include "cpu/double_fault.h"
#include "cpu/interrupts.h"
#include "cpu/paging.h"
#include "cpu/panic.h"
#include "cpu/vectors.h"
#include "jit/artifact.h"
#include "jit/compiler_module.h"
#include "jit/request.h"
#include "memory/memory.h"

enum { COUNTED_MASK = 7, CALL_LIMIT = 20000 /* ms */, RETIRED_MAX = 16 };

extern jit_function_t jit_functions_start[], jit_functions_stop[]; /* kernel.ld */

static fs_volume_t *volume;
static code_t retired[RETIRED_MAX]; /* code that somebody may still be in */

jit_function_t *jit_functions(void) {
    return jit_functions_start;
}

jit_function_t *jit_functions_end(void) {
    return jit_functions_stop;
}

void jit_heap_init(size_t bytes) {
    compiler_limit(bytes, CALL_LIMIT);
}

fs_volume_t *jit_volume(void) {
    return volume;
}

/* Gives back what nobody is in any more. */
static void sweep(void) {
    for (unsigned i = 0; i < RETIRED_MAX; i++)
        if (retired[i].size != 0 && !code_is_in_use(&retired[i]) && !measure_returns_to(&retired[i]))
            code_unload(&retired[i]);
}

/* Code beyond the list's length is never given back: that costs memory, and harms nobody. Nor is what must stay. */
static void retire(const code_t *code) {
    sweep();
    for (unsigned i = 0; i < RETIRED_MAX && code->size != 0 && !code->is_kept; i++)
        if (retired[i].size == 0) {
            retired[i] = *code;
            break;
        }
    sweep();
}

void jit_put(jit_function_t *function, const code_t *code) {
    jit_details_t *details = function->details;
    code_t old = details->code, new = code != NULL ? *code : (code_t){0};
    details->code = new;
    function->base = code != NULL ? (void *)(uintptr_t)new.entry : function->aot;
    function->current = function->base; /* from this store on, every call runs it */
    if (old.start != new.start)
        retire(&old);
}

void jit_drop_candidate(jit_function_t *function) {
    jit_details_t *details = function->details;
    code_t candidate = details->candidate;
    details->trial = NULL;
    details->candidate = (code_t){0};
    artifact_free(&details->artifact);
    retire(&candidate);
}

void jit_leave(jit_function_t *function) {
    free(function->details->wanted.branches);
    function->details->wanted.branches = NULL;
    function->details->step = STEP_NOTHING;
    function->current = function->base;
}

void jit_swap_function(jit_function_t *function, const code_t *code) {
    assert(function->details != NULL);
    jit_leave(function);
    jit_drop_candidate(function);
    jit_put(function, code);
}

void jit_count(jit_function_t *function) {
    function->details->step = STEP_CALLS;
    function->mask = COUNTED_MASK;
    function->current = function->counted;
}

void jit_try(jit_function_t *function, const code_t *candidate, step_t step) {
    jit_details_t *details = function->details;
    measurement_clear(&details->measured[VARIANT_BASE]);
    measurement_clear(&details->measured[VARIANT_NEW]);
    details->trials++;
    details->candidate = *candidate;
    details->trial = (void *)(uintptr_t)candidate->entry;
    details->step = step;
    function->mask = 0;
    function->current = function->counted;
}

typedef struct {
    artifact_t artifact;
    bool is_by_profile; /* of another request than the general one */
    bool is_final;      /* the search for something better is over */
} best_t;

/* What the disk knows of the best request for a function. Where it names one that is gone, the search starts anew. */
static bool read_best(const jit_function_t *function, best_t *best) {
    static const uint8_t unknown[SHA256_SIZE];
    uint8_t own[SHA256_SIZE];
    artifact_t better, *general = &best->artifact;
    *best = (best_t){0};
    if (!jit_read_artifact(volume, function, NULL, general))
        return false;
    if (memcmp(general->better, unknown, SHA256_SIZE) == 0)
        return true;
    sha256(general->request, strlen(general->request), own);
    best->is_final = memcmp(general->better, own, SHA256_SIZE) == 0;
    if (best->is_final || !jit_read_artifact(volume, function, general->better, &better))
        return true;
    best->is_final = true;
    best->is_by_profile = better.object != NULL;
    artifact_free(best->is_by_profile ? general : &better);
    if (best->is_by_profile)
        *general = better;
    return true;
}

jit_result_t jit_compile(jit_function_t *function, code_t *code) {
    best_t best;
    artifact_t made;
    if (volume == NULL)
        return JIT_NOT_STARTED;
    jit_result_t result = JIT_BAD_OBJECT;
    if (read_best(function, &best)) {
        if (best.artifact.object != NULL)
            result = jit_load(function, &best.artifact, code);
        artifact_free(&best.artifact);
    }
    if (result == JIT_OK)
        return result;
    result = jit_make(volume, function, &(specialisation_t){.recursion = REQUEST_RECURSION}, &made, code);
    artifact_free(&made);
    return result;
}

/* Lets a function be what the disk knows of it. Keeps the artifact, or frees it. */
static bool adopt(jit_function_t *function, best_t *best) {
    jit_details_t *details = function->details;
    artifact_t *artifact = &best->artifact;
    code_t code;
    bool has_code = artifact->object != NULL;
    if (has_code && jit_load(function, artifact, &code) != JIT_OK) {
        artifact_free(artifact);
        return false;
    }
    details->is_from_disk = true;
    details->is_by_profile = best->is_by_profile;
    details->is_final = best->is_final;
    details->worth = (comparison_t){artifact->before, artifact->after, artifact->per_mille};
    if (has_code && artifact->per_mille == 0) {
        details->artifact = *artifact;
        details->state = JIT_TRIED;
        jit_try(function, &code, STEP_TRIAL);
        jit_event("tried", function->name);
        return true;
    }
    details->state = has_code ? JIT_OPTIMIZED : JIT_REJECTED;
    jit_put(function, has_code ? &code : NULL);
    jit_event(has_code ? "optimized" : "rejected", function->name);
    artifact_free(artifact);
    if (details->is_final)
        jit_leave(function);
    else
        jit_count(function);
    return true;
}

/* Puts in place what the disk knows of a function; else its calls are counted. */
static void begin(jit_function_t *function) {
    best_t best;
    if (read_best(function, &best) && adopt(function, &best))
        return;
    jit_count(function);
    if (function->is_interpreted)
        jit_prepare_interpreted(function);
}

jit_result_t jit_start(void) {
    if (volume != NULL)
        return JIT_OK;
    jit_event("start", "jit");
    fs_volume_t *found;
    fs_result_t result = fs_mount_disk(&found);
    if (result != FS_OK)
        return jit_fail(JIT_NO_DISK, "the disk", fs_result_text(result));
    if (!paging_init())
        return jit_fail(JIT_NO_PAGING, "paging", "the processor has no PAE, or memory lies in the window");
    double_fault_init();
    vectors_init();
    for (jit_function_t *function = jit_functions_start; function < jit_functions_stop; function++) {
        function->details = calloc(1, sizeof(jit_details_t));
        if (function->details == NULL)
            return jit_fail(JIT_NO_MEMORY, function->name, "there is no memory for its profile");
        measurement_clear(&function->details->measured[VARIANT_BASE]);
    }
    volume = found;
    for (jit_function_t *function = jit_functions_start; function < jit_functions_stop; function++)
        begin(function);
    jit_event("started", "jit");
    return JIT_OK;
}
