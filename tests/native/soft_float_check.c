/*
 * soft_float_check.c: our floating-point arithmetic gives what the processor gives, bit by bit.
 *
 *     soft_float_check SEED STEPS
 *
 * Every pair of the values where formats end is tried, then STEPS random pairs of every magnitude.
 */
#include "memory/soft_float.h"
#include "random.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double wide(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float narrow(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void expect(bool holds, const char *what, uint64_t left, uint64_t right) {
    if (!holds) {
        printf("%s is wrong for %#llx and %#llx\n", what, (unsigned long long)left, (unsigned long long)right);
        exit(EXIT_FAILURE);
    }
}

/* Which of two NaNs comes out is nobody's business. */
static bool is_double(uint64_t bits, double value) {
    return value != value ? wide(bits) != wide(bits) : memcmp(&bits, &value, sizeof value) == 0;
}

static bool is_float(uint32_t bits, float value) {
    return value != value ? narrow(bits) != narrow(bits) : memcmp(&bits, &value, sizeof value) == 0;
}

static void check_doubles(uint64_t a, uint64_t b) {
    double x = wide(a), y = wide(b);
    expect(is_double(__adddf3(a, b), x + y), "__adddf3", a, b);
    expect(is_double(__subdf3(a, b), x - y), "__subdf3", a, b);
    expect(is_double(__muldf3(a, b), x * y), "__muldf3", a, b);
    expect(is_double(__divdf3(a, b), x / y), "__divdf3", a, b);
    expect((__eqdf2(a, b) == 0) == (x == y) && (__nedf2(a, b) != 0) == (x != y), "__eqdf2", a, b);
    expect((__ltdf2(a, b) < 0) == (x < y) && (__ledf2(a, b) <= 0) == (x <= y), "__ltdf2", a, b);
    expect((__gtdf2(a, b) > 0) == (x > y) && (__gedf2(a, b) >= 0) == (x >= y), "__gtdf2", a, b);
    expect((__unorddf2(a, b) != 0) == (x != x || y != y), "__unorddf2", a, b);
    expect(is_float(__truncdfsf2(a), (float)x), "__truncdfsf2", a, 0);
    expect(is_double(__floatdidf((int64_t)a), (double)(int64_t)a), "__floatdidf", a, 0);
    expect(is_double(__floatundidf(a), (double)a), "__floatundidf", a, 0);
    expect(is_float(__floatdisf((int64_t)a), (float)(int64_t)a), "__floatdisf", a, 0);
    expect(is_float(__floatundisf(a), (float)a), "__floatundisf", a, 0);
    if (x > -2147483649.0 && x < 2147483648.0)
        expect(__fixdfsi(a) == (int32_t)x, "__fixdfsi", a, 0);
    if (x > -1.0 && x < 4294967296.0)
        expect(__fixunsdfsi(a) == (uint32_t)x, "__fixunsdfsi", a, 0);
    if (x >= -9223372036854775808.0 && x < 9223372036854775808.0)
        expect(__fixdfdi(a) == (int64_t)x, "__fixdfdi", a, 0);
    if (x > -1.0 && x < 18446744073709551616.0)
        expect(__fixunsdfdi(a) == (uint64_t)x, "__fixunsdfdi", a, 0);
}

static void check_floats(uint32_t a, uint32_t b) {
    float x = narrow(a), y = narrow(b);
    expect(is_float(__addsf3(a, b), x + y), "__addsf3", a, b);
    expect(is_float(__subsf3(a, b), x - y), "__subsf3", a, b);
    expect(is_float(__mulsf3(a, b), x * y), "__mulsf3", a, b);
    expect(is_float(__divsf3(a, b), x / y), "__divsf3", a, b);
    expect((__eqsf2(a, b) == 0) == (x == y) && (__nesf2(a, b) != 0) == (x != y), "__eqsf2", a, b);
    expect((__ltsf2(a, b) < 0) == (x < y) && (__lesf2(a, b) <= 0) == (x <= y), "__ltsf2", a, b);
    expect((__gtsf2(a, b) > 0) == (x > y) && (__gesf2(a, b) >= 0) == (x >= y), "__gtsf2", a, b);
    expect((__unordsf2(a, b) != 0) == (x != x || y != y), "__unordsf2", a, b);
    expect(is_double(__extendsfdf2(a), (double)x), "__extendsfdf2", a, 0);
    expect(is_double(__floatsidf((int32_t)a), (double)(int32_t)a), "__floatsidf", a, 0);
    expect(is_double(__floatunsidf(a), (double)a), "__floatunsidf", a, 0);
    expect(is_float(__floatsisf((int32_t)a), (float)(int32_t)a), "__floatsisf", a, 0);
    expect(is_float(__floatunsisf(a), (float)a), "__floatunsisf", a, 0);
    if (x >= -2147483648.0F && x < 2147483648.0F)
        expect(__fixsfsi(a) == (int32_t)x, "__fixsfsi", a, 0);
    if (x > -1.0F && x < 4294967296.0F)
        expect(__fixunssfsi(a) == (uint32_t)x, "__fixunssfsi", a, 0);
    if (x >= -9223372036854775808.0F && x < 9223372036854775808.0F)
        expect(__fixsfdi(a) == (int64_t)x, "__fixsfdi", a, 0);
    if (x > -1.0F && x < 18446744073709551616.0F)
        expect(__fixunssfdi(a) == (uint64_t)x, "__fixunssfdi", a, 0);
}

/* The bits of a number near another, or of any magnitude, or around the ends of the format. */
static uint64_t any_double(uint64_t *seed, uint64_t near) {
    uint64_t bits = random_next(seed);
    switch (random_below(seed, 4)) {
    case 0:
        return bits;
    case 1:
        return near ^ bits >> (12 + random_below(seed, 52)) ^ bits << 63;
    case 2:
        return (near & 0x7FFULL << 52) + ((uint64_t)random_below(seed, 60) << 52) + (bits >> 12);
    default:
        return (bits & 0x800FFFFFFFFFFFFFULL) | (random_below(seed, 2) ? 0x7FEULL : random_below(seed, 3)) << 52;
    }
}

int main(int count, char **arguments) {
    static const uint64_t ends[] = {0,
                                    1,
                                    1ULL << 51,
                                    (1ULL << 52) - 1,
                                    1ULL << 52,
                                    0x3FEFFFFFFFFFFFFF,
                                    0x3FFULL << 52,
                                    0x3FF0000000000001,
                                    0x43EULL << 52,
                                    0x47EFFFFFF0000000,
                                    0x36A0000000000000,
                                    0x7FEFFFFFFFFFFFFF,
                                    0x7FFULL << 52,
                                    0x7FF8000000000000,
                                    0x7FF0000000000001};
    enum { ENDS = sizeof ends / sizeof *ends };
    if (count != 3)
        return 2;
    uint64_t seed = strtoull(arguments[1], NULL, 10), near = 0x3FFULL << 52;
    for (unsigned i = 0; i < 4 * ENDS * ENDS; i++) {
        uint64_t a = ends[i / ENDS % ENDS] ^ (uint64_t)(i / ENDS / ENDS & 1) << 63;
        uint64_t b = ends[i % ENDS] ^ (uint64_t)(i / ENDS / ENDS >> 1) << 63;
        check_doubles(a, b);
        check_floats(__truncdfsf2(a), __truncdfsf2(b));
        check_floats((uint32_t)(a >> 32), (uint32_t)(b >> 32));
    }
    for (uint64_t steps = strtoull(arguments[2], NULL, 10); steps > 0; steps--) {
        uint64_t a = any_double(&seed, near), b = any_double(&seed, a);
        near = a;
        check_doubles(a, b);
        check_floats((uint32_t)(a >> 29), (uint32_t)(b >> 29));
        check_floats((uint32_t)(a >> 32), (uint32_t)a);
    }
    return 0;
}
