/* thread_area.c: see thread_area.h. */
#include "cpu/thread_area.h"

enum { ENTRY = 3, ACCESS = 0xF2, FLAGS = 0xC }; /* ring 3: its selector has that privilege */

extern uint64_t gdt_thread; /* entry.asm: entry ENTRY of the descriptor table */

uint32_t thread_area_set(uint32_t base, uint32_t limit) {
    gdt_thread = (limit & 0xFFFF) | (uint64_t)(base & 0xFFFFFF) << 16 | (uint64_t)ACCESS << 40 |
                 (uint64_t)(limit >> 16 & 0xF) << 48 | (uint64_t)FLAGS << 52 | (uint64_t)(base >> 24) << 56;
    return ENTRY;
}

void thread_area_select(void) {
    if (gdt_thread != 0)
        __asm__ volatile("movw %w0, %%gs" : : "r"(ENTRY << 3 | 3));
}
