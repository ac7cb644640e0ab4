/* tsc.h: the time stamp counter, in cycles. */
#ifndef BF_TSC_H
#define BF_TSC_H

#include <stdint.h>

/*
 * Not a barrier: what is measured should be long against the few instructions that a processor reorders. The compiler,
 * however, moves no memory access across it.
 */
static inline uint64_t rdtsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
