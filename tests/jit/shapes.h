/* shapes.h: functions with arguments of all kinds, for which specialise.c makes versions. */
#ifndef SHAPES_H
#define SHAPES_H

#include <stdint.h>

/* Narrow integers, whose words on the stack may hold anything above them. */
uint32_t blend(uint8_t a, int16_t b, uint32_t c);

/* A loop with a branch of its own. */
uint32_t count_above(const uint32_t *values, uint32_t count, uint32_t limit, uint32_t step);

/* Recursion that hands an argument on, and changes another. */
uint32_t power(uint32_t base, uint32_t exponent);

/* Two words, then one. */
uint64_t shift_add(uint64_t value, uint32_t by, uint32_t plus);

/* No result, and memory that is written. */
void fill(uint8_t *to, uint32_t count, uint8_t with);

/* A choice of many. */
int32_t calculate(uint32_t operation, int32_t left, int32_t right);

#endif
