/* variable.c: a source with a variable, which an object made at run time would have a second time. */
#include <stdint.h>

static uint32_t calls;

uint32_t count_calls(void) {
    return ++calls;
}
