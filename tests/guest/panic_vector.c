/* An interrupt that has no gate panics as exception 13; the error code names vector 99 in the interrupt table. */
#include "check.h"

int app_main(void) {
    __asm__ volatile("int $99");
    return 0;
}
