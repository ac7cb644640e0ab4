/* profile.c: see jit_runtime.h. */
#include "io/serial.h"
#include "io/terminal.h"
#include "jit_runtime.h"

static jit_profile_t *first;

void jit_profile_init(jit_profile_t *profile, const char *name) {
    jit_profile_t **link = &first;
    while (*link != NULL && *link != profile)
        link = &(*link)->next;
    jit_profile_t *next = *link == NULL ? NULL : profile->next;
    *profile = (jit_profile_t){.name = name, .min = UINT64_MAX, .next = next};
    *link = profile;
}

const jit_profile_t *jit_profile_first(void) {
    return first;
}

uint64_t jit_profile_average(const jit_profile_t *profile) {
    return profile->calls == 0 ? 0 : profile->total / profile->calls;
}

static uint64_t shown_min(const jit_profile_t *profile) {
    return profile->calls == 0 ? 0 : profile->min;
}

void jit_profile_print(void) {
    terminal_printf("%-16s %8s %14s %11s %11s %11s\n", "function", "calls", "cycles", "min", "max", "average");
    for (const jit_profile_t *profile = first; profile != NULL; profile = profile->next)
        terminal_printf("%-16s %8llu %14llu %11llu %11llu %11llu\n", profile->name, profile->calls, profile->total,
                        shown_min(profile), profile->max, jit_profile_average(profile));
}

void jit_profile_record(void) {
    for (const jit_profile_t *profile = first; profile != NULL; profile = profile->next)
        serial_record("function name=%s calls=%llu total=%llu min=%llu max=%llu avg=%llu", profile->name,
                      profile->calls, profile->total, shown_min(profile), profile->max, jit_profile_average(profile));
}
