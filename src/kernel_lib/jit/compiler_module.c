/* compiler_module.c: see compiler_module.h. */
#include "jit/compiler_module.h"
#include "cpu/double_fault.h"
#include "cpu/paging.h"
#include "cpu/panic.h"
#include "cpu/thread_area.h"
#include "cpu/timer.h"
#include "cpu/tsc.h"
#include "cpu/vectors.h"
#include "io/format.h"
#include "jit/compiler/compiler.h"
#include "jit/linux_calls.h"
#include "jit/program.h"
#include "jit/switch.h"
#include "jit/window.h"
#include "jit_runtime.h"
#include "memory/memory.h"

enum { STACK_TOP = BF_WINDOW_END - 64 };
enum { HEAP_DEFAULT = 24 << 20, LIMIT_DEFAULT = 20000, MILLISECONDS_PER_TICK = 1000 / TIMER_HZ };
enum { SWITCHED_STACK = STACK_TOP / 16 * 16 + 4 };
enum { ANSWER_ENDED = UINT32_MAX };

extern const uint8_t text_start[], text_end[]; /* kernel.ld */

static struct {
    bool is_tried; /* to load it */
    compiler_result_t loaded;
    program_t image;
    linux_program_t state;
    linux_program_t first_state;
    const compiler_offer_t *offer;
    uint8_t *snapshot; /* the writable part of the image, then the heap */
    uint32_t deadline; /* in ticks */
    bool is_running;   /* on its stack */
    bool is_broken;    /* it was ended, so its memory makes no sense */
    uint32_t depth;    /* of calls that are interpreted */
    char message[COMPILER_MESSAGE_SIZE];
    compiler_statistics_t statistics;
} module;

static size_t heap_limit = HEAP_DEFAULT;
static uint32_t call_limit = LIMIT_DEFAULT;

void compiler_limit(size_t heap_bytes, uint32_t milliseconds) {
    heap_limit = heap_bytes / PAGE_SIZE * PAGE_SIZE;
    call_limit = milliseconds;
}

const char *compiler_message(void) {
    return module.message;
}

const char *compiler_result_text(compiler_result_t result) {
    static const char *const texts[] = {
        [COMPILER_OK] = "done",
        [COMPILER_NO_FILE] = "the compiler module cannot be read",
        [COMPILER_BAD_FILE] = "there is no compiler module for this kernel",
        [COMPILER_NO_MEMORY] = "there is too little memory for the compiler module",
        [COMPILER_FAILED] = "the compiler module failed",
        [COMPILER_REFUSED] = "the compiler module refused",
    };
    return texts[result];
}

static void say(const char *text) {
    snprintf(module.message, sizeof module.message, "%s", text);
}

static void answer_call(interrupt_frame_t *frame) {
    program_state_t state = linux_call(&module.state, frame);
    if (state != PROGRAM_RUNS && !module.is_running)
        panic("the interpreter failed");
    if (state != PROGRAM_RUNS)
        stack_return(state == PROGRAM_OFFERS ? 0 : (uint32_t)ANSWER_ENDED);
}

/* Ends the module where it fails or takes too long, and answers its system calls. */
static bool watch(interrupt_frame_t *frame) {
    bool is_called = module.is_running || module.depth > 0;
    if (is_called && frame->vector == SYSTEM_CALL_VECTOR) {
        answer_call(frame);
        return true;
    }
    if (!module.is_running)
        return false;
    if (frame->vector < IRQ_VECTOR) {
        snprintf(module.message, sizeof module.message, "exception %u at %x", frame->vector, frame->eip);
        stack_return(ANSWER_ENDED);
    }
    bool is_ours = frame->eip >= (uint32_t)text_start && frame->eip < (uint32_t)text_end;
    if (!is_ours && (int32_t)(timer_ticks() - module.deadline) >= 0) {
        snprintf(module.message, sizeof module.message, "it did not end within %u ms", call_limit);
        stack_return(ANSWER_ENDED);
    }
    return false;
}

static void begin(void) {
    module.message[0] = '\0';
    module.state.text_size = 0;
    module.deadline = timer_ticks() + call_limit / MILLISECONDS_PER_TICK + 1;
    vectors_reset();
    thread_area_select();
    module.is_running = true;
}

/* Takes the answer of what ran on the module's stack; false where that did not come to its own end. */
static bool end(uint32_t answer) {
    module.is_running = false;
    module.statistics.system_calls = module.state.calls;
    module.statistics.refused_calls = module.state.refused;
    module.statistics.heap_bytes = module.state.break_most - module.state.break_start;
    module.is_broken = answer == (uint32_t)ANSWER_ENDED;
    if (!module.is_broken)
        return true;
    if (module.message[0] == '\0')
        say(module.state.text_size > 0 ? module.state.text : "it ended");
    return false;
}

/* Memory from the kernel's heap, seen in the window. */
static bool map_memory(uint32_t address, uint32_t size) {
    uint8_t *memory = malloc(size + PAGE_SIZE);
    uintptr_t start = (uintptr_t)memory + PAGE_SIZE - (uintptr_t)memory % PAGE_SIZE;
    return memory != NULL && paging_map(address, start, size, PAGE_WRITE);
}

static bool give_memory(void) {
    uint32_t heap = module.image.end;
    if (heap_limit > CODE_WINDOW_START - heap || !map_memory(heap, heap_limit) ||
        !map_memory(MODULE_STACK_START, MODULE_STACK_SIZE))
        return false;
    module.state.break_start = module.state.break_end = module.state.break_most = heap;
    module.state.break_limit = heap + heap_limit;
    return true;
}

static uint32_t image_part(void) {
    return module.image.writable_end - module.image.writable_start;
}

static bool take_snapshot(void) {
    uint32_t heap = module.state.break_end - module.state.break_start;
    module.statistics.snapshot_bytes = image_part() + heap;
    module.snapshot = malloc(module.statistics.snapshot_bytes);
    if (module.snapshot == NULL)
        return false;
    memcpy(module.snapshot, (const void *)(uintptr_t)module.image.writable_start, image_part());
    memcpy(module.snapshot + image_part(), (const void *)(uintptr_t)module.state.break_start, heap);
    module.first_state = module.state;
    return true;
}

static void put_back(void) {
    uint32_t most = module.state.break_most, calls = module.state.calls, refused = module.state.refused;
    module.state = module.first_state;
    module.state.break_most = most;
    module.state.calls = calls;
    module.state.refused = refused;
    memcpy((void *)(uintptr_t)module.image.writable_start, module.snapshot, image_part());
    memcpy((void *)(uintptr_t)module.state.break_start, module.snapshot + image_part(),
           module.state.break_end - module.state.break_start);
}

static compiler_result_t start(void) {
    static const char *const arguments[] = {"compiler", "serve"};
    interrupts_watch(watch);
    uint32_t stack = program_stack(&module.image, STACK_TOP, arguments, 2);
    begin();
    if (!end(stack_enter(module.image.entry, stack)))
        return COMPILER_FAILED;
    module.offer = module.state.offer;
    uint32_t at = (uint32_t)(uintptr_t)module.offer;
    if (at < BF_WINDOW_START || at > module.image.end - sizeof *module.offer || module.offer->abi != COMPILER_ABI) {
        say("it speaks another language");
        return COMPILER_BAD_FILE;
    }
    return take_snapshot() ? COMPILER_OK : COMPILER_NO_MEMORY;
}

static compiler_result_t load(fs_volume_t *volume, const char *path) {
    static const compiler_result_t results[] = {
        [PROGRAM_OK] = COMPILER_OK,
        [PROGRAM_UNREADABLE] = COMPILER_NO_FILE,
        [PROGRAM_MALFORMED] = COMPILER_BAD_FILE,
        [PROGRAM_NO_MEMORY] = COMPILER_NO_MEMORY,
    };
    if (!paging_init())
        return COMPILER_NO_MEMORY;
    double_fault_init();
    vectors_init();
    uint64_t before = rdtsc();
    program_result_t result = program_load(volume, path, &module.image);
    module.statistics.load_cycles = rdtsc() - before;
    module.statistics.image_bytes = module.image.end - BF_WINDOW_START;
    if (result != PROGRAM_OK)
        return results[result];
    return give_memory() ? COMPILER_OK : COMPILER_NO_MEMORY;
}

compiler_result_t compiler_load(fs_volume_t *volume, const char *path) {
    if (module.is_tried)
        return module.loaded;
    module.is_tried = true;
    jit_event("load", "compiler");
    module.loaded = load(volume, path);
    if (module.loaded == COMPILER_OK) {
        uint64_t before = rdtsc();
        module.loaded = start();
        module.statistics.start_cycles = rdtsc() - before;
    }
    jit_event("loaded", "compiler");
    return module.loaded;
}

/* Copies a part of the module's answer. */
static compiler_result_t take(const uint8_t *part, uint32_t size, uint8_t **copy) {
    uint32_t at = (uint32_t)(uintptr_t)part;
    if (at < BF_WINDOW_START || at >= BF_WINDOW_END || size > BF_WINDOW_END - at) {
        say("its answer lies nowhere");
        return COMPILER_FAILED;
    }
    *copy = malloc(size);
    if (*copy == NULL)
        return COMPILER_NO_MEMORY;
    memcpy(*copy, part, size);
    return COMPILER_OK;
}

static compiler_result_t take_answer(const compiler_job_t *job, compiled_t *compiled) {
    *compiled = (compiled_t){
        .object_size = job->object_size,
        .optimized_size = job->optimized_size,
        .branches = job->branches,
        .is_recursive = job->is_recursive != 0,
    };
    compiler_result_t result = take(job->object, job->object_size, &compiled->object);
    if (result == COMPILER_OK)
        result = take(job->optimized, job->optimized_size, &compiled->optimized);
    if (result != COMPILER_OK)
        free(compiled->object);
    return result;
}

compiler_result_t compiler_run(const char *request, const void *bitcode, uint32_t bitcode_size, compiled_t *compiled) {
    assert(module.loaded == COMPILER_OK && module.offer != NULL);
    compiler_job_t job = {.request = request, .bitcode = bitcode, .bitcode_size = bitcode_size};
    uint64_t before = rdtsc();
    if (module.depth > 0) {
        say("a function is being interpreted");
        return COMPILER_REFUSED;
    }
    put_back();
    begin();
    uint32_t answer =
        stack_switch((uint32_t)(uintptr_t)module.offer->compile, (uint32_t)(uintptr_t)&job, SWITCHED_STACK);
    bool ended = !end(answer);
    module.statistics.calls++;
    module.statistics.last_cycles = rdtsc() - before;
    if (ended)
        return COMPILER_FAILED;
    if (answer != 0) {
        job.message[sizeof job.message - 1] = '\0';
        say(job.message);
        return COMPILER_REFUSED;
    }
    return take_answer(&job, compiled);
}

compiler_result_t compiler_interpret(compiler_call_t *call) {
    assert(module.loaded == COMPILER_OK && !module.is_running);
    if (module.is_broken)
        put_back();
    module.is_broken = false;
    thread_area_select();
    module.depth++;
    int answer = module.offer->interpret(call);
    module.depth--;
    if (answer == 0)
        return COMPILER_OK;
    call->message[sizeof call->message - 1] = '\0';
    say(call->message);
    return COMPILER_REFUSED;
}

bool compiler_is_interpreting(void) {
    return module.depth > 0;
}

compiler_statistics_t compiler_statistics(void) {
    return module.statistics;
}
