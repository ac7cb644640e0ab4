/* faulty.c: an app that does what its argument says, which a sanitizer must see; with "none", nothing of the kind. */
#include "runtime.h"

static volatile int array[3] = {1, 2, 3};
static volatile int zero, large = 0x7FFFFFFF;

/* The compiler knows nothing of what it returns. */
static void *hidden(void *pointer) {
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

static int use_stack(int index) {
    volatile int values[4] = {0};
    ((volatile int *)hidden((void *)values))[index] = 1;
    return values[0];
}

static int use_scope(void) {
    volatile int *outside;
    {
        volatile int inside = 1;
        outside = hidden((void *)&inside);
    }
    return *outside;
}

static int do_wrong(const char *what) {
    char *block = hidden(malloc(10));
    int sum = 0;
    if (strcmp(what, "heap overrun") == 0)
        block[10] = 1;
    else if (strcmp(what, "heap underrun") == 0)
        block[-1] = 1;
    else if (strcmp(what, "copy overrun") == 0)
        memset(block, 1, 11);
    else if (strcmp(what, "string overrun") == 0)
        sum = (int)strlen(memset(block, 'x', 10));
    else if (strcmp(what, "use after free") == 0)
        free(block), block[0] = 1;
    else if (strcmp(what, "double free") == 0)
        free(block), free(block);
    else if (strcmp(what, "stack overrun") == 0)
        sum = use_stack(zero + 4);
    else if (strcmp(what, "use after scope") == 0)
        sum = use_scope();
    else if (strcmp(what, "variable overrun") == 0)
        sum = ((volatile int *)hidden((void *)array))[zero + 3];
    else if (strcmp(what, "overflow") == 0)
        sum = large + 1;
    else if (strcmp(what, "shift") == 0)
        sum = 1 << (large & 40);
    else if (strcmp(what, "index") == 0)
        sum = array[zero + 3];
    else if (strcmp(what, "alignment") == 0)
        sum = *(int *)hidden(block + 1);
    return sum;
}

int app_main(void) {
    serial_record("sum value=%d", do_wrong(app_arguments()));
    return 0;
}
