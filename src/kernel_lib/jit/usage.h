/* usage.h: from what was measured of a function's use to what a request says of it (request.h). */
#ifndef BF_USAGE_H
#define BF_USAGE_H

#include "jit/measure.h"
#include "jit/request.h"

/* Says of each word of the arguments that mostly has one value which one. */
void usage_values(const histogram_t values[JIT_WORDS], specialisation_t *wanted);

/*
 * The outcomes of `count` branches, from two counters each, as digits (FORMAT.md), of the heap. NULL where there is no
 * memory, or where they are too many for a request.
 */
char *usage_branches(const uint32_t *counters, uint32_t count);

#endif
