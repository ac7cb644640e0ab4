/* thread_area.c: thread_area.h on Linux. */
#include "cpu/thread_area.h"
#include "linux.h"

enum { ANY = -1, FLAGS = 0x51 }; /* 32 bits, in pages, usable */

static uint32_t entry; /* 0 while there is none */

uint32_t thread_area_set(uint32_t base, uint32_t limit) {
    uint32_t area[] = {entry == 0 ? (uint32_t)ANY : entry, base, limit, FLAGS};
    if (system_call(CALL_SET_THREAD_AREA, (uint32_t)area, 0, 0, 0, 0, 0) == 0)
        entry = area[0];
    return entry;
}

void thread_area_select(void) {
    if (entry != 0)
        __asm__ volatile("movw %w0, %%gs" : : "r"(entry << 3 | 3));
}
