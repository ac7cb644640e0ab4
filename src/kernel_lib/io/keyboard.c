/* keyboard.c: see keyboard.h. The controller translates to scan code set 1, as the BIOS leaves it. */
#include "io/keyboard.h"
#include "cpu/interrupts.h"
#include "io/port.h"

#include <stdbool.h>
#include <stdint.h>

enum { DATA = 0x60, STATUS = 0x64, STATUS_OUTPUT_FULL = 0x01 };
enum { RELEASED = 0x80, EXTENDED = 0xE0, LEFT_SHIFT = 0x2A, RIGHT_SHIFT = 0x36, CONTROL = 0x1D, CAPS_LOCK = 0x3A };
enum { KEYPAD_ENTER = 0x1C, KEYPAD_SLASH = 0x35 };
enum { BUFFER_SIZE = 128, CONTROLLER_BUFFER = 16 };

/* Scan codes 0x00 to 0x39; 0 gives nothing. */
static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* Filled by the interrupt, emptied by keyboard_read. One place stays free, so equal means empty. */
static volatile char buffer[BUFFER_SIZE];
static volatile unsigned write_index, read_index;

static bool shift, control, caps_lock, extended;

static void buffer_put(char character) {
    unsigned next = (write_index + 1) % BUFFER_SIZE;
    if (next == read_index)
        return;
    buffer[write_index] = character;
    write_index = next;
}

static char translate(uint8_t code) {
    if (code >= sizeof plain - 1)
        return '\0';
    char character = (shift ? shifted : plain)[code];
    bool is_letter = plain[code] >= 'a' && plain[code] <= 'z';
    if (is_letter && control)
        return (char)(plain[code] - 'a' + 1);
    if (is_letter && caps_lock)
        return (shift ? plain : shifted)[code];
    return character;
}

static void handle_code(uint8_t code) {
    bool is_extended = extended;
    extended = code == EXTENDED;
    if (extended)
        return;
    bool pressed = (code & RELEASED) == 0;
    code &= (uint8_t)~RELEASED;
    if (code == CONTROL) {
        control = pressed;
        return;
    }
    if (is_extended && code != KEYPAD_ENTER && code != KEYPAD_SLASH)
        return; /* arrows and their like, and the shifts that come around them */
    if (code == LEFT_SHIFT || code == RIGHT_SHIFT)
        shift = pressed;
    else if (code == CAPS_LOCK)
        caps_lock ^= pressed;
    else if (pressed) {
        char character = translate(code);
        if (character != '\0')
            buffer_put(character);
    }
}

static void keyboard_interrupt(void) {
    if ((inb(STATUS) & STATUS_OUTPUT_FULL) != 0)
        handle_code(inb(DATA));
}

void keyboard_init(void) {
    for (unsigned i = 0; i < CONTROLLER_BUFFER && (inb(STATUS) & STATUS_OUTPUT_FULL) != 0; i++)
        inb(DATA); /* a key from before, without whose reading there is no further interrupt */
    irq_handle(IRQ_KEYBOARD, keyboard_interrupt);
}

int keyboard_read(void) {
    if (read_index == write_index)
        return -1;
    char character = buffer[read_index];
    read_index = (read_index + 1) % BUFFER_SIZE;
    return (uint8_t)character;
}
