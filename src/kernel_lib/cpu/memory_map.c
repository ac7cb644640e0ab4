/*
 * memory_map.c: see memory_map.h.
 *
 * The BIOS's entries may overlap, touch, be empty, and come in any order. All their ends, sorted, cut the address space
 * into intervals that each entry covers either wholly or not at all; an interval is usable when some entry says so and
 * no entry says otherwise.
 */
#include "cpu/memory_map.h"
#include "cpu/panic.h"

#include <stdbool.h>

#include "layout.h"

enum { E820_USABLE = 1, E820_PRESENT = 1 << 0, MAX_ENTRIES = 128 };

#define ADDRESS_LIMIT (UINT64_C(1) << 32)

typedef struct {
    uint64_t base;
    uint64_t length;
    uint32_t type;
    uint32_t attributes;
} e820_entry_t;

/* As stage2.asm writes it. */
typedef struct {
    uint32_t count;
    e820_entry_t entries[MAX_ENTRIES];
} handover_t;

_Static_assert(sizeof(e820_entry_t) == 24, "an entry of the BIOS has 24 bytes");

static memory_region_t regions[MAX_ENTRIES];
static size_t region_count;

static bool entry_counts(const e820_entry_t *entry) {
    return (entry->attributes & E820_PRESENT) != 0 && entry->length != 0 && entry->base < ADDRESS_LIMIT;
}

/* An end beyond 4 GiB, or beyond what 64 bits hold, is cut. */
static uint64_t entry_end(const e820_entry_t *entry) {
    return entry->length < ADDRESS_LIMIT - entry->base ? entry->base + entry->length : ADDRESS_LIMIT;
}

static void insert_sorted(uint64_t *values, size_t count, uint64_t value) {
    while (count > 0 && values[count - 1] > value) {
        values[count] = values[count - 1];
        count--;
    }
    values[count] = value;
}

static bool is_usable(const handover_t *handover, uint64_t address) {
    bool usable = false;
    for (uint32_t i = 0; i < handover->count; i++) {
        const e820_entry_t *entry = &handover->entries[i];
        if (!entry_counts(entry) || address < entry->base || address >= entry_end(entry))
            continue;
        if (entry->type != E820_USABLE)
            return false;
        usable = true;
    }
    return usable;
}

static void region_append(uint64_t base, uint64_t end) {
    if (region_count > 0) {
        memory_region_t *last = &regions[region_count - 1];
        if (last->base + last->length == base) {
            last->length = end - last->base;
            return;
        }
    }
    regions[region_count++] = (memory_region_t){base, end - base};
}

void memory_map_init(void) {
    const handover_t *handover = (const handover_t *)BF_HANDOVER_ADDRESS;
    assert(handover->count <= MAX_ENTRIES);

    static uint64_t ends[2 * MAX_ENTRIES];
    size_t count = 0;
    region_count = 0;
    for (uint32_t i = 0; i < handover->count; i++) {
        const e820_entry_t *entry = &handover->entries[i];
        if (!entry_counts(entry))
            continue;
        insert_sorted(ends, count++, entry->base);
        insert_sorted(ends, count++, entry_end(entry));
    }
    for (size_t i = 1; i < count; i++)
        if (ends[i] > ends[i - 1] && is_usable(handover, ends[i - 1]))
            region_append(ends[i - 1], ends[i]);
}

const memory_region_t *memory_map(size_t *count) {
    *count = region_count;
    return regions;
}

uint64_t memory_map_total(void) {
    uint64_t total = 0;
    for (size_t i = 0; i < region_count; i++)
        total += regions[i].length;
    return total;
}
