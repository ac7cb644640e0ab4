/*
 * all_kinds.c: an app that calls the functions of kinds.h: all calls by what the build made; then the same, but a part
 * of the calls in the middle by code that was compiled here. All results must be equal, and what code that is gone left
 * behind must be good. With "themselves" the functions are optimized by and by instead, as in any program.
 */
#include "check.h"
#include "jit/compiler_module.h"
#include "jit_runtime.h"
#include "kinds.h"

enum { CALLS = 96, COMPILED_FROM = 32, COMPILED_TO = 64, ROUNDS = 5, VALUES = 24 };

static uint32_t hash; /* of all that functions gave */

static void add(uint32_t value) {
    hash = (hash ^ value) * 0x01000193;
}

static void add_text(const char *text) {
    while (*text != '\0')
        add((uint8_t)*text++);
}

static uint32_t visit(uint32_t n) {
    return n ^ 5;
}

static void call_for_variables(uint32_t i) {
    add(count_calls(i));
    add(note(i * 7));
    add(note_sum());
    add(take_ticket(i));
    add(add_elsewhere(i));
    elsewhere++;
    add(set_up_once(i));
}

static void call_for_tables(uint32_t i) {
    static const uint8_t program[] = {0, 1, 2, 0, 1, 1, 0, 2, 3};
    add(apply(i, i * 3, 5));
    add_text(name_of(i % 6));
    add(is_name(name_of(i % 6)));
    add_text(literal_of(i));
    add(classify((uint8_t)(i * 5)));
    add(run_program(program + i % 8, i));
}

static void call_for_arguments(uint32_t i) {
    point_t point = add_points((point_t){(int16_t)i, 3}, (point_t){7, (int16_t)-i});
    add((uint32_t)(point.x * 1000 + point.y));
    block_t block = turn_block((block_t){{i, 2, 3, 4, 5, 6, 7, 8, 9}}, i);
    for (uint32_t k = 0; k < 9; k++)
        add(block.words[k]);
    uint64_t wide = mix_wide(i * 0x123456789ULL, i * 77777ULL);
    add((uint32_t)wide ^ (uint32_t)(wide >> 32));
    add((uint32_t)narrow((int8_t)i, (uint16_t)(i * 900), i % 2 == 0, -5, 200, 'x', (int32_t)i - 50));
    add(sum_of(i % 4, i, 2, 3));
}

static void call_for_calls(uint32_t i) {
    char buffer[64];
    uint32_t values[VALUES];
    for (uint32_t k = 0; k < VALUES; k++)
        values[k] = (i + k) * 2654435761U;
    add(write_number(buffer, i));
    add_text(buffer);
    add(for_each(values, VALUES, visit));
    add(sort_values(values, VALUES));
    add(is_even(i) * 2 + is_odd(i + 1));
    add(call_marked(i));
    add(choose_handler(i));
    add(handler_is_known());
    add(call_hooks(i));
}

static void call_for_code(uint32_t i) {
    add(rotate(i));
    add(large(i));
    add(wait_in_loop(i));
    add(reverse(i));
}

static void call_all(uint32_t i) {
    call_for_variables(i);
    call_for_tables(i);
    call_for_arguments(i);
    call_for_calls(i);
    call_for_code(i);
}

/* Lets calls run code that is compiled now. */
static int compile_all(void) {
    for (jit_function_t *function = jit_functions(); function < jit_functions_end(); function++) {
        code_t code;
        jit_result_t result = jit_compile(function, &code);
        if (result != JIT_OK)
            terminal_printf("%s: %s: %s\n", function->name, jit_result_text(result), jit_message());
        CHECK(result == JIT_OK);
        jit_swap_function(function, &code);
    }
    return 0;
}

static void give_back_all(void) {
    for (jit_function_t *function = jit_functions(); function < jit_functions_end(); function++)
        jit_swap_function(function, NULL);
}

static uint32_t expected[CALLS];

/* What the build's code gives. */
static void prepare(void) {
    kinds_reset();
    for (uint32_t i = 0; i < CALLS; i++) {
        call_all(i);
        expected[i] = hash;
    }
}

static int call_and_compare(uint32_t i) {
    if (i == 0)
        kinds_reset(), hash = 0;
    call_all(i);
    if (hash != expected[i])
        terminal_printf("call %u\n", i);
    CHECK(hash == expected[i]);
    return 0;
}

static int compile_in_between(void) {
    const char *literal = NULL, *name = NULL;
    jit_set_threshold(UINT32_MAX);
    for (uint32_t i = 0; i < CALLS; i++) {
        if (i == COMPILED_FROM)
            CHECK(compile_all() == 0);
        if (i == COMPILED_TO) {
            literal = literal_of(0), name = literal_of(3);
            give_back_all();
        }
        CHECK(call_and_compare(i) == 0);
    }
    CHECK(strcmp(literal, "a text that lasts") == 0 && strcmp(name, literal) == 0);
    return 0;
}

static int optimize_themselves(void) {
    for (uint32_t i = 0; i < ROUNDS * CALLS; i++)
        CHECK(call_and_compare(i % CALLS) == 0);
    jit_print();
    return 0;
}

int app_main(void) {
    prepare();
    CHECK(jit_start() == JIT_OK);
    return strcmp(app_arguments(), "themselves") == 0 ? optimize_themselves() : compile_in_between();
}
