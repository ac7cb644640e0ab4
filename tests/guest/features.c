/* The processor's features agree with what the processor itself says about the oldest of them. */
#include "check.h"

int app_main(void) {
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    CHECK(cpu_has(CPU_TSC) == ((edx >> 4 & 1) != 0));
    CHECK(cpu_has(CPU_SSE2) == ((edx >> 26 & 1) != 0));
    CHECK(cpu_has(CPU_SSE3) == ((ecx & 1) != 0));
    CHECK((cpu_feature_mask() >> CPU_FEATURE_COUNT) == 0);
    CHECK(strlen(cpu_vendor()) == 12);

    char names[320], few[4];
    cpu_feature_names(names, sizeof names);
    CHECK((strstr(names, "sse2") != NULL) == cpu_has(CPU_SSE2));
    CHECK(strchr(names, ' ') == NULL);
    cpu_feature_names(few, sizeof few);
    CHECK(strncmp(few, names, 3) == 0 && few[3] == '\0');
    return 0;
}
