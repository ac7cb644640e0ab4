/* A backtrace of very many callers ends after 32 of them. */
#include "check.h"

static __attribute__((noinline, disable_tail_calls)) void descend(unsigned levels) {
    if (levels == 0)
        panic("deep enough");
    descend(levels - 1);
    __asm__ volatile("");
}

int app_main(void) {
    descend(100);
    return 0;
}
