/*
 * measure.c: see measure.h. Calls that are under way stand on a stack of their own. A call is listed before it is
 * described, and described no longer after it is taken off, so an interrupt handler may call such functions too.
 */
#include "jit/measure.h"
#include "cpu/tsc.h"
#include "jit/jit.h"
#include "memory/memory.h"

enum { NESTED_MAX = 64 };

typedef struct {
    uint32_t return_address;
    jit_function_t *function;
    variant_t variant;
    uint32_t trial;
    uint8_t class;
    uint64_t start;
} call_t;

void measured_return(void); /* counted.asm */

static call_t nested[NESTED_MAX];
static volatile uint32_t depth;
static uint32_t dice = 1;

void measurement_clear(measurement_t *measurement) {
    *measurement = (measurement_t){0};
    for (unsigned i = 0; i < MEASURE_CLASSES; i++)
        measurement->least[i] = UINT64_MAX;
}

void measurement_add(measurement_t *measurement, uint8_t class, uint64_t cycles) {
    measurement->calls++;
    measurement->met[class]++;
    if (cycles < measurement->least[class])
        measurement->least[class] = cycles;
}

static bool is_known(const measurement_t *measurement, unsigned class) {
    return measurement->met[class] >= MEASURE_CLASS_CALLS;
}

comparison_t measurement_compare(const measurement_t variants[VARIANTS]) {
    uint64_t before = 0, after = 0, classes = 0;
    for (unsigned i = 0; i < MEASURE_CLASSES; i++) {
        if (!is_known(&variants[VARIANT_BASE], i) || !is_known(&variants[VARIANT_NEW], i))
            continue;
        before += variants[VARIANT_BASE].least[i];
        after += variants[VARIANT_NEW].least[i];
        classes++;
    }
    if (before == 0)
        return (comparison_t){0};
    uint32_t per_mille = (uint32_t)(after * 1000 / before);
    return (comparison_t){before / classes, after / classes, per_mille == 0 ? 1 : per_mille}; /* 0: not known */
}

bool measurement_is_enough(const measurement_t variants[VARIANTS]) {
    uint32_t base = variants[VARIANT_BASE].calls, new = variants[VARIANT_NEW].calls, calls = base < new ? base : new;
    if (calls < MEASURE_TRIAL_CALLS || calls >= MEASURE_CLOSE_CALLS)
        return calls >= MEASURE_CLOSE_CALLS;
    uint32_t per_mille = measurement_compare(variants).per_mille;
    return per_mille < MEASURE_CLOSE_FROM || per_mille > MEASURE_CLOSE_TO;
}

static bool toss(void) {
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return (dice >> 16 & 1) != 0;
}

static uint8_t class_of(const uint32_t *arguments, uint32_t words) {
    uint32_t hash = 0;
    for (uint32_t i = 0; i < words; i++)
        hash = (hash ^ arguments[i]) * 0x9E3779B1;
    return (uint8_t)(words == 0 ? 0 : hash >> 28);
}

/* A value that is new takes the place of the rarest, and its count, so that frequent values stay. */
static void note_value(histogram_t *histogram, uint32_t value) {
    unsigned rarest = 0;
    for (unsigned i = 0; i < MEASURE_VALUES; i++) {
        if (histogram->count[i] != 0 && histogram->value[i] == value) {
            histogram->count[i]++;
            return;
        }
        if (histogram->count[i] < histogram->count[rarest])
            rarest = i;
    }
    histogram->value[rarest] = value;
    histogram->count[rarest]++;
}

frequent_t histogram_most(const histogram_t *histogram) {
    uint32_t all = 0, most = 0;
    for (unsigned i = 0; i < MEASURE_VALUES; i++) {
        all += histogram->count[i];
        most = histogram->count[i] > histogram->count[most] ? i : most;
    }
    uint32_t share = all == 0 ? 0 : (uint32_t)((uint64_t)histogram->count[most] * 1000 / all);
    return (frequent_t){histogram->value[most], share};
}

static void *code_of(const jit_function_t *function, variant_t variant) {
    return variant == VARIANT_NEW ? function->details->trial : function->base;
}

bool measure_returns_to(const code_t *code) {
    for (uint32_t i = 0; i < depth; i++)
        if (nested[i].return_address - code->start < code->size)
            return true;
    return false;
}

void *measure_begin(jit_function_t *function, uint32_t *return_slot) {
    uint32_t words = function->words < JIT_WORDS ? function->words : JIT_WORDS;
    const uint32_t *arguments = return_slot + 1;
    jit_consider(function);
    variant_t variant = function->details->trial != NULL && toss() ? VARIANT_NEW : VARIANT_BASE;
    if (depth >= NESTED_MAX)
        return code_of(function, variant);
    for (uint32_t i = 0; i < words; i++)
        note_value(&function->details->values[i], arguments[i]);
    call_t *call = &nested[depth++];
    *call = (call_t){*return_slot, function, variant, function->details->trials, class_of(arguments, words), 0};
    *return_slot = (uint32_t)measured_return;
    void *code = code_of(function, variant);
    call->start = rdtsc();
    return code;
}

uint32_t measure_end(void) {
    uint64_t end = rdtsc();
    const call_t *call = &nested[depth - 1];
    jit_details_t *details = call->function->details;
    uint32_t return_address = call->return_address;
    if (call->trial == details->trials) /* else it was of code that has been decided about */
        measurement_add(&details->measured[call->variant], call->class, end - call->start);
    depth = depth - 1;
    return return_address;
}
