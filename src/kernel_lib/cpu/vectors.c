/* vectors.c: see vectors.h. */
#include "cpu/vectors.h"
#include "cpu/features.h"

#include <stdbool.h>
#include <stdint.h>

enum { CR0_MONITOR = 1 << 1, CR0_EMULATE = 1 << 2, CR0_SWITCHED = 1 << 3, CR0_NUMERIC_ERROR = 1 << 5 };
enum { CR4_SSE = 1 << 9, CR4_SSE_ERRORS = 1 << 10, CR4_XSAVE = 1 << 18 };
enum { XCR0_X87 = 1 << 0, XCR0_SSE = 1 << 1, XCR0_AVX = 1 << 2, XCR0_AVX512 = 7 << 5 };

void vectors_init(void) {
    static bool on;
    uint32_t cr0, cr4;
    if (on)
        return;
    on = true;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 &= ~(uint32_t)(CR0_EMULATE | CR0_SWITCHED);
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_MONITOR | CR0_NUMERIC_ERROR));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    if (cpu_has(CPU_SSE))
        cr4 |= CR4_SSE | CR4_SSE_ERRORS;
    if (cpu_has(CPU_XSAVE))
        cr4 |= CR4_XSAVE;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
    if (cpu_has(CPU_XSAVE)) {
        uint32_t state =
            XCR0_X87 | XCR0_SSE | (cpu_has(CPU_AVX) ? XCR0_AVX : 0) | (cpu_has(CPU_AVX512F) ? XCR0_AVX512 : 0);
        __asm__ volatile("xsetbv" : : "a"(state), "d"(0), "c"(0));
    }
    vectors_reset();
}

void vectors_reset(void) {
    static const uint32_t all_masked = 0x1F80;
    __asm__ volatile("fninit");
    if (cpu_has(CPU_SSE))
        __asm__ volatile("ldmxcsr %0" : : "m"(all_masked));
}
