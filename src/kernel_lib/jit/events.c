/* events.c: what `doit bench` is told beside the figures; see jit_runtime.h. */
#include "io/ata.h"
#include "io/serial.h"
#include "jit_runtime.h"
#include "runtime.h"

/* Cycles since the first question. */
static uint64_t now(void) {
    static uint64_t first;
    uint64_t cycles = rdtsc();
    first = first == 0 ? cycles : first;
    return cycles - first;
}

void jit_event(const char *what, const char *name) {
    if (app_wants_bench())
        serial_record("event at=%llu sectors=%u what=%s name=%s", now(), ata_sectors_read(), what, name);
}

void jit_sample(const char *function, uint32_t number, uint32_t calls, uint64_t cycles) {
    if (app_wants_bench())
        serial_record("calls at=%llu name=%s n=%u count=%u cycles=%llu", now(), function, number, calls, cycles);
}
