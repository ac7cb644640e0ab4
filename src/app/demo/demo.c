/*
 * demo.c: a program that measures itself. Four small workloads run through the profiler; what each cost is shown as a
 * table and written as records.
 */
#include "jit_runtime.h"
#include "runtime.h"
#include "workloads.h"

enum { INLINE_CALLS = 10000, OVERHEAD_CALLS = 1000, OVERHEAD_ROUNDS = 10 };

typedef struct {
    const char *name;
    uint32_t (*function)(uint32_t);
    uint32_t argument;
    unsigned calls;
    uint32_t expected; /* by mathematics, not by running it */
} workload_t;

static const workload_t workloads[] = {
    {"fibonacci", fibonacci, 10, 10, 55},
    {"sum_to_n", sum_to_n, 1000, 100, 500500},
    {"count_primes", count_primes, 100, 5, 25},
};

enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

static void report(const char *name, uint64_t cycles, unsigned calls, uint32_t result) {
    terminal_printf("  %-16s %8u calls %12llu cycles   result %u\n", name, calls, cycles, result);
    serial_record("test name=%s cycles=%llu calls=%u result=%u", name, cycles, calls, result);
}

static bool test_inline_calls(void) {
    uint32_t result = 0;
    uint64_t start = rdtsc();
    for (unsigned i = 0; i < INLINE_CALLS; i++)
        result = increment(result);
    report("inline_calls", rdtsc() - start, INLINE_CALLS, result);
    return result == INLINE_CALLS;
}

static bool test_workload(const workload_t *workload, jit_profile_t *profile) {
    uint32_t result = 0;
    uint64_t start = rdtsc();
    for (unsigned i = 0; i < workload->calls; i++) {
        uint64_t call = jit_profile_begin(profile);
        result = workload->function(workload->argument);
        jit_profile_end(profile, call);
    }
    report(workload->name, rdtsc() - start, workload->calls, result);
    return result == workload->expected;
}

static uint64_t plain_round(void) {
    uint64_t start = rdtsc();
    for (unsigned i = 0; i < OVERHEAD_CALLS; i++)
        do_nothing();
    return rdtsc() - start;
}

static uint64_t profiled_round(jit_profile_t *profile) {
    uint64_t start = rdtsc();
    for (unsigned i = 0; i < OVERHEAD_CALLS; i++) {
        uint64_t call = jit_profile_begin(profile);
        do_nothing();
        jit_profile_end(profile, call);
    }
    return rdtsc() - start;
}

/*
 * What begin and end add to a call, in cycles: the same calls with and without them. The best of several rounds counts,
 * as an emulator translates code when it first runs, and its host has other things to do.
 */
static uint64_t profiling_overhead(void) {
    jit_profile_t profile = {.min = UINT64_MAX}; /* not listed: it measures the measuring */
    uint64_t plain = UINT64_MAX, profiled = UINT64_MAX;
    for (unsigned round = 0; round < OVERHEAD_ROUNDS; round++) {
        uint64_t cycles = plain_round();
        plain = cycles < plain ? cycles : plain;
        cycles = profiled_round(&profile);
        profiled = cycles < profiled ? cycles : profiled;
    }
    return profiled < plain ? 0 : (profiled - plain) / OVERHEAD_CALLS;
}

int app_main(void) {
    static jit_profile_t profiles[WORKLOADS];

    terminal_printf("BareFlow: a program that measures itself\n\n");
    bool correct = test_inline_calls();
    for (unsigned i = 0; i < WORKLOADS; i++) {
        jit_profile_init(&profiles[i], workloads[i].name);
        correct &= test_workload(&workloads[i], &profiles[i]);
    }
    uint64_t overhead = profiling_overhead();
    terminal_printf("\n");
    jit_profile_print();
    jit_profile_record();
    terminal_printf("\nprofiling a call costs %llu cycles\n", overhead);
    serial_record("overhead cycles=%llu", overhead);
    return correct ? 0 : 1;
}
