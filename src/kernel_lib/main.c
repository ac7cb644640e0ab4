/*
 * main.c: the kernel's life from its first C function to its end.
 *
 * The order below is the order of need: a room is initialised after what it uses. Nothing may panic before
 * interrupts_init.
 */
#include "runtime.h"

#include "cpu/vectors.h"
#include "jit_runtime.h"
#include "monitor.h"

enum { RECORD_VERSION = 1 };

#pragma weak vectors_init /* it is in the kernel where somebody asks for it, as the JIT does */

_Noreturn void kernel_main(uint64_t entry_tsc);

static char mode[8];
static char arguments[256];

const char *app_arguments(void) {
    return arguments;
}

bool app_wants_bench(void) {
    return strcmp(mode, "bench") == 0;
}

/* Someone waits for the machine to end by itself. */
static bool is_supervised(void) {
    return mode[0] != '\0';
}

static void describe_machine(uint64_t entry_tsc) {
    char features[320];
    cpu_feature_names(features, sizeof features);
    if (app_wants_bench())
        serial_record("boot version=%d", RECORD_VERSION); /* the firmware waits for the disk: no two boots are equal */
    else
        serial_record("boot version=%d entry_tsc=%llu", RECORD_VERSION, entry_tsc);
    serial_record("memory total=%llu heap=%zu", memory_map_total(), heap_statistics().total);
    serial_record("cpu vendor=%s features=%s", cpu_vendor(), features);
}

static _Noreturn void finish(int status) {
    terminal_printf(status == 0 ? "\nThe program is done.\n" : "\nThe program failed: %d.\n", status);
    serial_record("done status=%d", status);
    if (!is_supervised())
        monitor_run();
    machine_exit(status == 0 ? EXIT_DONE : EXIT_FAILED);
}

void kernel_main(uint64_t entry_tsc) {
    serial_init();         /* COM1: the first to speak */
    terminal_initialize(); /* screen and COM1 together */
    interrupts_init();     /* exceptions panic from here on; all lines masked */
    cpu_init();            /* features */
    memory_map_init();     /* what stage 2 heard from the BIOS */
    heap_init();           /* memory above 1 MiB */
    timer_init();          /* 100 ticks a second */
    keyboard_init();       /* characters wait until someone reads them */
    fw_cfg_read("opt/bareflow/mode", mode, sizeof mode);
    fw_cfg_read("opt/bareflow/args", arguments, sizeof arguments);
    if (vectors_init != NULL)
        vectors_init(); /* the app may use all registers */
    interrupts_enable();
    describe_machine(entry_tsc);
    serial_record("ready init_cycles=%llu", rdtsc() - entry_tsc);
    finish(app_main());
}
