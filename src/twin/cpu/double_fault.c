/* double_fault.c: double_fault.h on Linux: signals have a stack of their own from the start (interrupts.c). */
#include "cpu/double_fault.h"

void double_fault_init(void) {}
