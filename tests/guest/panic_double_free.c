/* Freeing a block twice panics and names the block. */
#include "runtime.h"

int app_main(void) {
    char *volatile block = malloc(24); /* volatile: the compiler knows free by heart */
    free(block);
    free(block);
    return 0;
}
