/* functions.c: see functions.h. */
#include "functions.h"
#include "jit/function.h"

JIT_OPTIMIZABLE(fibonacci, 1)
uint32_t fibonacci(uint32_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

JIT_OPTIMIZABLE(dot, 3)
int32_t dot(const int32_t *left, const int32_t *right, uint32_t count) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += left[i] * right[i];
    return sum;
}

JIT_OPTIMIZABLE(sum_products, 3)
uint64_t sum_products(const uint32_t *a, const uint32_t *b, uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (uint64_t)a[i] * b[i];
    return sum;
}

JIT_OPTIMIZABLE(crc32, 2)
uint32_t crc32(const uint8_t *data, uint32_t size) {
    uint32_t crc = ~0U;
    for (uint32_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320U & -(crc & 1));
    }
    return ~crc;
}

JIT_OPTIMIZABLE(filter, 4)
void filter(const int32_t *data, const int32_t *taps, int32_t *result, uint32_t tap_count) {
    for (uint32_t i = 0; i < FILTERED; i++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < tap_count; k++)
            sum += data[i + k] * taps[k];
        result[i] = sum;
    }
}

JIT_OPTIMIZABLE(fold, 1)
uint32_t fold(uint32_t n) {
    return n == 0 ? 7 : (fold(n - 1) ^ n) * 31;
}

JIT_OPTIMIZABLE(wait_for, 1)
uint32_t wait_for(uint32_t n) {
    uint32_t turns = n;
    __asm__ volatile("1: loop 1b" : "+c"(turns));
    return turns;
}

JIT_OPTIMIZABLE(calls_back, 1)
uint32_t calls_back(uint32_t n) {
    uint32_t first = call_back(n);
    return first + call_back(n);
}
