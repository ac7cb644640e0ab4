/* functions.h: functions that the app of optimize.c calls, and the JIT makes faster or leaves alone. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include <stdint.h>

uint32_t fibonacci(uint32_t n);
int32_t dot(const int32_t *left, const int32_t *right, uint32_t count);
uint64_t sum_products(const uint32_t *a, const uint32_t *b, uint32_t count);
uint32_t crc32(const uint8_t *data, uint32_t size);

/* Nothing can be made faster here; `n` is not 0, the result is. */
uint32_t wait_for(uint32_t n);

/* It calls another function twice, which the app defines. */
uint32_t calls_back(uint32_t n);
uint32_t call_back(uint32_t n);

#endif
