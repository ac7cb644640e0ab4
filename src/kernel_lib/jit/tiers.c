/*
 * tiers.c: the life of a function, which jit_consider() leads on step by step:
 *
 *     counted -> compiled -> tried -> counted -> its branches are counted -> compiled by its profile -> tried -> left
 *
 * The first time the request is the general one; what the trial shows is kept on the disk. After many more calls there
 * is a profile: values of arguments, outcomes of branches. A request that says so is tried against what runs by then,
 * and one that is better is kept as well. Of a function that calls itself, one level more is put into it each time that
 * this paid. Whatever fails leaves a function what it is.
 */
#include "cpu/interrupts.h"
#include "jit/compiler_module.h"
#include "jit/jit.h"
#include "memory/memory.h"

enum { KEPT_PER_MILLE = 950 };  /* what measures as less may be chance */
enum { PROFILED_AT_TIMES = 5 }; /* the threshold, a profile is worth compiling by */
enum { BRANCH_CALLS = 32 };     /* run the code that counts branches */
enum { RECURSION_MAX = 12 };    /* each level doubles the code, so the compiler stops long before */

static uint32_t threshold = 100;
static bool is_busy;

void jit_set_threshold(uint32_t calls) {
    threshold = calls;
}

/* Keeps on the disk what the trial of the artifact showed. */
static bool keep(const jit_function_t *function, bool is_used) {
    const jit_details_t *details = function->details;
    artifact_t artifact = details->artifact;
    artifact.per_mille = details->worth.per_mille;
    artifact.before = details->worth.before;
    artifact.after = details->worth.after;
    if (!is_used)
        artifact.object_size = artifact.optimized_size = 0;
    if (artifact_write(jit_volume(), function->source->abi, &artifact) == ARTIFACT_OK)
        return true;
    jit_fail(JIT_OK, function->name, "what was found out cannot be kept on the disk");
    return false;
}

/* Lets the candidate run instead of what runs now. */
static void promote(jit_function_t *function) {
    code_t candidate = function->details->candidate;
    function->details->candidate = (code_t){0};
    jit_drop_candidate(function);
    jit_put(function, &candidate);
}

static bool is_faster(const comparison_t *found) {
    return found->before != 0 && found->per_mille <= KEPT_PER_MILLE;
}

static jit_result_t begin_first(jit_function_t *function) {
    jit_details_t *details = function->details;
    const specialisation_t general = {.recursion = REQUEST_RECURSION};
    code_t code;
    jit_result_t result = jit_make(jit_volume(), function, &general, &details->artifact, &code);
    details->state = result == JIT_OK ? JIT_TRIED : JIT_FAILED;
    if (result == JIT_OK)
        jit_try(function, &code, STEP_TRIAL);
    else
        jit_leave(function);
    jit_event(result == JIT_OK ? "tried" : "failed", function->name);
    return result;
}

static void decide_first(jit_function_t *function) {
    jit_details_t *details = function->details;
    details->worth = measurement_compare(details->measured);
    details->state = is_faster(&details->worth) ? JIT_OPTIMIZED : JIT_REJECTED;
    jit_event(details->state == JIT_OPTIMIZED ? "optimized" : "rejected", function->name);
    keep(function, details->state == JIT_OPTIMIZED);
    if (details->state == JIT_OPTIMIZED)
        promote(function);
    else
        jit_drop_candidate(function);
    if (details->is_final)
        jit_leave(function);
    else
        jit_count(function);
}

/* Asks for code by the profile; where the compiler cannot tell these arguments apart, without their values. */
static void begin_profiled(jit_function_t *function) {
    jit_details_t *details = function->details;
    code_t code;
    jit_result_t result = jit_make(jit_volume(), function, &details->wanted, &details->artifact, &code);
    if (result == JIT_REFUSED && details->wanted.known != 0) {
        details->wanted.known = 0;
        result = jit_make(jit_volume(), function, &details->wanted, &details->artifact, &code);
    }
    if (result == JIT_OK)
        jit_try(function, &code, STEP_TRIAL);
    else
        jit_leave(function);
}

/* The profile is complete. */
static void use_profile(jit_function_t *function) {
    jit_details_t *details = function->details;
    specialisation_t *wanted = &details->wanted;
    wanted->recursion = REQUEST_RECURSION + (details->branches.is_recursive ? 1 : 0);
    usage_values(details->values, wanted);
    if (wanted->branches != NULL || wanted->known != 0 || wanted->recursion != REQUEST_RECURSION) {
        begin_profiled(function);
    } else {
        jit_keep_better(jit_volume(), function, NULL);
        jit_leave(function);
    }
}

static void begin_branches(jit_function_t *function) {
    code_t code = {0};
    if (jit_make_counting(jit_volume(), function, &function->details->branches, &code) != JIT_OK)
        jit_leave(function);
    else if (code.size != 0)
        jit_try(function, &code, STEP_BRANCHES);
    else
        use_profile(function);
}

static void take_branches(jit_function_t *function) {
    jit_details_t *details = function->details;
    details->wanted.branches = usage_branches(details->candidate.counters, details->branches.count);
    jit_drop_candidate(function);
    use_profile(function);
}

/* What the candidate costs by the build's code, from what it costs by the code that was chosen before. */
static comparison_t by_the_build(const jit_details_t *details, const comparison_t *trial) {
    if (details->state != JIT_OPTIMIZED || details->worth.per_mille == 0)
        return *trial;
    return (comparison_t){
        .before = trial->before * 1000 / details->worth.per_mille,
        .after = trial->after,
        .per_mille = (trial->per_mille * details->worth.per_mille + 999) / 1000,
    };
}

static void decide_profiled(jit_function_t *function) {
    jit_details_t *details = function->details;
    comparison_t trial = measurement_compare(details->measured);
    jit_event(is_faster(&trial) ? "improved" : "unchanged", function->name);
    if (!is_faster(&trial)) {
        jit_drop_candidate(function);
        if (!details->is_final)
            jit_keep_better(jit_volume(), function, NULL);
        jit_leave(function);
        return;
    }
    details->worth = by_the_build(details, &trial);
    details->state = JIT_OPTIMIZED;
    details->is_from_disk = false;
    details->is_by_profile = true;
    details->is_final = true;
    if (keep(function, true))
        jit_keep_better(jit_volume(), function, details->artifact.request);
    promote(function);
    if (details->branches.is_recursive && details->wanted.recursion++ < RECURSION_MAX)
        begin_profiled(function);
    else
        jit_leave(function);
}

jit_result_t jit_optimize(jit_function_t *function) {
    if (jit_volume() == NULL)
        return JIT_NOT_STARTED;
    if (is_busy || function->details->state != JIT_COUNTED)
        return JIT_BUSY;
    is_busy = true;
    jit_result_t result = begin_first(function);
    is_busy = false;
    return result;
}

static void first(jit_function_t *function) {
    begin_first(function);
}

typedef void step_function_t(jit_function_t *);

/* What is to be done now; NULL for nothing. */
static step_function_t *next_step(const jit_function_t *function) {
    const jit_details_t *details = function->details;
    switch (details->step) {
    case STEP_CALLS:
        if (details->state == JIT_COUNTED)
            return first;
        return function->calls / PROFILED_AT_TIMES >= threshold ? begin_branches : NULL;
    case STEP_BRANCHES:
        return details->measured[VARIANT_NEW].calls >= BRANCH_CALLS ? take_branches : NULL;
    case STEP_TRIAL:
        if (!measurement_is_enough(details->measured))
            return NULL;
        return details->state == JIT_TRIED ? decide_first : decide_profiled;
    case STEP_NOTHING:
        return NULL;
    }
    return NULL;
}

void jit_consider(jit_function_t *function) {
    if (function->mask != 0 && function->calls < threshold)
        return; /* the usual case, which must cost little */
    step_function_t *step = next_step(function);
    if (step == NULL || is_busy || compiler_is_interpreting() || !interrupts_are_on())
        return;
    is_busy = true;
    step(function);
    is_busy = false;
}
