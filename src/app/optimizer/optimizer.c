/*
 * optimizer.c: a program that optimizes itself. It works with what the build made, and measures that; then it lets its
 * functions be optimized (jit_runtime.h) and works on; then it measures again, and shows both.
 *
 * For `doit bench` it works a fixed while, so that boots can be compared; with the argument "aot" it does all that with
 * what the build made.
 */
#include "jit/compiler_module.h"
#include "jit_runtime.h"
#include "kernels.h"
#include "runtime.h"

enum { SIZE = 1024, ROWS = 24, BODIES = 64, WORDS = 16, MEASURED_CALLS = 64, ROUNDS_MAX = 4000, BEST_OF = 5 };
enum { THRESHOLD = 100, BENCH_ROUNDS = 756, SAMPLED_ROUNDS = 21 };

static int32_t numbers[SIZE], others[SIZE], results[SIZE];
static uint8_t bytes[SIZE];
static uint32_t state[8];
static char text[SIZE];

/* Each does a kernel's work number `i`, with arguments that change, and returns something of the result. */
static uint32_t do_fibonacci(uint32_t i) {
    return fibonacci(5 + i * 7 % 21);
}

static uint32_t do_matmul(uint32_t i) {
    matmul(numbers, others, results, ROWS - i % 8);
    return (uint32_t)results[i % ROWS];
}

static uint32_t do_dot(uint32_t i) {
    return (uint32_t)dot(numbers, others, SIZE - i % 100);
}

static uint32_t do_sha256(uint32_t i) {
    sha256_mix(state, bytes + i % 64);
    return state[0];
}

static uint32_t do_sieve(uint32_t i) {
    return sieve(bytes, SIZE - i % 50);
}

static uint32_t do_sort(uint32_t i) {
    uint32_t count = 200 + i % 50, dice = i + 1;
    for (uint32_t k = 0; k < count; k++)
        results[k] = (int32_t)(dice = dice * 1664525 + 1013904223);
    sort(results, count);
    return (uint32_t)results[count / 2];
}

static uint32_t do_find(uint32_t i) {
    return find(text, SIZE - i % 40, "needle in hay", 13);
}

static uint32_t do_crc32(uint32_t i) {
    return crc32((const uint8_t *)text, 300 + i % 100);
}

static uint32_t do_attract(uint32_t i) {
    attract(results, BODIES - i % 8);
    return (uint32_t)results[0];
}

static const struct {
    const char *name; /* of the function */
    uint32_t (*work)(uint32_t);
} kernels[] = {
    {"fibonacci", do_fibonacci}, {"matmul", do_matmul}, {"dot", do_dot},
    {"sha256_mix", do_sha256},   {"sieve", do_sieve},   {"sort", do_sort},
    {"find", do_find},           {"crc32", do_crc32},   {"attract", do_attract},
};

enum { KERNELS = sizeof kernels / sizeof *kernels };

/* The same before every measurement, so that the same work gives the same results. */
static void prepare(void) {
    for (uint32_t i = 0; i < SIZE; i++) {
        numbers[i] = (int32_t)(i * 2654435761U >> 20) - 2048;
        others[i] = (int32_t)(i % 13) - 6;
        results[i] = (int32_t)(i * 1000);
        bytes[i] = (uint8_t)(i * 31);
        text[i] = "hay needle in a haystack "[i % 25];
    }
    memcpy(text + SIZE - 60, "needle in hay", 13);
    memset(state, 0x5A, sizeof state);
}

typedef struct {
    uint64_t cycles; /* of the fastest of several times */
    uint32_t sum;    /* of all results */
} measured_t;

/* Notes calls of a kernel for the plot of `doit bench`. */
static void sample(unsigned kernel, uint32_t calls, uint64_t cycles) {
    static uint32_t made[KERNELS];
    made[kernel] += calls;
    jit_sample(kernels[kernel].name, made[kernel], calls, cycles);
}

static measured_t measure(unsigned kernel) {
    measured_t best = {UINT64_MAX, 0};
    for (unsigned turn = 0; turn < BEST_OF; turn++) {
        uint32_t sum = 0;
        prepare();
        uint64_t start = rdtsc();
        for (uint32_t i = 0; i < MEASURED_CALLS; i++)
            sum = sum * 31 + kernels[kernel].work(i);
        uint64_t cycles = rdtsc() - start;
        sample(kernel, MEASURED_CALLS, cycles);
        best.cycles = cycles < best.cycles ? cycles : best.cycles;
        best.sum = sum;
    }
    return best;
}

static void measure_all(measured_t measured[KERNELS], const char *when) {
    jit_event("measure", when);
    for (unsigned k = 0; k < KERNELS; k++) {
        measured[k] = measure(k);
        serial_record("test name=%s:%s cycles=%llu calls=%u result=%u", when, kernels[k].name, measured[k].cycles,
                      MEASURED_CALLS, measured[k].sum);
    }
}

static bool is_decided(void) {
    for (const jit_function_t *function = jit_functions(); function < jit_functions_end(); function++) {
        bool is_open = function->details != NULL && !jit_status(function).is_final;
        if (is_open && strcmp(function->name, "nothing") != 0)
            return false;
    }
    return true;
}

/* Works until it is clear of every function what becomes of it. */
static uint32_t work_on(void) {
    static uint64_t cycles[KERNELS];
    uint32_t rounds = 0;
    jit_event("work", "program");
    while (app_wants_bench() ? rounds < BENCH_ROUNDS : rounds < ROUNDS_MAX && !is_decided()) {
        for (unsigned k = 0; k < KERNELS; k++) {
            uint64_t start = rdtsc();
            kernels[k].work(rounds);
            cycles[k] += rdtsc() - start;
        }
        rounds++;
        for (unsigned k = 0; k < KERNELS && rounds % SAMPLED_ROUNDS == 0; k++) {
            sample(k, SAMPLED_ROUNDS, cycles[k]);
            cycles[k] = 0;
        }
    }
    return rounds;
}

static uint64_t calls_cost(uint32_t (*volatile function)(uint32_t)) {
    uint64_t best = UINT64_MAX;
    for (unsigned turn = 0; turn < BEST_OF; turn++) {
        uint64_t start = rdtsc();
        for (uint32_t i = 0; i < MEASURED_CALLS; i++)
            function(i);
        uint64_t cycles = rdtsc() - start;
        best = cycles < best ? cycles : best;
    }
    return best;
}

/* What counting adds to a call, in cycles; "nothing" is never called often enough to be compiled. */
static uint64_t counting_cost(void) {
    jit_set_threshold(UINT32_MAX);
    for (const jit_function_t *function = jit_functions(); function < jit_functions_end(); function++)
        if (strcmp(function->name, "nothing") == 0 && jit_status(function).state == JIT_COUNTED)
            return (calls_cost(nothing) - calls_cost((uint32_t (*)(uint32_t))function->aot)) / MEASURED_CALLS;
    return 0;
}

static bool compare(const measured_t before[KERNELS], const measured_t after[KERNELS]) {
    bool is_right = true;
    terminal_printf("\n%-12s %14s %14s %8s\n", "function", "build", "now", "faster");
    for (unsigned k = 0; k < KERNELS; k++) {
        uint32_t times = (uint32_t)(before[k].cycles * 100 / after[k].cycles);
        terminal_printf("%-12s %14llu %14llu %5u.%02ux\n", kernels[k].name, before[k].cycles / MEASURED_CALLS,
                        after[k].cycles / MEASURED_CALLS, times / 100, times % 100);
        is_right &= before[k].sum == after[k].sum;
    }
    return is_right;
}

/* Lets functions become better; returns the cycles that took. */
static uint64_t start_optimizing(void) {
    uint64_t start = rdtsc();
    jit_result_t result = jit_start();
    uint64_t cycles = rdtsc() - start;
    if (result != JIT_OK)
        terminal_printf("nothing is optimized: %s\n", jit_message());
    serial_record("overhead cycles=%llu", result == JIT_OK ? counting_cost() : 0);
    jit_set_threshold(THRESHOLD);
    return cycles;
}

static void report(uint32_t rounds, uint64_t started, uint64_t worked) {
    terminal_printf("\n");
    jit_print();
    compiler_statistics_t compiler = compiler_statistics();
    serial_record("optimizer rounds=%u start=%llu work=%llu compiler_calls=%u compiler_heap=%u", rounds, started,
                  worked, compiler.calls, compiler.heap_bytes);
    if (jit_message()[0] != '\0')
        terminal_printf("\n%s\n", jit_message());
}

int app_main(void) {
    static measured_t before[KERNELS], after[KERNELS];
    bool is_aot = strcmp(app_arguments(), "aot") == 0;
    terminal_printf("BareFlow: a program that optimizes itself\n");
    jit_event("entry", "program");
    measure_all(before, "build");
    uint64_t started = is_aot ? 0 : start_optimizing();
    uint64_t start = rdtsc();
    uint32_t rounds = work_on();
    uint64_t worked = rdtsc() - start;
    measure_all(after, "now");
    jit_event("done", "program");
    bool is_right = compare(before, after);
    if (is_aot)
        serial_record("overhead cycles=0");
    else
        report(rounds, started, worked);
    return is_right ? 0 : 1;
}
