/* The timer ticks while the program sleeps, and sleeping lasts at least as long as was asked for. */
#include "check.h"

int app_main(void) {
    uint32_t start = timer_ticks();
    timer_sleep(50);
    uint32_t elapsed = timer_ticks() - start;
    CHECK(elapsed >= 5 && elapsed < 50);

    start = timer_ticks();
    timer_sleep(0);
    CHECK(timer_ticks() - start <= 2);
    return 0;
}
