/*
 * vga.h: the text screen, 80 columns by 25 rows, as cells. No cursor logic lives here: that is terminal.h.
 *
 * A cell is a character of code page 437 and a colour byte. Positions outside the screen are ignored.
 */
#ifndef BF_VGA_H
#define BF_VGA_H

#include <stdint.h>

enum { VGA_COLUMNS = 80, VGA_ROWS = 25 };

enum vga_color {
    VGA_BLACK,
    VGA_BLUE,
    VGA_GREEN,
    VGA_CYAN,
    VGA_RED,
    VGA_MAGENTA,
    VGA_BROWN,
    VGA_LIGHT_GREY,
    VGA_DARK_GREY,
    VGA_LIGHT_BLUE,
    VGA_LIGHT_GREEN,
    VGA_LIGHT_CYAN,
    VGA_LIGHT_RED,
    VGA_LIGHT_MAGENTA,
    VGA_YELLOW,
    VGA_WHITE,
};

static inline uint8_t vga_entry_color(enum vga_color foreground, enum vga_color background) {
    return (uint8_t)(foreground | background << 4);
}

static inline uint16_t vga_entry(char character, uint8_t color) {
    return (uint16_t)((uint8_t)character | color << 8);
}

void vga_put(unsigned column, unsigned row, uint16_t entry);

/* Fills the whole screen with one cell. */
void vga_fill(uint16_t entry);

/* Moves everything up by one row; the last row is filled with `entry`. */
void vga_scroll(uint16_t entry);

void vga_move_cursor(unsigned column, unsigned row);

#endif
