/* keyboard.c: keyboard.h on Linux: there is none. */
#include "io/keyboard.h"

void keyboard_init(void) {}

int keyboard_read(void) {
    return -1;
}
