/* keyboard.h: the PS/2 keyboard, US layout, read in interrupts into a ring buffer. */
#ifndef BF_KEYBOARD_H
#define BF_KEYBOARD_H

/* Needs interrupts_init(). */
void keyboard_init(void);

/*
 * The next character that was typed, or -1. Enter is '\n', backspace '\b', escape 27, Ctrl with a letter 1..26; other
 * special keys give nothing. Characters that nobody reads are dropped when the buffer (128) is full.
 */
int keyboard_read(void);

#endif
