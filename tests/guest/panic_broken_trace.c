/* A frame pointer that leads nowhere ends the backtrace; it does not break the panic. */
#include "check.h"

int app_main(void) {
    __asm__ volatile("mov $0xfffffffc, %ebp\n\tud2");
    return 0;
}
