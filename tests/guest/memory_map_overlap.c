/* However the BIOS's entries overlap, a byte is usable when one entry says so and none says otherwise. */
#include "check.h"

#include "layout.h"

enum { USABLE = 1, RESERVED = 2, PRESENT = 1 };

typedef struct {
    uint64_t base, length;
    uint32_t type, attributes;
} entry_t;

static const entry_t entries[] = {
    {0x9000, 0x1000, USABLE, PRESENT},     /* touches the one below from above */
    {0x5000, 0x4000, USABLE, PRESENT},     /* out of order */
    {0x6000, 0x1000, RESERVED, PRESENT},   /* a hole */
    {0x20000, 0, USABLE, PRESENT},         /* empty */
    {0x30000, 0x1000, USABLE, 0},          /* to be ignored */
    {0xFFFFF000, 0x5000, USABLE, PRESENT}, /* across 4 GiB */
    {0x40000, 0x3000, USABLE, PRESENT},    /* these two overlap */
    {0x41000, 0x4000, USABLE, PRESENT},
    {UINT64_C(0x100000000), 0x1000, USABLE, PRESENT}, /* above 4 GiB */
    {0xFFFFF800, UINT64_MAX, RESERVED, PRESENT},      /* wraps around */
};

static const memory_region_t expected[] = {{0x5000, 0x1000}, {0x7000, 0x3000}, {0x40000, 0x5000}, {0xFFFFF000, 0x800}};

enum { ENTRIES = sizeof entries / sizeof entries[0], EXPECTED = sizeof expected / sizeof expected[0] };

int app_main(void) {
    size_t count;
    *(uint32_t *)BF_HANDOVER_ADDRESS = ENTRIES;
    memcpy((void *)(BF_HANDOVER_ADDRESS + sizeof(uint32_t)), entries, sizeof entries);
    memory_map_init();

    const memory_region_t *regions = memory_map(&count);
    CHECK(count == EXPECTED);
    CHECK(memcmp(regions, expected, sizeof expected) == 0);
    CHECK(memory_map_total() == 0x9800);
    return 0;
}
