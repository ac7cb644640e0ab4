/* usage.c: see usage.h. */
#include "jit/usage.h"
#include "memory/memory.h"

enum { CONSTANT_PER_MILLE = 900 }; /* of the measured calls: below, the guard costs more calls than it helps */
enum { BRANCHES_MAX = 700, LOGARITHM_MAX = 15 };

void usage_values(const histogram_t values[JIT_WORDS], specialisation_t *wanted) {
    wanted->known = 0;
    for (unsigned word = 0; word < JIT_WORDS; word++) {
        frequent_t frequent = histogram_most(&values[word]);
        wanted->value[word] = frequent.value;
        wanted->known |= (frequent.per_mille >= CONSTANT_PER_MILLE ? 1U : 0U) << word;
    }
}

static char logarithm(uint32_t count) {
    unsigned result = 0;
    while (result < LOGARITHM_MAX && 2U << result <= 1 + count)
        result++;
    return "0123456789ABCDEF"[result];
}

/* Both are halved until they fit: what counts is how often a branch is taken of the times that it is met. */
char *usage_branches(const uint32_t *counters, uint32_t count) {
    char *digits = count == 0 || count > BRANCHES_MAX ? NULL : calloc(2 * count + 1, 1);
    for (uint32_t i = 0; digits != NULL && i < count; i++) {
        uint32_t taken = counters[2 * i], not_taken = counters[2 * i + 1];
        while (((taken | not_taken) >> (LOGARITHM_MAX + 1)) != 0) {
            taken /= 2;
            not_taken /= 2;
        }
        digits[2 * i] = logarithm(taken);
        digits[2 * i + 1] = logarithm(not_taken);
    }
    return digits;
}
