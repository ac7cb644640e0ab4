/* A profile counts every call, nested ones in full, keeps minimum and maximum, and is listed once, in order. */
#include "check.h"
#include "jit_runtime.h"

static jit_profile_t outer, inner;

static uint64_t spend(jit_profile_t *profile, unsigned iterations) {
    uint64_t start = jit_profile_begin(profile);
    for (unsigned i = 0; i < iterations; i++)
        __asm__ volatile("");
    jit_profile_end(profile, start);
    return profile->total;
}

int app_main(void) {
    jit_profile_init(&outer, "outer");
    jit_profile_init(&inner, "inner");
    CHECK(jit_profile_first() == &outer && outer.next == &inner && inner.next == NULL);
    CHECK(jit_profile_average(&outer) == 0);

    uint64_t start = jit_profile_begin(&outer);
    uint64_t short_one = spend(&inner, 10);
    uint64_t both = spend(&inner, 100000);
    uint64_t nested = jit_profile_begin(&outer);
    jit_profile_end(&outer, nested);
    jit_profile_end(&outer, start);

    CHECK(inner.calls == 2 && outer.calls == 2);
    CHECK(inner.min == short_one && inner.max == both - short_one && inner.total == both);
    CHECK(inner.min < inner.max);
    CHECK(outer.max >= inner.total && outer.min < outer.max);
    CHECK(jit_profile_average(&inner) == both / 2);

    jit_profile_init(&outer, "outer");
    CHECK(outer.calls == 0 && inner.calls == 2);
    CHECK(jit_profile_first() == &outer && outer.next == &inner && inner.next == NULL);
    return 0;
}
