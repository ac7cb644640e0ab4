/* A panic in an interrupt handler is a panic like any other. */
#include "check.h"

static void tick(void) {
    panic("the timer ticked");
}

int app_main(void) {
    irq_handle(IRQ_TIMER, tick);
    for (unsigned i = 0; i < 10; i++)
        interrupts_wait();
    return 1;
}
