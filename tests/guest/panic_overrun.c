/* A debug build panics when a block that was written past its end is freed. */
#include "runtime.h"

int app_main(void) {
    char *volatile block = malloc(24);
    block[24] = 0;
    free(block);
    return 0;
}
