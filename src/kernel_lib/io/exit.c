/* exit.c: see exit.h. */
#include "io/exit.h"
#include "cpu/interrupts.h"
#include "io/port.h"
#include "io/terminal.h"

enum { DEBUG_EXIT = 0xF4 };
enum { KEYBOARD_COMMAND = 0x64, KEYBOARD_BUSY = 0x02, KEYBOARD_PULSE_RESET = 0xFE, MAX_LOOKS = 100000 };

static _Noreturn void halt(void) {
    for (;;) {
        interrupts_disable();
        __asm__ volatile("hlt");
    }
}

void machine_exit(exit_value_t value) {
    outb(DEBUG_EXIT, (uint8_t)value);
    terminal_writestring("\nThe machine is halted.\n");
    halt();
}

void machine_reboot(void) {
    interrupts_disable();
    for (unsigned look = 0; look < MAX_LOOKS && (inb(KEYBOARD_COMMAND) & KEYBOARD_BUSY) != 0; look++) {
    }
    outb(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    for (unsigned look = 0; look < MAX_LOOKS; look++)
        inb(KEYBOARD_COMMAND); /* the reset takes a moment */
    const struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) no_table = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(no_table));
    halt();
}
