/*
 * compiler_rt.c: the 64-bit arithmetic that clang calls on a 32-bit processor, under the names it calls.
 *
 * Division by zero raises the processor's own divide error, like a 32-bit division does.
 * No function here may use the 64-bit operator that it stands for: the compiler would make it call itself.
 */
#include "memory/compiler_rt.h"

typedef union {
    uint64_t all;
    struct {
        uint32_t low;
        uint32_t high;
    } half;
} wide_t;

/* divl: the high half MUST be smaller than the divisor, else the quotient overflows and the processor traps. */
static uint32_t divide_step(uint32_t high, uint32_t low, uint32_t divisor, uint32_t *remainder) {
    uint32_t quotient;
    __asm__("divl %4" : "=a"(quotient), "=d"(*remainder) : "a"(low), "d"(high), "r"(divisor) : "cc");
    return quotient;
}

/* Schoolbook division in base 2^32 by a single digit. */
static uint64_t divide_by_word(wide_t dividend, uint32_t divisor, uint64_t *remainder) {
    wide_t quotient;
    uint32_t rest;
    quotient.half.high = divide_step(0, dividend.half.high, divisor, &rest);
    quotient.half.low = divide_step(rest, dividend.half.low, divisor, &rest);
    *remainder = rest;
    return quotient.all;
}

/*
 * The divisor has two digits, so the quotient has one. Dividing the halved dividend by the divisor's leading 32 bits
 * gives the quotient or one more; start one below and correct upwards.
 */
static uint64_t divide_by_wide(uint64_t dividend, wide_t divisor, uint64_t *remainder) {
    unsigned shift = (unsigned)__builtin_clz(divisor.half.high);
    wide_t halved = {.all = dividend >> 1};
    wide_t leading = {.all = divisor.all << shift};
    uint32_t rest;
    uint32_t estimate = divide_step(halved.half.high, halved.half.low, leading.half.high, &rest);
    uint64_t quotient = estimate >> (31 - shift);
    quotient -= quotient != 0;
    uint64_t left = dividend - quotient * divisor.all;
    if (left >= divisor.all) {
        left -= divisor.all;
        quotient++;
    }
    *remainder = left;
    return quotient;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder) {
    wide_t by = {.all = divisor};
    uint64_t rest;
    uint64_t quotient;
    if (by.half.high == 0) {
        quotient = divide_by_word((wide_t){.all = dividend}, by.half.low, &rest);
    } else {
        quotient = divide_by_wide(dividend, by, &rest);
    }
    if (remainder) {
        *remainder = rest;
    }
    return quotient;
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor) {
    return __udivmoddi4(dividend, divisor, NULL);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor) {
    uint64_t remainder;
    __udivmoddi4(dividend, divisor, &remainder);
    return remainder;
}

/* Unsigned arithmetic throughout, so that the most negative number is no special case. */
static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static int64_t with_sign(uint64_t value, bool negative) {
    return (int64_t)(negative ? 0 - value : value);
}

int64_t __divmoddi4(int64_t dividend, int64_t divisor, int64_t *remainder) {
    uint64_t rest;
    uint64_t quotient = __udivmoddi4(magnitude(dividend), magnitude(divisor), &rest);
    *remainder = with_sign(rest, dividend < 0);
    return with_sign(quotient, (dividend < 0) != (divisor < 0));
}

int64_t __divdi3(int64_t dividend, int64_t divisor) {
    int64_t remainder;
    return __divmoddi4(dividend, divisor, &remainder);
}

int64_t __moddi3(int64_t dividend, int64_t divisor) {
    int64_t remainder;
    __divmoddi4(dividend, divisor, &remainder);
    return remainder;
}

int64_t __muldi3(int64_t left, int64_t right) {
    wide_t a = {.all = (uint64_t)left};
    wide_t b = {.all = (uint64_t)right};
    wide_t product = {.all = (uint64_t)a.half.low * b.half.low};
    product.half.high += a.half.low * b.half.high + a.half.high * b.half.low;
    return (int64_t)product.all;
}

int64_t __mulodi4(int64_t left, int64_t right, int *overflow) {
    int64_t product = __muldi3(left, right);
    bool minimum_negated = left == -1 && right == INT64_MIN;
    *overflow = left != 0 && (minimum_negated || __divdi3(product, left) != right);
    return product;
}

int64_t __ashldi3(int64_t value, int count) {
    wide_t in = {.all = (uint64_t)value};
    wide_t out;
    if (count >= 32) {
        out.half.low = 0;
        out.half.high = in.half.low << (count - 32);
    } else {
        out.half.low = in.half.low << count;
        out.half.high = count ? in.half.high << count | in.half.low >> (32 - count) : in.half.high;
    }
    return (int64_t)out.all;
}

uint64_t __lshrdi3(uint64_t value, int count) {
    wide_t in = {.all = value};
    wide_t out;
    if (count >= 32) {
        out.half.high = 0;
        out.half.low = in.half.high >> (count - 32);
    } else {
        out.half.high = in.half.high >> count;
        out.half.low = count ? in.half.low >> count | in.half.high << (32 - count) : in.half.low;
    }
    return out.all;
}

int64_t __ashrdi3(int64_t value, int count) {
    wide_t out = {.all = __lshrdi3((uint64_t)value, count)};
    if (value < 0 && count) {
        wide_t sign = {.all = (uint64_t)__ashldi3(-1, 64 - count)};
        out.all |= sign.all;
    }
    return (int64_t)out.all;
}

int __clzdi2(uint64_t value) {
    wide_t in = {.all = value};
    return in.half.high ? __builtin_clz(in.half.high) : 32 + __builtin_clz(in.half.low);
}

int __ctzdi2(uint64_t value) {
    wide_t in = {.all = value};
    return in.half.low ? __builtin_ctz(in.half.low) : 32 + __builtin_ctz(in.half.high);
}

static unsigned popcount_word(uint32_t value) {
    value -= value >> 1 & 0x55555555U;
    value = (value & 0x33333333U) + (value >> 2 & 0x33333333U);
    value = (value + (value >> 4)) & 0x0F0F0F0FU;
    return value * 0x01010101U >> 24;
}

int __popcountdi2(uint64_t value) {
    wide_t in = {.all = value};
    return (int)(popcount_word(in.half.low) + popcount_word(in.half.high));
}
