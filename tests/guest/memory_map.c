/* The memory map is ascending, disjoint and not touching, holds the kernel's memory, and leaves out the BIOS's. */
#include "check.h"

static bool map_holds(uint32_t address) {
    size_t count;
    const memory_region_t *regions = memory_map(&count);
    for (size_t i = 0; i < count; i++)
        if (address >= regions[i].base && address - regions[i].base < regions[i].length)
            return true;
    return false;
}

int app_main(void) {
    size_t count;
    const memory_region_t *regions = memory_map(&count);
    CHECK(count >= 2);
    for (size_t i = 0; i < count; i++) {
        CHECK(regions[i].length > 0);
        CHECK(i == 0 || regions[i - 1].base + regions[i - 1].length < regions[i].base);
    }
    CHECK(regions[count - 1].base + regions[count - 1].length <= UINT64_C(1) << 32);
    CHECK(map_holds(0x10000) && map_holds(0x8FFFF));
    CHECK(map_holds(0x100000));
    CHECK(!map_holds(0xB8000) && !map_holds(0xF0000) && !map_holds(0xFFFFFFFF));
    return 0;
}
