/*
 * numbers.h: the functions of real numbers that a model needs; there is no libm here.
 *
 * Each is right to within 2 units in the last place (sine and cosine: within 2^-22 absolutely) for all arguments that
 * its comment allows. All are inline: the kernel's rules hand no floating-point number back from a function.
 */
#ifndef CHAT_NUMBERS_H
#define CHAT_NUMBERS_H

#include <stdint.h>

static inline uint32_t number_bits(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float number_of_bits(uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

/* e to the power of x; 0 below -87, and as for 88 above that. No branch, so that loops of it become vectors. */
static inline float number_exp(float x) {
    float bounded = x > -87.0F ? (x < 88.0F ? x : 88.0F) : -87.0F; /* also what is no number */
    float shifted = bounded * 1.44269504F + 12582912.0F; /* 1.5 * 2^23: the sum is rounded to a whole number */
    float whole = shifted - 12582912.0F;
    float rest = bounded - whole * 0.693145752F - whole * 1.42860677e-6F; /* ln 2, in two parts */
    float sum = 1.98756912e-4F;
    sum = sum * rest + 1.39819994e-3F;
    sum = sum * rest + 8.33345205e-3F;
    sum = sum * rest + 4.16657962e-2F;
    sum = sum * rest + 1.66666655e-1F;
    sum = sum * rest + 5.00000000e-1F;
    sum = sum * rest * rest + rest + 1.0F;
    float power = number_of_bits((uint32_t)((int32_t)whole + 127) << 23);
    return x < -87.0F ? 0.0F : sum * power;
}

/* Sine and cosine of 0 <= x < 2^21. */
static inline void number_turn(float x, float *sine, float *cosine) {
    int32_t quarters = (int32_t)((double)x * 0.63661977236758134 + 0.5);
    double rest = (double)x - quarters * 1.57079632673412561 - quarters * 6.07710050650619224e-11;
    double square = rest * rest;
    double s = rest + rest * square * (-1.0 / 6 + square * (1.0 / 120 + square * (-1.0 / 5040 + square / 362880)));
    double c = 1 - square / 2 +
               square * square * (1.0 / 24 + square * (-1.0 / 720 + square * (1.0 / 40320 - square / 3628800)));
    double turned[4] = {s, c, -s, -c};
    *sine = (float)turned[quarters & 3];
    *cosine = (float)turned[(quarters + 1) & 3];
}

static inline float number_square_root(float x) {
    return __builtin_sqrtf(x);
}

/* A half-precision number; neither infinite nor none. */
static inline float number_of_half(uint16_t half) {
    uint32_t bits = (uint32_t)(int16_t)half << 13 & 0x8FFFE000; /* right but for a factor of 2^112 */
    return number_of_bits(bits) * 0x1p112F;
}

#endif
