/*
 * heap_init.c: which memory the heap gets: what the memory map calls usable, from BF_HEAP_START up, but for the window
 * in which other memory may be seen (cpu/paging.h).
 */
#include "cpu/memory_map.h"
#include "layout.h"
#include "memory/memory.h"

/* Gives what [start, end) has between `first` and `last`. */
static void add_between(uint64_t start, uint64_t end, uint64_t first, uint64_t last) {
    start = start < first ? first : start;
    end = end > last ? last : end;
    if (start < end) {
        heap_add((void *)(uintptr_t)start, (size_t)(end - start));
    }
}

void heap_init(void) {
    size_t count;
    const memory_region_t *regions = memory_map(&count);
    for (size_t i = 0; i < count; i++) {
        uint64_t end = regions[i].base + regions[i].length;
        add_between(regions[i].base, end, BF_HEAP_START, BF_WINDOW_START);
        add_between(regions[i].base, end, BF_WINDOW_END, 1ULL << 32);
    }
}
