/* console.h: what a person types, on the keyboard or the serial line. */
#ifndef CHAT_CONSOLE_H
#define CHAT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* Shows `sign` and reads a line, of which nothing is kept that does not fit; says false where Ctrl-C ended it. */
bool console_read_line(const char *sign, char *line, size_t size);

/* Whether Ctrl-C was typed since the last time; everything else that was typed is dropped. */
bool console_is_stopped(void);

#endif
