/* timer.c: see timer.h. */
#include "cpu/timer.h"
#include "cpu/interrupts.h"
#include "io/port.h"

enum {
    PIT_CHANNEL0 = 0x40,
    PIT_COMMAND = 0x43,
    PIT_RATE_GENERATOR = 0x34, /* channel 0, low byte then high byte, mode 2, binary */
    PIT_INPUT_HZ = 1193182,
    PIT_DIVISOR = (PIT_INPUT_HZ + TIMER_HZ / 2) / TIMER_HZ,
};

static volatile uint32_t ticks;

static void timer_tick(void) {
    ticks++;
}

void timer_init(void) {
    outb(PIT_COMMAND, PIT_RATE_GENERATOR);
    outb(PIT_CHANNEL0, PIT_DIVISOR & 0xFF);
    outb(PIT_CHANNEL0, PIT_DIVISOR >> 8);
    irq_handle(IRQ_TIMER, timer_tick);
}

void timer_set_rate(uint32_t hz) {
    uint32_t divisor = PIT_INPUT_HZ / hz;
    outb(PIT_CHANNEL0, (uint8_t)divisor);
    outb(PIT_CHANNEL0, (uint8_t)(divisor >> 8));
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
