/*
 * soft_float.h: IEEE 754 arithmetic without a floating-point unit; clang calls these names where it may not use one.
 *
 * A float or double stands here as its bits, which is how such code hands it over. Results are rounded to nearest,
 * ties to even, and are those of SSE2 bit by bit, but that a sum or product of two NaNs may be either of them there.
 */
#ifndef BF_SOFT_FLOAT_H
#define BF_SOFT_FLOAT_H

#include <stdint.h>

typedef uint32_t float_bits_t;
typedef uint64_t double_bits_t;

float_bits_t __addsf3(float_bits_t left, float_bits_t right);
float_bits_t __subsf3(float_bits_t left, float_bits_t right);
float_bits_t __mulsf3(float_bits_t left, float_bits_t right);
float_bits_t __divsf3(float_bits_t left, float_bits_t right);
double_bits_t __adddf3(double_bits_t left, double_bits_t right);
double_bits_t __subdf3(double_bits_t left, double_bits_t right);
double_bits_t __muldf3(double_bits_t left, double_bits_t right);
double_bits_t __divdf3(double_bits_t left, double_bits_t right);

double_bits_t __extendsfdf2(float_bits_t value);
float_bits_t __truncdfsf2(double_bits_t value);

/* From integers. */
float_bits_t __floatsisf(int32_t value);
float_bits_t __floatunsisf(uint32_t value);
float_bits_t __floatdisf(int64_t value);
float_bits_t __floatundisf(uint64_t value);
double_bits_t __floatsidf(int32_t value);
double_bits_t __floatunsidf(uint32_t value);
double_bits_t __floatdidf(int64_t value);
double_bits_t __floatundidf(uint64_t value);

/* To integers, towards zero; undefined where the integer cannot be had. */
int32_t __fixsfsi(float_bits_t value);
uint32_t __fixunssfsi(float_bits_t value);
int64_t __fixsfdi(float_bits_t value);
uint64_t __fixunssfdi(float_bits_t value);
int32_t __fixdfsi(double_bits_t value);
uint32_t __fixunsdfsi(double_bits_t value);
int64_t __fixdfdi(double_bits_t value);
uint64_t __fixunsdfdi(double_bits_t value);

/* Less than 0, 0 or more than 0, as the left is to the right; with a NaN, what makes the named comparison false. */
int32_t __eqsf2(float_bits_t left, float_bits_t right);
int32_t __nesf2(float_bits_t left, float_bits_t right);
int32_t __ltsf2(float_bits_t left, float_bits_t right);
int32_t __lesf2(float_bits_t left, float_bits_t right);
int32_t __gtsf2(float_bits_t left, float_bits_t right);
int32_t __gesf2(float_bits_t left, float_bits_t right);
int32_t __eqdf2(double_bits_t left, double_bits_t right);
int32_t __nedf2(double_bits_t left, double_bits_t right);
int32_t __ltdf2(double_bits_t left, double_bits_t right);
int32_t __ledf2(double_bits_t left, double_bits_t right);
int32_t __gtdf2(double_bits_t left, double_bits_t right);
int32_t __gedf2(double_bits_t left, double_bits_t right);

/* Not 0 where one is a NaN. */
int32_t __unordsf2(float_bits_t left, float_bits_t right);
int32_t __unorddf2(double_bits_t left, double_bits_t right);

#endif
