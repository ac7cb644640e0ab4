/*
 * measure.h: what calls cost, of the code that there is and of code that might take its place.
 *
 * A call is measured from its entry to its return, with all that happens in between. Two codes are compared call by
 * call in turns that follow no pattern of the caller's. Calls with other arguments do other work, so each call falls
 * into a class by its arguments, and the least that a class ever cost counts: an interrupt, or an emulator that meets
 * code for the first time, only ever makes a call longer. A class that was met only once may have had nothing else, and
 * does not count. Where two codes seem to cost nearly the same, chance has more to say, so they are measured longer.
 */
#ifndef BF_MEASURE_H
#define BF_MEASURE_H

#include "jit/code.h"
#include "jit/function.h"

#include <stdbool.h>
#include <stdint.h>

enum { MEASURE_CLASSES = 16, MEASURE_VALUES = 4 };

/* How often each code is called, and in a class at least; where what they cost is close (in per mille), more often. */
enum { MEASURE_TRIAL_CALLS = 48, MEASURE_CLASS_CALLS = 2 };
enum { MEASURE_CLOSE_CALLS = 128, MEASURE_CLOSE_FROM = 850, MEASURE_CLOSE_TO = 1150 };

typedef enum { VARIANT_BASE, VARIANT_NEW, VARIANTS } variant_t;

typedef struct {
    uint32_t calls;
    uint32_t met[MEASURE_CLASSES];   /* of these, of a class */
    uint64_t least[MEASURE_CLASSES]; /* UINT64_MAX where the class was not met */
} measurement_t;

/* The values that an argument word has most often, of the calls that were measured. */
typedef struct {
    uint32_t value[MEASURE_VALUES];
    uint32_t count[MEASURE_VALUES];
} histogram_t;

typedef struct {
    uint32_t value, per_mille; /* of the calls that have it */
} frequent_t;

/* The value that calls have most often. */
frequent_t histogram_most(const histogram_t *histogram);

void measurement_clear(measurement_t *measurement);
void measurement_add(measurement_t *measurement, uint8_t class, uint64_t cycles);

/* Whether both codes were called often enough to be compared. */
bool measurement_is_enough(const measurement_t variants[VARIANTS]);

/* What a call costs on average, over all classes that are known of both; all 0 where there are none. */
typedef struct {
    uint64_t before, after; /* cycles */
    uint32_t per_mille;     /* of the new code's cost, by the base's */
} comparison_t;

comparison_t measurement_compare(const measurement_t variants[VARIANTS]);

/* Whether a call that is measured will return into the code. */
bool measure_returns_to(const code_t *code);

/* counted.asm: notes a call, puts its own address in the place of the return address, says which code to run. */
void *measure_begin(jit_function_t *function, uint32_t *return_slot);
uint32_t measure_end(void);

#endif
