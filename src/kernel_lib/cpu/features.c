/* features.c: see features.h. Asking whether there is a CPUID at all is needless: code for the i686 needs newer ones.
 */
#include "cpu/features.h"
#include "io/format.h"

typedef struct {
    uint32_t eax, ebx, ecx, edx;
} cpuid_t;

enum { EBX, ECX, EDX };
enum { EXTENDED = 0x81 /* leaf 0x80000001 */, STATE_LEAF = 0xD, STATE_AVX512 = 7 << 5 };

static const struct {
    char name[16];
    uint8_t leaf;
    uint8_t reg;
    uint8_t bit;
} features[CPU_FEATURE_COUNT] = {
    [CPU_TSC] = {"tsc", 1, EDX, 4},
    [CPU_CMOV] = {"cmov", 1, EDX, 15},
    [CPU_MMX] = {"mmx", 1, EDX, 23},
    [CPU_FXSR] = {"fxsr", 1, EDX, 24},
    [CPU_SSE] = {"sse", 1, EDX, 25},
    [CPU_SSE2] = {"sse2", 1, EDX, 26},
    [CPU_SSE3] = {"sse3", 1, ECX, 0},
    [CPU_SSSE3] = {"ssse3", 1, ECX, 9},
    [CPU_SSE41] = {"sse4.1", 1, ECX, 19},
    [CPU_SSE42] = {"sse4.2", 1, ECX, 20},
    [CPU_POPCNT] = {"popcnt", 1, ECX, 23},
    [CPU_XSAVE] = {"xsave", 1, ECX, 26},
    [CPU_AVX] = {"avx", 1, ECX, 28},
    [CPU_FMA] = {"fma", 1, ECX, 12},
    [CPU_F16C] = {"f16c", 1, ECX, 29},
    [CPU_BMI1] = {"bmi", 7, EBX, 3},
    [CPU_BMI2] = {"bmi2", 7, EBX, 8},
    [CPU_AVX2] = {"avx2", 7, EBX, 5},
    [CPU_LZCNT] = {"lzcnt", EXTENDED, ECX, 5},
    [CPU_MOVBE] = {"movbe", 1, ECX, 22},
    [CPU_GFNI] = {"gfni", 7, ECX, 8},
    [CPU_AVX512F] = {"avx512f", 7, EBX, 16},
    [CPU_AVX512CD] = {"avx512cd", 7, EBX, 28},
    [CPU_AVX512DQ] = {"avx512dq", 7, EBX, 17},
    [CPU_AVX512BW] = {"avx512bw", 7, EBX, 30},
    [CPU_AVX512VL] = {"avx512vl", 7, EBX, 31},
    [CPU_AVX512IFMA] = {"avx512ifma", 7, EBX, 21},
    [CPU_AVX512VBMI] = {"avx512vbmi", 7, ECX, 1},
    [CPU_AVX512VBMI2] = {"avx512vbmi2", 7, ECX, 6},
    [CPU_AVX512VNNI] = {"avx512vnni", 7, ECX, 11},
    [CPU_AVX512BITALG] = {"avx512bitalg", 7, ECX, 12},
    [CPU_AVX512VPOPCNTDQ] = {"avx512vpopcntdq", 7, ECX, 14},
};

static uint64_t mask;
static char vendor[13];

static cpuid_t cpuid(uint32_t leaf) {
    cpuid_t result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(0));
    return result;
}

static void vendor_put(unsigned position, uint32_t letters) {
    for (unsigned i = 0; i < 4; i++)
        vendor[position + i] = (char)(letters >> 8 * i);
}

void cpu_init(void) {
    cpuid_t basic = cpuid(0);
    vendor_put(0, basic.ebx);
    vendor_put(4, basic.edx);
    vendor_put(8, basic.ecx);

    const cpuid_t none = {0};
    cpuid_t leaf1 = basic.eax >= 1 ? cpuid(1) : none;
    cpuid_t leaf7 = basic.eax >= 7 ? cpuid(7) : none;
    cpuid_t extended = cpuid(0x80000000).eax > 0x80000000 ? cpuid(0x80000001) : none;
    bool has_state = basic.eax >= STATE_LEAF && (cpuid(STATE_LEAF).eax & STATE_AVX512) == STATE_AVX512;
    unsigned count = has_state ? CPU_FEATURE_COUNT : CPU_AVX512F;
    for (unsigned i = 0; i < count; i++) {
        const cpuid_t *leaf = features[i].leaf == 1 ? &leaf1 : features[i].leaf == 7 ? &leaf7 : &extended;
        uint32_t reg = features[i].reg == EBX ? leaf->ebx : features[i].reg == ECX ? leaf->ecx : leaf->edx;
        mask |= (uint64_t)(reg >> features[i].bit & 1) << i;
    }
}

bool cpu_has(cpu_feature_t feature) {
    return (mask >> feature & 1) != 0;
}

uint64_t cpu_feature_mask(void) {
    return mask;
}

const char *cpu_feature_name(cpu_feature_t feature) {
    return features[feature].name;
}

const char *cpu_vendor(void) {
    return vendor;
}

void cpu_feature_names(char *buffer, size_t size) {
    size_t used = 0;
    buffer[0] = '\0';
    for (unsigned i = 0; i < CPU_FEATURE_COUNT && used < size; i++)
        if (cpu_has(i))
            used += (size_t)snprintf(buffer + used, size - used, "%s%s", used == 0 ? "" : ",", features[i].name);
    if (used == 0)
        snprintf(buffer, size, "none");
}
