/*
 * paging.c: paging.h on Linux, which has paging from the start: the twin's own code is read-only, its data are not run,
 * and the window is reserved (memory_map.c). A part of the window is a second view of the memory behind it.
 */
#include "cpu/paging.h"
#include "cpu/panic.h"
#include "layout.h"
#include "linux.h"

bool paging_init(void) {
    return true;
}

static void check(uint32_t address, uint32_t size) {
    assert((address | size) % PAGE_SIZE == 0 && address >= BF_WINDOW_START && size <= BF_WINDOW_END - address);
}

bool paging_map(uint32_t address, uint32_t physical, uint32_t size, unsigned access) {
    uint32_t allowed = MAP_CAN_READ;
    check(address, size);
    assert(physical % PAGE_SIZE == 0 && physical >= BF_HEAP_START);
    allowed |= access & PAGE_WRITE ? MAP_CAN_WRITE : 0U;
    allowed |= access & PAGE_EXECUTE ? MAP_CAN_EXECUTE : 0U;
    return !is_error(
        map(address, size, allowed, MAP_SHARED | MAP_AT, memory_file, (physical - BF_HEAP_START) / PAGE_SIZE));
}

void paging_unmap(uint32_t address, uint32_t size) {
    check(address, size);
    map(address, size, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NO_RESERVE | MAP_AT, MAP_NO_FILE, 0);
}
