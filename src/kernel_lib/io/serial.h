/*
 * serial.h: the first serial port (COM1), 115200 baud, 8 data bits, no parity, 1 stop bit, polled.
 *
 * Besides the terminal's text it carries the records that programs read: whole lines
 *
 *     @bf EVENT key=value key=value ...
 *
 * with values that hold no spaces, numbers in decimal and addresses in hexadecimal with 0x.
 */
#ifndef BF_SERIAL_H
#define BF_SERIAL_H

void serial_init(void);

/* Sends '\n' as "\r\n". A port that does not get rid of its bytes within a bound loses them: never a hang. */
void serial_putchar(char character);
void serial_writestring(const char *text);

/* The next character that came in, or -1. */
int serial_read(void);

/*
 * Writes one record: `format` is everything behind "@bf ", without a line's end. When other text stands on the current
 * line, a new line is started first.
 */
__attribute__((format(printf, 1, 2))) void serial_record(const char *format, ...);

/* Starts a new line unless the last one is complete. */
void serial_fresh_line(void);

#endif
