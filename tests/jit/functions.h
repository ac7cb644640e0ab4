/* functions.h: functions that the app of optimize.c calls, and the JIT makes faster or leaves alone. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include <stdint.h>

uint32_t fibonacci(uint32_t n);
int32_t dot(const int32_t *left, const int32_t *right, uint32_t count);
uint64_t sum_products(const uint32_t *a, const uint32_t *b, uint32_t count);
uint32_t crc32(const uint8_t *data, uint32_t size);

/* Each of FILTERED results is made of as many data, from its own on, as there are taps. */
enum { FILTERED = 64 };

void filter(const int32_t *data, const int32_t *taps, int32_t *result, uint32_t tap_count);

/* All numbers from 1 to `n` mixed, by a recursion that is no loop. */
uint32_t fold(uint32_t n);

/* Nothing can be made faster here; `n` is not 0, the result is. */
uint32_t wait_for(uint32_t n);

/* It calls another function twice, which the app defines. */
uint32_t calls_back(uint32_t n);
uint32_t call_back(uint32_t n);

#endif
