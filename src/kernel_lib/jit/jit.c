/*
 * jit.c: see jit_runtime.h. The life of a function: counted, tried, then optimized or rejected, which is remembered.
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
enum { KEPT_PER_MILLE = 950 }; /* what measures as less may be chance */

extern jit_function_t jit_functions_start[], jit_functions_stop[]; /* kernel.ld */

static fs_volume_t *volume;
static uint32_t threshold = 100;
static bool is_busy;
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

void jit_set_threshold(uint32_t calls) {
    threshold = calls;
}

/* Gives back what nobody is in any more. */
static void sweep(void) {
    for (unsigned i = 0; i < RETIRED_MAX; i++)
        if (retired[i].size != 0 && !code_is_in_use(&retired[i]) && !measure_returns_to(&retired[i]))
            code_unload(&retired[i]);
}

/* Code beyond the list's length is never given back: that costs memory, and harms nobody. */
static void retire(const code_t *code) {
    sweep();
    for (unsigned i = 0; i < RETIRED_MAX && code->size != 0; i++)
        if (retired[i].size == 0) {
            retired[i] = *code;
            break;
        }
    sweep();
}

void jit_swap_function(jit_function_t *function, const code_t *code) {
    jit_details_t *details = function->details;
    assert(details != NULL);
    code_t old = details->code, new = code != NULL ? *code : (code_t){0};
    details->trial = NULL;
    details->code = new;
    function->base = code != NULL ? (void *)(uintptr_t)new.entry : function->aot;
    function->current = function->base; /* from this store on, every call runs it */
    if (old.start != new.start)
        retire(&old);
}

jit_result_t jit_compile(jit_function_t *function, code_t *code) {
    artifact_t artifact;
    if (volume == NULL)
        return JIT_NOT_STARTED;
    jit_result_t result = jit_make(volume, function, &artifact, code);
    if (result == JIT_OK)
        artifact_free(&artifact);
    return result;
}

/* Lets calls be counted, or with code at hand, be tried. */
static void count(jit_function_t *function, jit_state_t state) {
    function->details->state = state;
    function->mask = state == JIT_TRIED ? 0 : COUNTED_MASK;
    function->current = function->counted;
}

/* Lets the new code take every second call, until it is clear what it is worth. */
static void try(jit_function_t *function, const code_t *code) {
    jit_details_t *details = function->details;
    measurement_clear(&details->measured[VARIANT_BASE]);
    measurement_clear(&details->measured[VARIANT_NEW]);
    details->code = *code;
    details->trial = (void *)(uintptr_t)code->entry;
    count(function, JIT_TRIED);
}

/* Ends the counting of calls: the function is what the build made, for good. */
static void leave(jit_function_t *function, jit_state_t state) {
    function->details->state = state;
    jit_swap_function(function, NULL);
}

jit_result_t jit_optimize(jit_function_t *function) {
    if (volume == NULL)
        return JIT_NOT_STARTED;
    jit_details_t *details = function->details;
    if (is_busy || details->state != JIT_COUNTED)
        return JIT_BUSY;
    is_busy = true;
    code_t code;
    jit_result_t result = jit_make(volume, function, &details->artifact, &code);
    if (result == JIT_OK)
        try(function, &code);
    else
        leave(function, JIT_FAILED);
    jit_event(result == JIT_OK ? "tried" : "failed", function->name);
    is_busy = false;
    return result;
}

/* Keeps on the disk what the trial showed. */
static void remember(const jit_function_t *function) {
    char request[REQUEST_SIZE];
    const jit_details_t *details = function->details;
    artifact_t artifact = details->state == JIT_OPTIMIZED ? details->artifact : (artifact_t){0};
    artifact.per_mille = details->worth.per_mille;
    artifact.before = details->worth.before;
    artifact.after = details->worth.after;
    if (request_text(function, request) == 0 ||
        artifact_write(volume, function->source->abi, request, &artifact) != ARTIFACT_OK)
        jit_fail(JIT_OK, function->name, "what was found out cannot be kept on the disk");
}

static void decide(jit_function_t *function) {
    jit_details_t *details = function->details;
    is_busy = true;
    details->worth = measurement_compare(details->measured);
    bool is_faster = details->worth.before != 0 && details->worth.per_mille <= KEPT_PER_MILLE;
    if (is_faster) {
        details->state = JIT_OPTIMIZED;
        jit_swap_function(function, &details->code);
    } else {
        leave(function, JIT_REJECTED);
    }
    jit_event(is_faster ? "optimized" : "rejected", function->name);
    remember(function);
    artifact_free(&details->artifact);
    is_busy = false;
}

void jit_consider(jit_function_t *function) {
    const jit_details_t *details = function->details;
    if (is_busy || !interrupts_are_on())
        return;
    if (details->state == JIT_COUNTED && function->calls >= threshold)
        jit_optimize(function);
    else if (details->state == JIT_TRIED && measurement_is_enough(details->measured))
        decide(function);
}

/* Takes over what the disk knows of a function; false where that is of no use. */
static bool adopt(jit_function_t *function, const artifact_t *artifact) {
    jit_details_t *details = function->details;
    code_t code;
    details->is_from_disk = true;
    details->worth = (comparison_t){artifact->before, artifact->after, artifact->per_mille};
    if (artifact->object == NULL) {
        details->state = JIT_REJECTED;
        jit_event("rejected", function->name);
        return true;
    }
    if (jit_load(function, artifact, &code) != JIT_OK)
        return false;
    if (artifact->per_mille != 0) {
        details->state = JIT_OPTIMIZED;
        jit_swap_function(function, &code);
        jit_event("optimized", function->name);
        return true;
    }
    try(function, &code);
    jit_event("tried", function->name);
    return true;
}

/* Puts in place what the disk knows of a function; else its calls are counted. */
static void begin(jit_function_t *function) {
    artifact_t artifact;
    if (jit_read_artifact(volume, function, &artifact)) {
        bool is_adopted = adopt(function, &artifact);
        if (is_adopted && function->details->state == JIT_TRIED) {
            function->details->artifact = artifact;
            return;
        }
        artifact_free(&artifact);
        if (is_adopted)
            return;
    }
    function->details->is_from_disk = false;
    count(function, JIT_COUNTED);
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
    vectors_reset();
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
