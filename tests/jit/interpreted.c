/*
 * interpreted.c: an app whose functions exist only as bitcode: their first calls are interpreted, then they are
 * compiled by themselves; all of them give what they must, also where one calls back and the app calls another
 * meanwhile.
 */
#include "bitcode_only.h"
#include "check.h"
#include "jit_runtime.h"

enum { CALLS = 400 };

uint32_t answer(uint32_t n) {
    return collatz(n % 30 + 1);
}

static uint32_t plain_collatz(uint32_t n) {
    return n == 1 ? 0 : 1 + plain_collatz(n % 2 != 0 ? 3 * n + 1 : n / 2);
}

static uint64_t plain_mix(uint64_t a, uint32_t b) {
    uint32_t key = b % 4 == 0 ? 3 : b % 4 == 1 ? 5 : b % 4 == 2 ? 7 : 11;
    return b % 5 == 0 ? a * key : b % 5 == 1 ? a / key - b : (a << b % 40 | a >> 3) ^ key;
}

static uint32_t plain_answers(uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 3; i++)
        sum += (plain_collatz((n + i) % 30 + 1) + i) * (2 * i + 1);
    return sum;
}

int app_main(void) {
    uint32_t sum = 0;
    CHECK(jit_start() == JIT_OK);
    for (uint32_t i = 0; i < CALLS; i++) {
        CHECK(collatz(i % 50 + 1) == plain_collatz(i % 50 + 1));
        CHECK(ackermann(i % 3, i % 4) == (i % 3 == 0 ? i % 4 + 1 : i % 3 == 1 ? i % 4 + 2 : 2 * (i % 4) + 3));
        CHECK(mix_wide(i * 0x123456789ABCULL, i) == plain_mix(i * 0x123456789ABCULL, i));
        sum += (uint8_t)i;
        CHECK(count((uint8_t)i) == sum && counted_so_far() == sum);
        CHECK(ask_back(i) == plain_answers(i));
        CHECK(area(i) == i * 13 / 4);
    }
    jit_print();
    return 0;
}
