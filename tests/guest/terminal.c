/* The screen holds what was written: lines, tabs, backspace, colours, wrapping at column 80 and scrolling. */
#include "check.h"

static uint16_t cell(unsigned column, unsigned row) {
    return ((volatile const uint16_t *)0xB8000)[row * VGA_COLUMNS + column];
}

static char letter(unsigned column, unsigned row) {
    return (char)cell(column, row);
}

int app_main(void) {
    terminal_initialize();
    terminal_writestring("ab\tc\nx\by\rz");
    CHECK(letter(0, 0) == 'a' && letter(1, 0) == 'b' && letter(2, 0) == ' ' && letter(8, 0) == 'c');
    CHECK(letter(0, 1) == 'z' && letter(1, 1) == ' ');

    terminal_setcolor(vga_entry_color(VGA_YELLOW, VGA_BLUE));
    terminal_printf("\n%80s!", "wrapped");
    CHECK(cell(79, 2) == vga_entry('d', vga_entry_color(VGA_YELLOW, VGA_BLUE)));
    CHECK(letter(0, 3) == '!');

    terminal_initialize();
    for (unsigned i = 0; i < 30; i++)
        terminal_printf("%u\n", i);
    CHECK(letter(0, 0) == '6' && letter(0, 23) == '2' && letter(1, 23) == '9' && letter(0, 24) == ' ');

    vga_put(VGA_COLUMNS, 0, vga_entry('!', 0));
    vga_put(0, VGA_ROWS, vga_entry('!', 0));
    CHECK(letter(0, 1) == '7');
    return 0;
}
