/* heap_init.c: which memory the heap gets: what the memory map calls usable, from BF_HEAP_START up. */
#include "cpu/memory_map.h"
#include "layout.h"
#include "memory/memory.h"

void heap_init(void) {
    size_t count;
    const memory_region_t *regions = memory_map(&count);
    for (size_t i = 0; i < count; i++) {
        uint64_t end = regions[i].base + regions[i].length;
        uint64_t start = regions[i].base < BF_HEAP_START ? BF_HEAP_START : regions[i].base;
        if (start < end) {
            heap_add((void *)(uintptr_t)start, (size_t)(end - start));
        }
    }
}
