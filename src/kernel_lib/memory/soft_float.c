/*
 * soft_float.c: see soft_float.h. Both formats are taken apart into one: a fraction of 64 bits whose highest is set,
 * and an exponent. Bits that would lie below the fraction are not lost: the lowest bit is set where any of them was.
 */
#include "memory/soft_float.h"

#include <stdbool.h>

typedef struct {
    unsigned fraction; /* bits */
    unsigned exponent;
} format_t;

static const format_t SINGLE = {23, 8}, DOUBLE = {52, 11};

typedef enum { ZERO, FINITE, INFINITE, NOT_A_NUMBER } kind_t;

typedef struct {
    kind_t kind;
    bool is_negative;
    int32_t exponent;  /* the value is 2 to it, times the fraction by 2^63 */
    uint64_t fraction; /* also of NaNs, as it stands in their bits */
} number_t;

static const number_t INVALID = {NOT_A_NUMBER, true, 0, 1ULL << 62}; /* what the processor makes of 0/0 */
static const uint64_t LEADING = 1ULL << 63;

static unsigned leading_zeros(uint64_t value) {
    uint32_t high = (uint32_t)(value >> 32);
    return high != 0 ? (unsigned)__builtin_clz(high) : 32 + (unsigned)__builtin_clz((uint32_t)value);
}

static int32_t exponent_max(const format_t *format) {
    return (1 << format->exponent) - 1;
}

static int32_t bias(const format_t *format) {
    return exponent_max(format) / 2;
}

static uint64_t shift_right(uint64_t value, uint32_t count) {
    if (count == 0)
        return value;
    return count > 63 ? value != 0 : value >> count | (value << (64 - count) != 0);
}

static number_t unpack(uint64_t bits, const format_t *format) {
    uint64_t fraction = (bits & ((1ULL << format->fraction) - 1)) << (63 - format->fraction);
    int32_t exponent = (int32_t)(bits >> format->fraction) & exponent_max(format);
    number_t number = {FINITE, (bits >> (format->fraction + format->exponent) & 1) != 0, exponent - bias(format), 0};
    number.fraction = fraction | LEADING;
    if (exponent == exponent_max(format)) {
        number.kind = fraction == 0 ? INFINITE : NOT_A_NUMBER;
        number.fraction = fraction;
    } else if (exponent == 0 && fraction == 0) {
        number.kind = ZERO;
    } else if (exponent == 0) {
        number.exponent = 1 - bias(format) - (int32_t)leading_zeros(fraction);
        number.fraction = fraction << leading_zeros(fraction);
    }
    return number;
}

/* The bits of a finite number without its sign, rounded. */
static uint64_t pack_finite(const number_t *number, const format_t *format) {
    unsigned dropped = 63 - format->fraction;
    int32_t exponent = number->exponent + bias(format);
    uint64_t infinity = (uint64_t)exponent_max(format) << format->fraction, fraction = number->fraction;
    if (exponent >= exponent_max(format))
        return infinity;
    if (exponent <= 0)
        fraction = shift_right(fraction, (uint32_t)(1 - exponent));
    uint64_t low = fraction & ((1ULL << dropped) - 1), half = 1ULL << (dropped - 1), kept = fraction >> dropped;
    kept += low > half || (low == half && (kept & 1) != 0);
    /* The leading bit of a number that is not tiny counts as one more in the exponent. */
    return kept + ((uint64_t)(exponent > 0 ? exponent - 1 : 0) << format->fraction);
}

static uint64_t pack(const number_t *number, const format_t *format) {
    uint64_t bits = (uint64_t)number->is_negative << (format->fraction + format->exponent);
    uint64_t infinity = (uint64_t)exponent_max(format) << format->fraction;
    switch (number->kind) {
    case ZERO:
        return bits;
    case INFINITE:
        return bits | infinity;
    case NOT_A_NUMBER: /* a quiet one */
        return bits | infinity | 1ULL << (format->fraction - 1) | number->fraction >> (63 - format->fraction);
    case FINITE:
        break;
    }
    return bits | pack_finite(number, format);
}

/* The sum of numbers that are not zero, the first of which is not smaller. */
static number_t add_finite(number_t large, const number_t *small) {
    uint64_t fraction = shift_right(small->fraction >> 2, (uint32_t)(large.exponent - small->exponent));
    large.fraction >>= 2;
    large.fraction = large.is_negative == small->is_negative ? large.fraction + fraction : large.fraction - fraction;
    if (large.fraction == 0)
        return (number_t){.kind = ZERO};
    unsigned shift = leading_zeros(large.fraction);
    large.fraction <<= shift;
    large.exponent += 2 - (int32_t)shift;
    return large;
}

static bool is_smaller(const number_t *left, const number_t *right) {
    return left->exponent != right->exponent ? left->exponent < right->exponent : left->fraction < right->fraction;
}

static number_t add(number_t left, number_t right) {
    if (left.kind == NOT_A_NUMBER || right.kind == NOT_A_NUMBER)
        return left.kind == NOT_A_NUMBER ? left : right;
    if (left.kind == INFINITE && right.kind == INFINITE)
        return left.is_negative == right.is_negative ? left : INVALID;
    if (left.kind == ZERO && right.kind == ZERO)
        return (number_t){.kind = ZERO, .is_negative = left.is_negative && right.is_negative};
    if (left.kind == INFINITE || right.kind == ZERO)
        return left;
    if (right.kind == INFINITE || left.kind == ZERO)
        return right;
    return is_smaller(&left, &right) ? add_finite(right, &left) : add_finite(left, &right);
}

static number_t subtract(number_t left, number_t right) {
    right.is_negative ^= right.kind != NOT_A_NUMBER;
    return add(left, right);
}

static uint64_t multiply_fractions(uint64_t a, uint64_t b) {
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low, middle = a_high * b_low + (low >> 32), other = a_low * b_high + (uint32_t)middle;
    uint64_t high = a_high * b_high + (middle >> 32) + (other >> 32);
    return high | ((uint32_t)low != 0 || (uint32_t)other != 0);
}

static number_t multiply(number_t left, number_t right) {
    if (left.kind == NOT_A_NUMBER || right.kind == NOT_A_NUMBER)
        return left.kind == NOT_A_NUMBER ? left : right;
    if ((left.kind == ZERO && right.kind == INFINITE) || (left.kind == INFINITE && right.kind == ZERO))
        return INVALID;
    left.is_negative ^= right.is_negative;
    if (left.kind == FINITE && right.kind == FINITE) {
        left.exponent += right.exponent + 1;
        left.fraction = multiply_fractions(left.fraction, right.fraction);
        if ((left.fraction & LEADING) == 0) {
            left.fraction <<= 1;
            left.exponent--;
        }
    } else if (left.kind == FINITE || right.kind == INFINITE || right.kind == ZERO) {
        left.kind = right.kind;
    }
    return left;
}

/* The lowest bits of both are 0: at most 53 are of a number. */
static uint64_t divide_fractions(uint64_t left, uint64_t right) {
    uint64_t quotient = 0;
    for (unsigned i = 0; i < 64; i++) {
        quotient <<= 1;
        if (left >= right) {
            left -= right;
            quotient |= 1;
        }
        left <<= 1;
    }
    return quotient | (left != 0);
}

static number_t divide(number_t left, number_t right) {
    if (left.kind == NOT_A_NUMBER || right.kind == NOT_A_NUMBER)
        return left.kind == NOT_A_NUMBER ? left : right;
    if (left.kind == right.kind && left.kind != FINITE)
        return INVALID;
    left.is_negative ^= right.is_negative;
    if (left.kind == FINITE && right.kind == FINITE) {
        bool is_less = left.fraction < right.fraction;
        left.exponent -= right.exponent + is_less;
        left.fraction = divide_fractions(is_less ? left.fraction : left.fraction >> 1, right.fraction >> 1);
    } else if (left.kind == FINITE) {
        left.kind = right.kind == ZERO ? INFINITE : ZERO;
    }
    return left;
}

static number_t from_integer(uint64_t magnitude, bool is_negative) {
    if (magnitude == 0)
        return (number_t){.kind = ZERO};
    unsigned shift = leading_zeros(magnitude);
    return (number_t){FINITE, is_negative, 63 - (int32_t)shift, magnitude << shift};
}

static number_t from_signed(int64_t value) {
    return from_integer(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

/* What does not fit below 2^bits becomes `other`. */
static uint64_t to_integer(number_t number, int32_t bits, uint64_t other) {
    if (number.kind == ZERO || (number.kind == FINITE && number.exponent < 0))
        return 0;
    if (number.kind != FINITE || number.exponent >= bits)
        return other;
    uint64_t magnitude = number.fraction >> (63 - number.exponent);
    return number.is_negative ? 0 - magnitude : magnitude;
}

/* -1, 0 or 1, and `unordered` with a NaN. */
static int32_t compare(number_t left, number_t right, int32_t unordered) {
    if (left.kind == NOT_A_NUMBER || right.kind == NOT_A_NUMBER)
        return unordered;
    if (left.kind == ZERO && right.kind == ZERO)
        return 0;
    if (left.kind == ZERO || (right.kind != ZERO && left.is_negative != right.is_negative))
        return left.kind == ZERO ? (right.is_negative ? 1 : -1) : (left.is_negative ? -1 : 1);
    if (right.kind == ZERO)
        return left.is_negative ? -1 : 1;
    if (left.kind == INFINITE || right.kind == INFINITE) {
        if (left.kind == right.kind)
            return 0;
        return (left.kind == INFINITE) != left.is_negative ? 1 : -1;
    }
    if (is_smaller(&left, &right))
        return left.is_negative ? 1 : -1;
    return is_smaller(&right, &left) ? (left.is_negative ? -1 : 1) : 0;
}

#define ARITHMETIC(bits, format, suffix)                                                                               \
    static number_t number_##suffix(bits value) {                                                                      \
        return unpack(value, &(format));                                                                               \
    }                                                                                                                  \
    static bits bits_##suffix(number_t number) {                                                                       \
        return (bits)pack(&number, &(format));                                                                         \
    }                                                                                                                  \
    bits __add##suffix##3(bits left, bits right) {                                                                     \
        return bits_##suffix(add(number_##suffix(left), number_##suffix(right)));                                      \
    }                                                                                                                  \
    bits __sub##suffix##3(bits left, bits right) {                                                                     \
        return bits_##suffix(subtract(number_##suffix(left), number_##suffix(right)));                                 \
    }                                                                                                                  \
    bits __mul##suffix##3(bits left, bits right) {                                                                     \
        return bits_##suffix(multiply(number_##suffix(left), number_##suffix(right)));                                 \
    }                                                                                                                  \
    bits __div##suffix##3(bits left, bits right) {                                                                     \
        return bits_##suffix(divide(number_##suffix(left), number_##suffix(right)));                                   \
    }

#define CONVERSIONS(bits, suffix)                                                                                      \
    bits __floatsi##suffix(int32_t value) {                                                                            \
        return bits_##suffix(from_signed(value));                                                                      \
    }                                                                                                                  \
    bits __floatunsi##suffix(uint32_t value) {                                                                         \
        return bits_##suffix(from_integer(value, false));                                                              \
    }                                                                                                                  \
    bits __floatdi##suffix(int64_t value) {                                                                            \
        return bits_##suffix(from_signed(value));                                                                      \
    }                                                                                                                  \
    bits __floatundi##suffix(uint64_t value) {                                                                         \
        return bits_##suffix(from_integer(value, false));                                                              \
    }                                                                                                                  \
    int32_t __fix##suffix##si(bits value) {                                                                            \
        return (int32_t)to_integer(number_##suffix(value), 31, 1U << 31);                                              \
    }                                                                                                                  \
    uint32_t __fixuns##suffix##si(bits value) {                                                                        \
        return (uint32_t)to_integer(number_##suffix(value), 32, UINT32_MAX);                                           \
    }                                                                                                                  \
    int64_t __fix##suffix##di(bits value) {                                                                            \
        return (int64_t)to_integer(number_##suffix(value), 63, LEADING);                                               \
    }                                                                                                                  \
    uint64_t __fixuns##suffix##di(bits value) {                                                                        \
        return to_integer(number_##suffix(value), 64, UINT64_MAX);                                                     \
    }

#define COMPARISON(name, bits, suffix, unordered)                                                                      \
    int32_t __##name##suffix##2(bits left, bits right) {                                                               \
        return compare(number_##suffix(left), number_##suffix(right), unordered);                                      \
    }

#define COMPARISONS(bits, suffix)                                                                                      \
    COMPARISON(eq, bits, suffix, 1)                                                                                    \
    COMPARISON(ne, bits, suffix, 1)                                                                                    \
    COMPARISON(lt, bits, suffix, 1)                                                                                    \
    COMPARISON(le, bits, suffix, 1)                                                                                    \
    COMPARISON(gt, bits, suffix, -1)                                                                                   \
    COMPARISON(ge, bits, suffix, -1)                                                                                   \
    int32_t __unord##suffix##2(bits left, bits right) {                                                                \
        return number_##suffix(left).kind == NOT_A_NUMBER || number_##suffix(right).kind == NOT_A_NUMBER;              \
    }

ARITHMETIC(float_bits_t, SINGLE, sf)
ARITHMETIC(double_bits_t, DOUBLE, df)
CONVERSIONS(float_bits_t, sf)
CONVERSIONS(double_bits_t, df)
COMPARISONS(float_bits_t, sf)
COMPARISONS(double_bits_t, df)

double_bits_t __extendsfdf2(float_bits_t value) {
    return bits_df(number_sf(value));
}

float_bits_t __truncdfsf2(double_bits_t value) {
    return bits_sf(number_df(value));
}
