/* memory_map.h: which memory the BIOS says may be used. */
#ifndef BF_MEMORY_MAP_H
#define BF_MEMORY_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t base;   /* bytes */
    uint64_t length; /* bytes, never 0 */
} memory_region_t;

/* Reads the map that stage 2 left at BF_HANDOVER_ADDRESS (src/boot/stage2.asm describes it). */
void memory_map_init(void);

/*
 * Usable memory only, below 4 GiB: ascending, disjoint, merged where regions touch. A byte that the BIOS lists both as
 * usable and as anything else is left out. The kernel and its stack lie in the first region, below BF_STACK_TOP.
 */
const memory_region_t *memory_map(size_t *count);

/* The sum of memory_map(), in bytes. */
uint64_t memory_map_total(void);

#endif
