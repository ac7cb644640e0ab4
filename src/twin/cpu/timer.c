/* timer.c: timer.h on Linux: a signal for each tick. */
#include "cpu/timer.h"
#include "cpu/interrupts.h"
#include "linux.h"

enum { REAL_TIME = 0, MICROSECONDS_PER_SECOND = 1000000 };

static volatile uint32_t ticks;

static void timer_tick(void) {
    ticks++;
}

void timer_set_rate(uint32_t hz) {
    const uint32_t interval[] = {0, MICROSECONDS_PER_SECOND / hz, 0, MICROSECONDS_PER_SECOND / hz};
    system_call(CALL_SETITIMER, REAL_TIME, (uint32_t)interval, 0, 0, 0, 0);
}

void timer_init(void) {
    irq_handle(IRQ_TIMER, timer_tick);
    timer_set_rate(TIMER_HZ);
}

uint32_t timer_ticks(void) {
    return ticks;
}

void timer_sleep(uint32_t milliseconds) {
    enum { MILLISECONDS_PER_TICK = 1000 / TIMER_HZ };
    uint32_t start = ticks;
    /* One more than the division says: the tick that is under way is not a whole one. */
    uint32_t wanted = milliseconds / MILLISECONDS_PER_TICK + (milliseconds % MILLISECONDS_PER_TICK != 0) + 1;
    while (ticks - start < wanted)
        interrupts_wait();
}
