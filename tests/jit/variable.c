/* variable.c: a source with a variable that the build did not keep as it is, so that nobody else can use it. */
#include <stdint.h>

static uint32_t calls;

uint32_t count_calls(void) {
    return ++calls;
}
