/* serial_port.c: the port behind serial.h; see serial_port.h. */
#include "io/serial_port.h"
#include "io/port.h"
#include "io/serial.h"

#include <stdbool.h>
#include <stdint.h>

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

void serial_send(char character) {
    unsigned looks = line_is_stuck ? 1 : MAX_LOOKS;
    do
        line_is_stuck = (inb(LINE_STATUS) & STATUS_ROOM) == 0;
    while (line_is_stuck && --looks != 0);
    if (!line_is_stuck)
        outb(DATA, (uint8_t)character);
}

int serial_read(void) {
    uint8_t status = inb(LINE_STATUS);
    if (status == STATUS_ABSENT || (status & STATUS_INPUT) == 0)
        return -1;
    return inb(DATA);
}
