/*
 * all_floats.c: an app that calls the functions of floats.h by what the build made, and then by code that was compiled
 * here, or with "themselves" optimized by and by: every bit of every result must be the same.
 */
#include "check.h"
#include "floats.h"
#include "jit_runtime.h"

enum { CALLS = 64, COMPILED_FROM = 16, COMPILED_TO = 48, ROUNDS = 7, SIZE = 64, BODIES = 5 };

static uint32_t hash, expected[CALLS];
static float left[SIZE], right[SIZE];
static double values[SIZE];
static int32_t numbers[SIZE];
static body_t bodies[BODIES];

double halve(double x) {
    return x * 0.5 - 1e-3;
}

float third(float x) {
    return x / 3.0F;
}

static void add(const void *value, size_t size) {
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)value)[i]) * 0x01000193;
}

static void add_double(double value) {
    add(&value, sizeof value);
}

static void add_float(float value) {
    add(&value, sizeof value);
}

static void add_number(uint32_t value) {
    add(&value, sizeof value);
}

static void begin(void) {
    hash = 0;
    floats_reset();
    for (int32_t i = 0; i < SIZE; i++) {
        left[i] = (float)(i * i % 31) / 7.0F - 1.5F;
        right[i] = (float)(i % 9) * 1e-3F + (i % 8 == 0 ? 1e-41F : 0.0F);
        values[i] = i % 16 == 3 ? __builtin_inf() : i % 16 == 5 ? __builtin_nan("") : (double)(i - 20) / 3;
        numbers[i] = (i - 30) * 71234567;
    }
    for (int32_t i = 0; i < BODIES; i++)
        bodies[i] = (body_t){{i, i * i, 1.0 / (i + 1)}, {0, 0.1 * i, -0.1}, 1.0 + i};
}

static void call_all(uint32_t i) {
    double x = (double)i / 7 - 3;
    vector_t product = cross((vector_t){x, 1, 2}, (vector_t){0.5, x, -x});
    add_double(move(bodies, BODIES, 0.01));
    add_double(bodies[i % BODIES].place[i % 3]);
    add_float(dot(left, right, SIZE - i % 16));
    add_double(horner(values + 6, 8, x));
    add_double(mean(numbers, SIZE - i % 32));
    add_number(round_all(left, SIZE - i % 8));
    add_double(twice(halve, x));
    add_double(continued(x + 10, i % 12));
    add_float(mix((float)x, x * x, (int64_t)i * -123456789012, i * 98765432109876ULL));
    add(&product, sizeof product);
    add_number(count_less(values, SIZE, x));
    add_double(add_to_total(x));
    add_double(call_other(x + 4));
}

static int call_and_compare(uint32_t i) {
    if (i == 0)
        begin();
    call_all(i);
    if (hash != expected[i])
        terminal_printf("call %u\n", i);
    CHECK(hash == expected[i]);
    return 0;
}

static int compile_in_between(void) {
    jit_set_threshold(UINT32_MAX);
    for (uint32_t i = 0; i < CALLS; i++) {
        for (jit_function_t *each = jit_functions(); each < jit_functions_end(); each++) {
            code_t code;
            if (i == COMPILED_FROM) {
                CHECK(jit_compile(each, &code) == JIT_OK);
                jit_swap_function(each, &code);
            } else if (i == COMPILED_TO) {
                jit_swap_function(each, NULL);
            }
        }
        CHECK(call_and_compare(i) == 0);
    }
    return 0;
}

static int optimize_themselves(void) {
    for (uint32_t i = 0; i < ROUNDS * CALLS; i++)
        CHECK(call_and_compare(i % CALLS) == 0);
    jit_print();
    return 0;
}

int app_main(void) {
    begin();
    for (uint32_t i = 0; i < CALLS; i++) {
        call_all(i);
        expected[i] = hash;
    }
    CHECK(jit_start() == JIT_OK);
    int result = strcmp(app_arguments(), "themselves") == 0 ? optimize_themselves() : compile_in_between();
    if (jit_message()[0] != '\0')
        terminal_printf("%s\n", jit_message());
    return result;
}
