/* compiler_rt.h: 64-bit helpers that the compiler calls by these names; nobody else needs to. */
#ifndef BF_COMPILER_RT_H
#define BF_COMPILER_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Division: the quotient rounds towards zero, the remainder has the dividend's sign. */
uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder); /* remainder may be NULL */
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
int64_t __divmoddi4(int64_t dividend, int64_t divisor, int64_t *remainder);
int64_t __divdi3(int64_t dividend, int64_t divisor);
int64_t __moddi3(int64_t dividend, int64_t divisor);

/* Multiplication, modulo 2^64; __mulodi4 also says whether the product overflowed. */
int64_t __muldi3(int64_t left, int64_t right);
int64_t __mulodi4(int64_t left, int64_t right, int *overflow);

/* Shifts; count is 0 to 63. */
int64_t __ashldi3(int64_t value, int count);
uint64_t __lshrdi3(uint64_t value, int count);
int64_t __ashrdi3(int64_t value, int count);

/* Bit counts; the first two are undefined for zero. */
int __clzdi2(uint64_t value);
int __ctzdi2(uint64_t value);
int __popcountdi2(uint64_t value);

#endif
