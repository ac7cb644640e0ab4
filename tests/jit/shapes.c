/* shapes.c: see shapes.h. */
#include "shapes.h"
#include "jit/function.h"

JIT_OPTIMIZABLE(blend, 3)
uint32_t blend(uint8_t a, int16_t b, uint32_t c) {
    return (c ^ a) * 31 + (uint32_t)(b < 0 ? b * a : b + a);
}

JIT_OPTIMIZABLE(count_above, 4)
uint32_t count_above(const uint32_t *values, uint32_t count, uint32_t limit, uint32_t step) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i += step)
        if (values[i] > limit)
            found++;
    return found;
}

JIT_OPTIMIZABLE(power, 2)
uint32_t power(uint32_t base, uint32_t exponent) {
    if (exponent == 0)
        return 1;
    uint32_t half = power(base, exponent / 2);
    return exponent % 2 == 0 ? half * half : half * half * base;
}

JIT_OPTIMIZABLE(shift_add, 4)
uint64_t shift_add(uint64_t value, uint32_t by, uint32_t plus) {
    return (value << by % 64) + plus;
}

JIT_OPTIMIZABLE(fill, 3)
void fill(uint8_t *to, uint32_t count, uint8_t with) {
    for (uint32_t i = 0; i < count; i++)
        to[i] = (uint8_t)(with + i % 3);
}

JIT_OPTIMIZABLE(calculate, 3)
int32_t calculate(uint32_t operation, int32_t left, int32_t right) {
    switch (operation) {
    case 0:
        return left + right;
    case 1:
        return left - right;
    case 2:
        return left * right;
    case 3:
        return right == 0 ? 0 : (int32_t)((uint32_t)left / (uint32_t)right);
    case 4:
        return left < right ? left : right;
    default:
        return (left ^ right) & 0xFF;
    }
}
