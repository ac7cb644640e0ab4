/* report.c: what people and programs are told of optimizable functions; see jit_runtime.h. */
#include "io/serial.h"
#include "io/terminal.h"
#include "jit/jit.h"

const char *jit_result_text(jit_result_t result) {
    static const char *const texts[] = {
        [JIT_OK] = "done",
        [JIT_NO_DISK] = "there is no disk",
        [JIT_NO_PAGING] = "the processor has no paging that can be used",
        [JIT_NO_MEMORY] = "there is too little memory",
        [JIT_NO_BITCODE] = "the bitcode is not on the disk, or is another one",
        [JIT_NO_COMPILER] = "the compiler cannot be loaded",
        [JIT_REFUSED] = "the compiler gave no object",
        [JIT_BAD_OBJECT] = "the object cannot be loaded",
        [JIT_NOT_STARTED] = "the program did not start it",
        [JIT_BUSY] = "it is under way, or decided",
    };
    return texts[result];
}

static const char *state_name(jit_state_t state) {
    static const char *const names[] = {
        [JIT_COUNTED] = "counted",   [JIT_TRIED] = "tried",   [JIT_OPTIMIZED] = "optimized",
        [JIT_REJECTED] = "rejected", [JIT_FAILED] = "failed",
    };
    return names[state];
}

jit_status_t jit_status(const jit_function_t *function) {
    const jit_details_t *details = function->details;
    jit_status_t status = {.state = JIT_COUNTED, .calls = function->calls};
    if (details == NULL)
        return status;
    status.state = details->state;
    status.is_from_disk = details->is_from_disk;
    status.per_mille = details->worth.per_mille;
    status.before = details->worth.before;
    status.after = details->worth.after;
    status.is_by_profile = details->is_by_profile;
    status.is_final = details->step == STEP_NOTHING;
    for (unsigned word = 0; word < JIT_WORDS; word++) {
        frequent_t frequent = histogram_most(&details->values[word]);
        status.value[word] = frequent.value;
        status.share[word] = frequent.per_mille;
    }
    return status;
}

void jit_print(void) {
    terminal_printf("%-16s %-10s %6s %-8s %10s %12s %12s %9s\n", "function", "state", "from", "code", "counted",
                    "before", "after", "per mille");
    for (const jit_function_t *function = jit_functions(); function < jit_functions_end(); function++) {
        jit_status_t status = jit_status(function);
        const char *from = status.is_from_disk ? "disk" : "here";
        const char *code = status.is_by_profile ? "profile" : "general";
        terminal_printf("%-16s %-10s %6s %-8s %10u %12llu %12llu %9u\n", function->name, state_name(status.state), from,
                        code, status.calls, status.before, status.after, status.per_mille);
        serial_record(
            "optimized name=%s state=%s from=%s code=%s calls=%u before=%llu after=%llu per_mille=%u value=%u share=%u",
            function->name, state_name(status.state), from, code, status.calls, status.before, status.after,
            status.per_mille, status.value[0], status.share[0]);
    }
}
