/* terminal.c: see terminal.h. */
#include "io/terminal.h"
#include "io/format.h"
#include "io/serial.h"
#include "io/vga.h"

enum { TAB_WIDTH = 8 };

static unsigned column, row;
static uint8_t color;

void terminal_initialize(void) {
    terminal_setcolor(vga_entry_color(VGA_LIGHT_GREY, VGA_BLACK));
    terminal_clear();
}

void terminal_clear(void) {
    vga_fill(vga_entry(' ', color));
    column = row = 0;
    vga_move_cursor(column, row);
}

void terminal_setcolor(uint8_t new_color) {
    color = new_color;
}

static void new_line(void) {
    column = 0;
    if (row < VGA_ROWS - 1)
        row++;
    else
        vga_scroll(vga_entry(' ', color));
}

static void put(char character) {
    serial_putchar(character);
    switch (character) {
    case '\n':
        new_line();
        return;
    case '\r':
        column = 0;
        return;
    case '\b':
        if (column > 0)
            column--;
        return;
    case '\t':
        column = (column / TAB_WIDTH + 1) * TAB_WIDTH;
        break;
    default:
        vga_put(column++, row, vga_entry(character, color));
    }
    if (column >= VGA_COLUMNS)
        new_line();
}

void terminal_putchar(char character) {
    put(character);
    vga_move_cursor(column, row);
}

void terminal_write(const char *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        put(data[i]);
    vga_move_cursor(column, row);
}

void terminal_writestring(const char *text) {
    while (*text != '\0')
        put(*text++);
    vga_move_cursor(column, row);
}

static void sink(void *context, char character) {
    (void)context;
    put(character);
}

void terminal_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_to(sink, NULL, format, arguments);
    va_end(arguments);
    vga_move_cursor(column, row);
}
