/* The backtrace names every caller of the function that panicked: level_3, level_2, level_1, app_main, kernel_main. */
#include "check.h"

#define NOT_INLINED __attribute__((noinline, disable_tail_calls))

static NOT_INLINED void level_3(void) {
    panic("three levels down");
}

static NOT_INLINED void level_2(void) {
    level_3();
    __asm__ volatile("");
}

static NOT_INLINED void level_1(void) {
    level_2();
    __asm__ volatile("");
}

int app_main(void) {
    level_1();
    return 0;
}
