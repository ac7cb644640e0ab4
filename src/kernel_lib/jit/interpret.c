/* interpret.c: calls of functions that exist only as bitcode (function.h), while there is no code for them. */
#include "cpu/panic.h"
#include "io/format.h"
#include "jit/compiler/compiler.h"
#include "jit/compiler_module.h"
#include "jit/jit.h"
#include "memory/memory.h"

uint64_t jit_interpret(const jit_function_t *function, const uint32_t *arguments); /* counted.asm */

/* Without it the program cannot go on. */
static _Noreturn void give_up(const jit_function_t *function, const char *why) {
    static char text[COMPILER_MESSAGE_SIZE];
    snprintf(text, sizeof text, "%s exists only as bitcode: %s", function->name, why);
    panic(text);
}

/* Runs a call; without arguments it only finds out whether calls could be run. */
static compiler_result_t call(const jit_function_t *function, const uint32_t *arguments, uint64_t *result) {
    jit_details_t *details = function->details;
    compiler_call_t job = {
        .digest = function->source->digest,
        .function = function->name,
        .find = code_find,
        .where = function->source,
        .arguments = arguments,
    };
    if (details->bitcode == NULL && jit_read_bitcode(function, &details->bitcode, &details->bitcode_size) != JIT_OK)
        give_up(function, jit_message());
    job.bitcode = details->bitcode;
    job.bitcode_size = details->bitcode_size;
    compiler_result_t answer = compiler_interpret(&job);
    *result = job.result;
    return answer;
}

uint64_t jit_interpret(const jit_function_t *function, const uint32_t *arguments) {
    uint64_t result;
    if (function->details == NULL)
        give_up(function, "it can be called after jit_start()");
    if (call(function, arguments, &result) != COMPILER_OK)
        give_up(function, compiler_message());
    return result;
}

void jit_prepare_interpreted(jit_function_t *function) {
    uint64_t result;
    code_t code;
    if (call(function, NULL, &result) == COMPILER_OK)
        return;
    if (jit_compile(function, &code) != JIT_OK)
        give_up(function, jit_message());
    function->details->state = JIT_OPTIMIZED; /* there is nothing that it could be compared with */
    jit_swap_function(function, &code);
}
