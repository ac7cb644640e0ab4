/*
 * swap.c: an app that swaps a function ten thousand times while a timer interrupts it ten thousand times a second and
 * calls the same function, and while the function itself runs; every call computes what it must, and no memory is lost.
 */
#include "check.h"
#include "functions.h"
#include "io/port.h"
#include "jit/compiler_module.h"
#include "jit/request.h"
#include "jit_runtime.h"

enum { SWAPS = 10000, PIT_CHANNEL0 = 0x40, PIT_DIVISOR = 119 /* 10 kHz */, N = 6, FIBONACCI_OF_N = 8 };

typedef struct {
    uint8_t *bytes;
    uint32_t size;
} object_t;

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

static object_t make(const char *name) {
    fs_volume_t *volume;
    fs_file_t file;
    object_t made = {0};
    uint32_t size;
    if (fs_mount_disk(&volume) != FS_OK || fs_open(volume, "JIT/FUNCTIONS.BC", &file) != FS_OK ||
        compiler_load(volume, "JIT/COMPILER.ELF") != COMPILER_OK)
        return made;
    uint8_t *bitcode = malloc(file.size);
    if (bitcode == NULL || fs_read(&file, 0, bitcode, file.size, &size) != FS_OK)
        return made;
    target = find(name);
    compiled_t compiled;
    char request[REQUEST_SIZE];
    if (target != NULL && request_text(target, request) != 0 &&
        compiler_run(request, bitcode, size, &compiled) == COMPILER_OK) {
        made = (object_t){compiled.object, compiled.object_size};
        free(compiled.optimized);
    }
    free(bitcode);
    return made;
}

static int swap_in(const object_t *object) {
    code_t code;
    CHECK(target != NULL && code_load(object->bytes, object->size, target->name, &code) == CODE_OK);
    jit_swap_function(target, &code);
    return 0;
}

static int swap_often(unsigned times) {
    object_t object = make("fibonacci");
    for (unsigned i = 0; i < times / 2; i++) {
        CHECK(swap_in(&object) == 0 && fibonacci(N) == FIBONACCI_OF_N);
        jit_swap_function(target, NULL);
        CHECK(fibonacci(N) == FIBONACCI_OF_N);
    }
    free(object.bytes);
    return 0;
}

static int swap_inside(void) {
    object_t object = make("calls_back");
    for (unsigned i = 0; i < 100; i++) {
        CHECK(swap_in(&object) == 0);
        CHECK(calls_back(i) == 2 * (i + FIBONACCI_OF_N));
    }
    free(object.bytes);
    CHECK(inner_swaps > 0 && inner_swaps % 200 == 0);
    return 0;
}

int app_main(void) {
    CHECK(jit_start() == JIT_OK);
    irq_handle(IRQ_TIMER, tick);
    outb(PIT_CHANNEL0, PIT_DIVISOR & 0xFF);
    outb(PIT_CHANNEL0, PIT_DIVISOR >> 8);
    CHECK(swap_often(10) == 0 && swap_inside() == 0);
    size_t used = heap_statistics().used;
    CHECK(swap_often(SWAPS) == 0 && swap_inside() == 0);
    terminal_printf("%u ticks, %u wrong\n", ticks, wrong);
    CHECK(wrong == 0 && ticks > 1000);
    CHECK(heap_statistics().used == used);
    heap_check();
    return 0;
}
