/* console.c: see console.h. Bytes of UTF-8 are taken as they come; erasing takes a whole character. */
#include "console.h"

#include "runtime.h"

enum { KEY_STOP = 'C' - '@', KEY_CLEAR = 'U' - '@', KEY_DELETE = 127 };

static int read_key(void) {
    int key = keyboard_read();
    return key >= 0 ? key : serial_read();
}

static int wait_for_key(void) {
    for (;;) {
        int key = read_key();
        if (key >= 0)
            return key;
        interrupts_wait(); /* the timer wakes us to look at the serial line, which has no interrupt */
    }
}

static size_t erase(const char *line, size_t length) {
    while (length > 0 && ((uint8_t)line[length - 1] & 0xC0) == 0x80)
        length--;
    if (length > 0) {
        terminal_writestring("\b \b");
        length--;
    }
    return length;
}

bool console_read_line(const char *sign, char *line, size_t size) {
    size_t length = 0;
    terminal_writestring(sign);
    int key;
    while ((key = wait_for_key()) != '\n' && key != '\r' && key != KEY_STOP) {
        if (key == '\b' || key == KEY_DELETE) {
            length = erase(line, length);
        } else if (key == KEY_CLEAR) {
            while (length > 0)
                length = erase(line, length);
        } else if (key >= ' ' && length < size - 1) {
            line[length++] = (char)key;
            terminal_putchar((char)key);
        }
    }
    line[length] = '\0';
    terminal_putchar('\n');
    return key != KEY_STOP;
}

bool console_is_stopped(void) {
    bool is_stopped = false;
    for (int key; (key = read_key()) >= 0;)
        is_stopped |= key == KEY_STOP;
    return is_stopped;
}
