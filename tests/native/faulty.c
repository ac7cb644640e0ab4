/*
 * faulty.c: a program with faults, to see whether the sanitizers see them.
 *
 *     faulty overrun | overflow | leak
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
    volatile int size = count + 1; /* volatile: the compiler must not see what it does not do */
    const char *fault = arguments[1];
    char *volatile block = malloc((size_t)size);
    if (!strcmp(fault, "overrun")) {
        block[size] = 1;
    } else if (!strcmp(fault, "overflow")) {
        printf("%d\n", INT_MAX + size);
    }
    if (strcmp(fault, "leak")) {
        free(block);
    }
    block = NULL;
    return EXIT_SUCCESS;
}
