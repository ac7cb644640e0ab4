/* timer.h: the programmable interval timer (PIT), which interrupts TIMER_HZ times a second. */
#ifndef BF_TIMER_H
#define BF_TIMER_H

#include <stdint.h>

enum { TIMER_HZ = 100 };

/* Needs interrupts_init(). */
void timer_init(void);

/* Interrupts so often from now on; at least 19 times a second. What counts in ticks then counts others. */
void timer_set_rate(uint32_t hz);

/* Ticks since timer_init(); needs interrupts to be on. */
uint32_t timer_ticks(void);

/* Sleeps for at least so long, to the next tick. Must not be called from an interrupt handler. */
void timer_sleep(uint32_t milliseconds);

#endif
