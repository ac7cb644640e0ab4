/*
 * features.h: what the processor says it can do (CPUID).
 *
 * A feature here is the processor's word alone: using SSE or AVX registers also needs control bits that nobody has set
 * at boot.
 */
#ifndef BF_FEATURES_H
#define BF_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are stable: the mask of a processor is stored with what was compiled for it. Append only. */
typedef enum {
    CPU_TSC,
    CPU_CMOV,
    CPU_MMX,
    CPU_FXSR,
    CPU_SSE,
    CPU_SSE2,
    CPU_SSE3,
    CPU_SSSE3,
    CPU_SSE41,
    CPU_SSE42,
    CPU_POPCNT,
    CPU_XSAVE,
    CPU_AVX,
    CPU_FMA,
    CPU_F16C,
    CPU_BMI1,
    CPU_BMI2,
    CPU_AVX2,
    CPU_LZCNT,
    CPU_MOVBE,
    CPU_GFNI,
    CPU_AVX512F, /* from here on features that need the state of AVX-512 */
    CPU_AVX512CD,
    CPU_AVX512DQ,
    CPU_AVX512BW,
    CPU_AVX512VL,
    CPU_AVX512IFMA,
    CPU_AVX512VBMI,
    CPU_AVX512VBMI2,
    CPU_AVX512VNNI,
    CPU_AVX512BITALG,
    CPU_AVX512VPOPCNTDQ,
    CPU_FEATURE_COUNT,
} cpu_feature_t;

void cpu_init(void);

bool cpu_has(cpu_feature_t feature);

/* Bit N is cpu_has(N). */
uint64_t cpu_feature_mask(void);

/* As LLVM writes it: "sse2", "sse4.1". */
const char *cpu_feature_name(cpu_feature_t feature);

/* Twelve characters such as "GenuineIntel". */
const char *cpu_vendor(void);

/* Writes all names that apply, separated by commas, or "none"; cut when `size` is too small (320 is enough). */
void cpu_feature_names(char *buffer, size_t size);

#endif
