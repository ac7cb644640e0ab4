/* exit.h: leaving the machine. */
#ifndef BF_EXIT_H
#define BF_EXIT_H

/* Written to the debug-exit port; QEMU then ends with the status 2 * value + 1. */
typedef enum {
    EXIT_DONE = 0x10,   /* status 33: the program succeeded */
    EXIT_FAILED = 0x11, /* status 35: the program said that it failed */
    EXIT_PANIC = 0x12,  /* status 37 */
} exit_value_t;

/* Ends the emulator where it listens; a machine without the port is halted, after saying so. */
_Noreturn void machine_exit(exit_value_t value);

/* Resets the machine through the keyboard controller, or else by a triple fault. */
_Noreturn void machine_reboot(void);

#endif
