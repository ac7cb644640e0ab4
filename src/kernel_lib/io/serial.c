/* serial.c: see serial.h. */
#include "io/serial.h"
#include "io/format.h"
#include "io/port.h"

#include <stdbool.h>

enum {
    COM1 = 0x3F8,
    DATA = COM1,
    INTERRUPT_ENABLE = COM1 + 1, /* these two are the divisor while LINE_DIVISOR is set */
    FIFO_CONTROL = COM1 + 2,
    LINE_CONTROL = COM1 + 3,
    MODEM_CONTROL = COM1 + 4,
    LINE_STATUS = COM1 + 5,
};

enum {
    DIVISOR_115200 = 1,
    LINE_8N1 = 0x03,
    LINE_DIVISOR = 0x80,
    FIFO_ON_AND_EMPTY = 0x07,
    MODEM_READY = 0x03, /* DTR and RTS */
    STATUS_INPUT = 0x01,
    STATUS_ROOM = 0x20,
    STATUS_ABSENT = 0xFF, /* what is read where there is no port */
};

enum { MAX_LOOKS = 10000000 }; /* a look takes about a microsecond: a reader may be away for some seconds */

static bool line_is_open;
static bool line_is_stuck; /* the port kept a byte for too long: it gets one look for each until it takes one */

void serial_init(void) {
    outb(INTERRUPT_ENABLE, 0);
    outb(LINE_CONTROL, LINE_DIVISOR);
    outb(DATA, DIVISOR_115200);
    outb(INTERRUPT_ENABLE, 0);
    outb(LINE_CONTROL, LINE_8N1);
    outb(FIFO_CONTROL, FIFO_ON_AND_EMPTY);
    outb(MODEM_CONTROL, MODEM_READY);
}

__attribute__((noinline)) static void send(char character) {
    unsigned looks = line_is_stuck ? 1 : MAX_LOOKS;
    do
        line_is_stuck = (inb(LINE_STATUS) & STATUS_ROOM) == 0;
    while (line_is_stuck && --looks != 0);
    if (!line_is_stuck)
        outb(DATA, (uint8_t)character);
}

void serial_putchar(char character) {
    if (character == '\n')
        send('\r');
    send(character);
    line_is_open = character != '\n';
}

void serial_writestring(const char *text) {
    while (*text != '\0')
        serial_putchar(*text++);
}

int serial_read(void) {
    uint8_t status = inb(LINE_STATUS);
    if (status == STATUS_ABSENT || (status & STATUS_INPUT) == 0)
        return -1;
    return inb(DATA);
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
