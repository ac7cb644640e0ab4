/*
 * swap.c: an app that swaps a function ten thousand times while a timer interrupts it ten thousand times a second and
 * calls the same function, and while the function itself runs; also code that counts branches. Every call computes what
 * it must, and no memory is lost.
 */
#include "check.h"
#include "functions.h"
#include "jit/compiler_module.h"
#include "jit/request.h"
#include "jit_runtime.h"

enum { SWAPS = 10000, RATE = 10000 /* Hz */, N = 6, FIBONACCI_OF_N = 8 };

typedef struct {
    compiled_t compiled;
    bool counts; /* its branches */
} made_t;

static volatile uint32_t ticks, wrong;
static jit_function_t *target;
static uint32_t inner_swaps;

static void tick(void) {
    ticks++;
    wrong += fibonacci(N) != FIBONACCI_OF_N;
}

static jit_function_t *find(const char *name) {
    for (jit_function_t *function = jit_functions(); function < jit_functions_end(); function++)
        if (strcmp(function->name, name) == 0)
            return function;
    return NULL;
}

/* calls_back() calls it, twice: what called has been taken away, and must stay until it has ended. */
uint32_t call_back(uint32_t n) {
    inner_swaps++;
    jit_swap_function(target, NULL);
    return n + fibonacci(N);
}

static made_t make(const char *name, bool counts) {
    fs_volume_t *volume;
    fs_file_t file;
    made_t made = {.counts = counts};
    uint32_t size;
    if (fs_mount_disk(&volume) != FS_OK || fs_open(volume, "JIT/FUNCTIONS.BC", &file) != FS_OK ||
        compiler_load(volume, "JIT/COMPILER.ELF") != COMPILER_OK)
        return made;
    uint8_t *bitcode = malloc(file.size);
    if (bitcode == NULL || fs_read(&file, 0, bitcode, file.size, &size) != FS_OK)
        return made;
    target = find(name);
    char request[REQUEST_SIZE];
    specialisation_t wanted = {.recursion = REQUEST_RECURSION, .counts_branches = counts};
    if (target != NULL && request_text(target, &wanted, request) != 0)
        compiler_run(request, bitcode, size, &made.compiled);
    free(bitcode);
    return made;
}

static void give_back(made_t *made) {
    free(made->compiled.object);
    free(made->compiled.optimized);
}

static int swap_in(const made_t *made) {
    code_t code;
    const compiled_t *compiled = &made->compiled;
    CHECK(target != NULL && compiled->object != NULL);
    code_result_t result = made->counts ? code_load_counting(compiled->object, compiled->object_size, target, 1, &code)
                                        : code_load(compiled->object, compiled->object_size, target, &code);
    CHECK(result == CODE_OK && (code.counters != NULL) == made->counts);
    jit_swap_function(target, &code);
    return 0;
}

static int swap_often(unsigned times, bool counts) {
    made_t made = make("fibonacci", counts);
    CHECK(made.compiled.branches == 1 && made.compiled.is_recursive);
    for (unsigned i = 0; i < times / 2; i++) {
        CHECK(swap_in(&made) == 0 && fibonacci(N) == FIBONACCI_OF_N);
        jit_swap_function(target, NULL);
        CHECK(fibonacci(N) == FIBONACCI_OF_N);
    }
    give_back(&made);
    return 0;
}

static int swap_inside(void) {
    made_t made = make("calls_back", false);
    CHECK(!made.compiled.is_recursive);
    for (unsigned i = 0; i < 100; i++) {
        CHECK(swap_in(&made) == 0);
        CHECK(calls_back(i) == 2 * (i + FIBONACCI_OF_N));
    }
    give_back(&made);
    CHECK(inner_swaps > 0 && inner_swaps % 200 == 0);
    return 0;
}

int app_main(void) {
    CHECK(jit_start() == JIT_OK);
    irq_handle(IRQ_TIMER, tick);
    timer_set_rate(RATE);
    CHECK(swap_often(10, false) == 0 && swap_inside() == 0);
    size_t used = heap_statistics().used;
    CHECK(swap_often(SWAPS, false) == 0 && swap_often(SWAPS / 10, true) == 0 && swap_inside() == 0);
    terminal_printf("%u ticks, %u wrong\n", ticks, wrong);
    CHECK(wrong == 0 && ticks > 1000);
    CHECK(heap_statistics().used == used);
    heap_check();
    return 0;
}
