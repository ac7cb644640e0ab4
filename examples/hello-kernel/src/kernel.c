/*
 * kernel.c: shows the banner on the screen and on the serial port, then ends the machine.
 *
 * banner.h is made from src/banner.txt by tools/pack.c while the kernel is built. COLOUR comes from bareflow.toml.
 */
#include <stdint.h>

#include "banner.h"

enum {
    COLUMNS = 80,
    ROWS = 25,
    BLOCK = 0xDB, /* a filled cell in the PC's character set */
    COM1 = 0x3F8,
    LINE_STATUS = COM1 + 5,
    ROOM = 0x20,    /* in LINE_STATUS: the next byte may come */
    SUCCESS = 0x10, /* what `doit run` takes for success; 0x11 is a failure */
};

static volatile uint16_t *const screen = (volatile uint16_t *)0xB8000;
static unsigned cell; /* the next one on the screen */

static void outb(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static uint8_t inb(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}

static void serial_open(void) {
    outb(COM1 + 3, 0x80); /* the next two set the speed: */
    outb(COM1 + 0, 1);    /* 115200 baud */
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x03); /* 8 bits, no parity, 1 stop bit */
}

static int serial_has_room(void) {
    return inb(LINE_STATUS) & ROOM;
}

static void serial_put(char c) {
    for (unsigned tries = 0; tries < 100000 && !serial_has_room(); tries++)
        ; /* bounded: a port that is not there never has room */
    outb(COM1, (uint8_t)c);
}

static void screen_clear(void) {
    for (unsigned i = 0; i < COLUMNS * ROWS; i++) {
        screen[i] = COLOUR << 8 | ' ';
    }
}

static void dot(int set) {
    screen[cell++] = (uint16_t)(COLOUR << 8 | (set ? BLOCK : ' '));
    serial_put(set ? '#' : ' ');
}

static void end_line(void) {
    cell += COLUMNS - cell % COLUMNS;
    serial_put('\r');
    serial_put('\n');
}

int kernel_main(void) {
    serial_open();
    screen_clear();
    for (unsigned y = 0; y < BANNER_HEIGHT; y++) {
        for (unsigned x = 0; x < BANNER_WIDTH; x++) {
            dot(banner[y][x / 8] & (0x80 >> x % 8));
        }
        end_line();
    }
    return SUCCESS;
}
