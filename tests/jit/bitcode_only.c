/* bitcode_only.c: see bitcode_only.h. */
#include "bitcode_only.h"
#include "jit/function.h"

JIT_INTERPRETED(collatz, 1)
uint32_t collatz(uint32_t n) {
    uint32_t steps = 0;
    for (; n != 1; steps++)
        n = n % 2 != 0 ? 3 * n + 1 : n / 2;
    return steps;
}

JIT_INTERPRETED(ackermann, 2)
uint32_t ackermann(uint32_t m, uint32_t n) {
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

JIT_INTERPRETED(mix_wide, 3)
uint64_t mix_wide(uint64_t a, uint32_t b) {
    static const uint32_t keys[4] = {3, 5, 7, 11};
    switch (b % 5) {
    case 0:
        return a * keys[b % 4];
    case 1:
        return a / keys[b % 4] - b;
    default:
        return (a << b % 40 | a >> 3) ^ keys[b % 4];
    }
}

static uint32_t counter;

JIT_INTERPRETED(count, 1)
uint32_t count(uint8_t by) {
    counter += by;
    return counter;
}

uint32_t counted_so_far(void) {
    return counter;
}

JIT_INTERPRETED(ask_back, 1)
uint32_t ask_back(uint32_t n) {
    uint32_t answers[3] = {0};
    for (uint32_t i = 0; i < 3; i++)
        answers[i] = answer(n + i) + i;
    return answers[0] + answers[1] * 3 + answers[2] * 5;
}

JIT_INTERPRETED(area, 1)
uint32_t area(uint32_t n) {
    return (uint32_t)(n * 3.25);
}
