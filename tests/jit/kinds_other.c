/* kinds_other.c: another file that kinds.c uses; see kinds.h. */
#include "jit/function.h"
#include "kinds.h"

uint32_t elsewhere = 3;
static uint32_t calls; /* not that of kinds.c */

uint32_t hook(uint32_t n);
uint32_t hook(uint32_t n) {
    return n + 1000;
}

/* Not those of kinds.c. */
static uint32_t __attribute__((noinline)) plus(uint32_t a, uint32_t b) {
    return a + b + 1000000;
}

JIT_OPTIMIZABLE(scale, 1)
uint32_t scale(uint32_t n) {
    calls++;
    return plus(n * 10, calls);
}

JIT_OPTIMIZABLE(sort_by, 3)
void sort_by(uint32_t *values, uint32_t count, int32_t (*compare)(uint32_t, uint32_t)) {
    for (uint32_t i = 1; i < count; i++) {
        uint32_t value = values[i], at = i;
        for (; at > 0 && compare(values[at - 1], value) > 0; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

void kinds_other_reset(void) {
    elsewhere = 3, calls = 0;
}
