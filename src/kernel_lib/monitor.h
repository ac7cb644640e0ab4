/* monitor.h: a command line for whoever sits at the machine. */
#ifndef BF_MONITOR_H
#define BF_MONITOR_H

/*
 * Reads commands from keyboard and serial line at once and carries them out, until the machine is reset. Type "help".
 * Waiting for a person is the one wait without a bound; the processor sleeps meanwhile. Needs interrupts to be on.
 */
_Noreturn void monitor_run(void);

#endif
