/* serial.c: see serial.h. The port itself is serial_port.c. */
#include "io/serial.h"
#include "io/format.h"
#include "io/serial_port.h"

#include <stdbool.h>

static bool line_is_open;

void serial_putchar(char character) {
    if (character == '\n')
        serial_send('\r');
    serial_send(character);
    line_is_open = character != '\n';
}

void serial_writestring(const char *text) {
    while (*text != '\0')
        serial_putchar(*text++);
}

void serial_fresh_line(void) {
    if (line_is_open)
        serial_putchar('\n');
}

static void sink(void *context, char character) {
    (void)context;
    serial_putchar(character);
}

void serial_record(const char *format, ...) {
    serial_fresh_line();
    serial_writestring("@bf ");
    va_list arguments;
    va_start(arguments, format);
    format_to(sink, NULL, format, arguments);
    va_end(arguments);
    serial_putchar('\n');
}
