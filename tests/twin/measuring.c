/* measuring.c: an app that compares codes by what their calls cost (jit/measure.h): when it is clear, and what counts.
 */
#include "check.h"
#include "jit/measure.h"

static measurement_t variants[VARIANTS];

static void clear(void) {
    measurement_clear(&variants[VARIANT_BASE]);
    measurement_clear(&variants[VARIANT_NEW]);
}

/* So many calls of each code, all classes in turn; a class costs by its number. */
static void call(uint32_t times, uint64_t base, uint64_t new) {
    for (uint32_t i = 0; i < times; i++) {
        uint8_t class = (uint8_t)(i % MEASURE_CLASSES);
        measurement_add(&variants[VARIANT_BASE], class, base * (1U + class));
        measurement_add(&variants[VARIANT_NEW], class, new * (1U + class));
    }
}

static int compares_by_the_least(void) {
    clear();
    call(MEASURE_TRIAL_CALLS, 1000, 400);
    CHECK(measurement_is_enough(variants));
    CHECK(measurement_compare(variants).per_mille == 400);
    for (unsigned i = 0; i < MEASURE_CLASSES; i++)
        measurement_add(&variants[VARIANT_NEW], (uint8_t)i, 1000000000); /* a long interrupt */
    comparison_t found = measurement_compare(variants);
    CHECK(found.per_mille == 400 && found.before == 8500 && found.after == 3400);
    return 0;
}

/* One call that was interrupted for long decides nothing, as long as its class was met no other time. */
static int leaves_out_what_was_met_once(void) {
    clear();
    for (uint32_t i = 0; i < MEASURE_TRIAL_CALLS; i++) {
        measurement_add(&variants[VARIANT_BASE], 1, 1000);
        measurement_add(&variants[VARIANT_NEW], 1, 900);
    }
    measurement_add(&variants[VARIANT_BASE], 2, 1000000000);
    measurement_add(&variants[VARIANT_NEW], 2, 900);
    CHECK(measurement_compare(variants).per_mille == 900);
    return 0;
}

static int measures_longer_what_is_close(void) {
    clear();
    call(MEASURE_TRIAL_CALLS - 1, 1000, 100);
    CHECK(!measurement_is_enough(variants)); /* clear, but too few */
    clear();
    call(MEASURE_TRIAL_CALLS, 1000, 2000);
    CHECK(measurement_is_enough(variants));
    clear();
    call(MEASURE_TRIAL_CALLS, 1000, 940);
    CHECK(!measurement_is_enough(variants));
    call(MEASURE_CLOSE_CALLS - MEASURE_TRIAL_CALLS, 1000, 940);
    CHECK(measurement_is_enough(variants));
    return 0;
}

static int knows_nothing_without_a_class_of_both(void) {
    clear();
    for (uint32_t i = 0; i < MEASURE_CLOSE_CALLS; i++) {
        measurement_add(&variants[VARIANT_BASE], 1, 1000);
        measurement_add(&variants[VARIANT_NEW], 2, 10);
    }
    comparison_t found = measurement_compare(variants);
    CHECK(found.before == 0 && found.after == 0 && found.per_mille == 0);
    return 0;
}

int app_main(void) {
    CHECK(compares_by_the_least() == 0);
    CHECK(leaves_out_what_was_met_once() == 0);
    CHECK(measures_longer_what_is_close() == 0);
    CHECK(knows_nothing_without_a_class_of_both() == 0);
    return 0;
}
