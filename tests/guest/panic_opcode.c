/* An instruction that does not exist panics as exception 6. */
#include "check.h"

int app_main(void) {
    __asm__ volatile("ud2");
    return 0;
}
