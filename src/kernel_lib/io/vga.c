/* vga.c: see vga.h. */
#include "io/vga.h"
#include "io/port.h"

enum { CRTC_INDEX = 0x3D4, CRTC_DATA = 0x3D5, CRTC_CURSOR_HIGH = 0x0E, CRTC_CURSOR_LOW = 0x0F };

enum { CELLS = VGA_COLUMNS * VGA_ROWS, LAST_ROW = CELLS - VGA_COLUMNS };

static volatile uint16_t *const screen = (volatile uint16_t *)0xB8000;

void vga_put(unsigned column, unsigned row, uint16_t entry) {
    if (column < VGA_COLUMNS && row < VGA_ROWS)
        screen[row * VGA_COLUMNS + column] = entry;
}

void vga_fill(uint16_t entry) {
    for (unsigned i = 0; i < CELLS; i++)
        screen[i] = entry;
}

void vga_scroll(uint16_t entry) {
    for (unsigned i = 0; i < LAST_ROW; i++)
        screen[i] = screen[i + VGA_COLUMNS];
    for (unsigned i = LAST_ROW; i < CELLS; i++)
        screen[i] = entry;
}

void vga_move_cursor(unsigned column, unsigned row) {
    unsigned position = row * VGA_COLUMNS + column;
    outb(CRTC_INDEX, CRTC_CURSOR_HIGH);
    outb(CRTC_DATA, (uint8_t)(position >> 8));
    outb(CRTC_INDEX, CRTC_CURSOR_LOW);
    outb(CRTC_DATA, (uint8_t)position);
}
