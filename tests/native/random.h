/* random.h: xorshift64*, so that a seed means the same test on every machine. */
#ifndef BF_RANDOM_H
#define BF_RANDOM_H

#include <stdint.h>

/* The seed MUST NOT be 0. */
static inline uint64_t random_next(uint64_t *seed) {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1DU;
}

static inline uint32_t random_below(uint64_t *seed, uint32_t limit) {
    return (uint32_t)((random_next(seed) >> 32) % limit);
}

#endif
