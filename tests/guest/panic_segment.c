/* Loading a segment register with a selector outside the descriptor table panics as exception 13, error code 0x78. */
#include "check.h"

int app_main(void) {
    __asm__ volatile("mov %0, %%gs" : : "r"(0x78));
    return 0;
}
