/*
 * compiler_rt_check.c: our 64-bit helpers agree with the arithmetic of a 64-bit processor.
 *
 *     compiler_rt_check SEED STEPS
 *
 * Every pair of the values around powers of two is tried, then STEPS random pairs of every magnitude.
 */
#include "memory/compiler_rt.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>

static void expect(bool holds, const char *what, uint64_t left, uint64_t right) {
    if (!holds) {
        printf("%s is wrong for %#llx and %#llx\n", what, (unsigned long long)left, (unsigned long long)right);
        exit(EXIT_FAILURE);
    }
}

static void check_unsigned(uint64_t left, uint64_t right) {
    uint64_t remainder;
    expect(__udivdi3(left, right) == left / right, "__udivdi3", left, right);
    expect(__umoddi3(left, right) == left % right, "__umoddi3", left, right);
    expect(__udivmoddi4(left, right, &remainder) == left / right, "__udivmoddi4", left, right);
    expect(remainder == left % right, "__udivmoddi4's remainder", left, right);
    expect(__udivmoddi4(left, right, NULL) == left / right, "__udivmoddi4 without remainder", left, right);
}

static void check_signed(uint64_t left, uint64_t right) {
    int64_t a = (int64_t)left;
    int64_t b = (int64_t)right;
    int64_t remainder;
    if (a == INT64_MIN && b == -1) {
        return; /* the quotient does not exist */
    }
    expect(__divdi3(a, b) == a / b, "__divdi3", left, right);
    expect(__moddi3(a, b) == a % b, "__moddi3", left, right);
    expect(__divmoddi4(a, b, &remainder) == a / b && remainder == a % b, "__divmoddi4", left, right);
}

static void check_product(uint64_t left, uint64_t right) {
    int64_t product;
    int overflow;
    bool overflows = __builtin_mul_overflow((int64_t)left, (int64_t)right, &product);
    expect((uint64_t)__muldi3((int64_t)left, (int64_t)right) == left * right, "__muldi3", left, right);
    expect(__mulodi4((int64_t)left, (int64_t)right, &overflow) == product, "__mulodi4", left, right);
    expect(!overflow == !overflows, "__mulodi4's overflow", left, right);
}

static void check_bits(uint64_t value, int count) {
    expect((uint64_t)__ashldi3((int64_t)value, count) == value << count, "__ashldi3", value, (uint64_t)count);
    expect(__lshrdi3(value, count) == value >> count, "__lshrdi3", value, (uint64_t)count);
    expect(__ashrdi3((int64_t)value, count) == (int64_t)value >> count, "__ashrdi3", value, (uint64_t)count);
    expect(__popcountdi2(value) == __builtin_popcountll(value), "__popcountdi2", value, 0);
    if (value) {
        expect(__clzdi2(value) == __builtin_clzll(value), "__clzdi2", value, 0);
        expect(__ctzdi2(value) == __builtin_ctzll(value), "__ctzdi2", value, 0);
    }
}

static void check(uint64_t left, uint64_t right) {
    if (right) {
        check_unsigned(left, right);
        check_signed(left, right);
    }
    check_product(left, right);
    check_bits(left, (int)(right % 64));
}

/* Any number of leading zeros is as likely as any other. */
static uint64_t random_value(uint64_t *seed) {
    uint64_t value = random_next(seed);
    return value >> random_below(seed, 64);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: compiler_rt_check SEED STEPS\n");
        return EXIT_FAILURE;
    }
    enum { EDGES = 64 * 3 };
    static uint64_t edges[EDGES];
    for (unsigned i = 0; i < EDGES; i++) {
        edges[i] = ((uint64_t)1 << i / 3) + i % 3 - 1;
    }
    for (unsigned i = 0; i < EDGES; i++) {
        for (unsigned j = 0; j < EDGES; j++) {
            check(edges[i], edges[j]);
            check(0 - edges[i], edges[j]);
            check(edges[i], 0 - edges[j]);
        }
    }
    uint64_t seed = strtoull(arguments[1], NULL, 10) * 2 + 1;
    for (unsigned long i = strtoul(arguments[2], NULL, 10); i > 0; i--) {
        uint64_t left = random_value(&seed);
        check(random_below(&seed, 2) ? left : 0 - left, random_value(&seed));
    }
    return EXIT_SUCCESS;
}
