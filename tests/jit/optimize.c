/*
 * optimize.c: an app whose functions become better while it runs. It calls them with arguments that change, compares
 * every result with what it must be, and tells what became of them. "short" means the first of them alone; "long" that
 * it goes on until there is nothing more to be found out, under a timer that calls one of them too; "small" that the
 * compiler has too little memory.
 */
#include "check.h"
#include "functions.h"
#include "jit/compiler_module.h"
#include "jit_runtime.h"

enum { ROUNDS = 400, LONG_ROUNDS = 1600, SIZE = 512, RATE = 1000 /* Hz, of the timer */, SMALL_HEAP = 64 << 10 };

static int32_t left[SIZE], right[SIZE], filtered[FILTERED];
static uint32_t a[SIZE], b[SIZE];
static uint8_t bytes[SIZE];
static uint32_t levels;

static uint32_t expected_fibonacci[26], expected_crc;

/* calls_back() calls it twice; while there are levels left, it calls back: so many calls are under way at once. */
uint32_t call_back(uint32_t n) {
    if (levels == 0)
        return n;
    levels--;
    return calls_back(n);
}

/* Deeper than calls that are measured can be nested; those below go on unmeasured. */
static int nest(void) {
    enum { LEVELS = 800 };
    jit_set_threshold(UINT32_MAX);
    for (unsigned i = 0; i < 3; i++) {
        levels = LEVELS;
        CHECK(calls_back(i) == (LEVELS + 2) * i);
    }
    jit_set_threshold(100);
    return 0;
}

static void prepare(void) {
    for (uint32_t i = 0; i < SIZE; i++) {
        left[i] = (int32_t)(i % 17) - 8;
        right[i] = (int32_t)(i % 5);
        a[i] = i * 2654435761U;
        b[i] = i ^ 0xFFFF0000U;
        bytes[i] = (uint8_t)(i * 7);
    }
    expected_crc = crc32(bytes, 9); /* of the build's code */
    expected_fibonacci[1] = 1;
    for (unsigned i = 2; i < 26; i++)
        expected_fibonacci[i] = expected_fibonacci[i - 1] + expected_fibonacci[i - 2];
}

static int32_t plain_dot(uint32_t count) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += left[i] * right[i];
        __asm__("" : "+r"(sum));
    }
    return sum;
}

static uint64_t plain_sum(uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += (uint64_t)a[i] * b[i];
        __asm__("" : "+A"(sum));
    }
    return sum;
}

static uint32_t plain_fold(uint32_t n) {
    uint32_t mixed = 7;
    for (uint32_t i = 1; i <= n; i++)
        mixed = (mixed ^ i) * 31;
    return mixed;
}

static int work(uint32_t rounds) {
    bool is_short = strcmp(app_arguments(), "short") == 0;
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t n = 5 + i * 7 % 12, count = SIZE - i % 64;
        CHECK(fibonacci(n) == expected_fibonacci[n]);
        if (is_short)
            continue;
        CHECK(dot(left, right, count) == plain_dot(count));
        CHECK(sum_products(a, b, count) == plain_sum(count));
        CHECK(crc32(bytes, 9) == expected_crc);
        CHECK(wait_for(n * 20) == 0);
        filter(left, right, filtered, 3);
        CHECK(filtered[n] == left[n] * right[0] + left[n + 1] * right[1] + left[n + 2] * right[2]);
        CHECK(fold(n * 20) == plain_fold(n * 20));
    }
    return 0;
}

static volatile uint32_t wrong;

static void tick(void) {
    wrong += fibonacci(7) != 13;
}

/* While calls of calls_back() are nested, it is compiled, counts branches, and is tried. */
static int work_long(void) {
    timer_set_rate(RATE);
    irq_handle(IRQ_TIMER, tick);
    for (uint32_t i = 0; i < LONG_ROUNDS / 40; i++) {
        CHECK(work(40) == 0);
        for (levels = 40; levels > 0;)
            CHECK(calls_back(i) >= 2 * i);
    }
    CHECK(wrong == 0);
    return 0;
}

int app_main(void) {
    bool is_long = strcmp(app_arguments(), "long") == 0;
    prepare();
    if (strcmp(app_arguments(), "small") == 0)
        jit_heap_init(SMALL_HEAP);
    uint64_t before = rdtsc();
    jit_result_t result = jit_start();
    serial_record("jit result=%u start=%llu", result, rdtsc() - before);
    CHECK(result == JIT_OK);
    CHECK(nest() == 0 && (is_long ? work_long() : work(ROUNDS)) == 0);
    jit_print();
    if (jit_message()[0] != '\0')
        terminal_printf("%s\n", jit_message());
    serial_record("module calls=%u load=%llu", compiler_statistics().calls, compiler_statistics().load_cycles);
    return 0;
}
