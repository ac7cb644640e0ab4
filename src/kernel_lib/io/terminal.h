/*
 * terminal.h: text for people. Everything written here appears on the screen and on the serial line.
 *
 * '\n' starts a new line, '\r' returns to the line's start, '\t' moves to the next multiple of eight, '\b' moves back
 * one cell without erasing. The screen scrolls; the serial line carries no colours.
 */
#ifndef BF_TERMINAL_H
#define BF_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

/* Clears the screen: light grey on black, cursor at the top left. */
void terminal_initialize(void);

/* Clears the screen in the colour that is set. */
void terminal_clear(void);

/* The colour (vga_entry_color) of everything written from now on. */
void terminal_setcolor(uint8_t color);

void terminal_putchar(char character);
void terminal_write(const char *data, size_t size);
void terminal_writestring(const char *text);

/* Formats as format.h says. */
__attribute__((format(printf, 1, 2))) void terminal_printf(const char *format, ...);

#endif
