/* A division by zero panics as exception 0, in the function that divides. */
#include "check.h"

static __attribute__((noinline)) int divide(volatile int *dividend, volatile int *divisor) {
    return *dividend / *divisor;
}

int app_main(void) {
    int one = 1, zero = 0;
    return divide(&one, &zero);
}
