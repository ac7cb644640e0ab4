/* vectors.c: vectors.h on Linux, which lets programs use all registers that it saves. */
#include "cpu/vectors.h"
#include "cpu/features.h"

#include <stdint.h>

void vectors_init(void) {}

void vectors_reset(void) {
    static const uint32_t all_masked = 0x1F80;
    __asm__ volatile("fninit");
    if (cpu_has(CPU_SSE))
        __asm__ volatile("ldmxcsr %0" : : "m"(all_masked));
}
