/*
 * memory_map.c: memory_map.h on Linux: as much memory as the command line says, at the addresses that a machine has it.
 * It is a file without a name, so that paging.c can let the window mean parts of it.
 */
#include "cpu/memory_map.h"
#include "layout.h"
#include "linux.h"

static memory_region_t region = {.base = BF_HEAP_START};

int32_t memory_file;

void memory_map_init(void) {
    uint32_t size = (words.memory << 20) - BF_HEAP_START;
    region.length = size;
    memory_file = system_call(CALL_MEMFD_CREATE, (uint32_t)"memory", 0, 0, 0, 0, 0);
    if (memory_file < 0 || system_call(CALL_FTRUNCATE64, (uint32_t)memory_file, size, 0, 0, 0, 0) != 0)
        give_up("the memory", "Linux gives none");
    if (is_error(map(BF_HEAP_START, size, MAP_CAN_READ | MAP_CAN_WRITE, MAP_SHARED | MAP_AT_FREE, memory_file, 0)))
        give_up("the memory", "Linux does not give its addresses");
    if (is_error(map(BF_WINDOW_START, BF_WINDOW_END - BF_WINDOW_START, 0,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NO_RESERVE | MAP_AT_FREE, MAP_NO_FILE, 0)))
        give_up("the window", "Linux does not give its addresses");
}

const memory_region_t *memory_map(size_t *count) {
    *count = 1;
    return &region;
}

uint64_t memory_map_total(void) {
    return region.length;
}
