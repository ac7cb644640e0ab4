/* The heap gives aligned blocks that do not overlap, takes freed memory back whole, and refuses what it does not have.
 */
#include "check.h"

enum { BLOCKS = 200 };

static unsigned char *blocks[BLOCKS];

static size_t size_of(unsigned i) {
    return (i * 37) % 1000;
}

static int check_contents(void) {
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (size_t at = 0; at < size_of(i); at++) {
            CHECK(blocks[i][at] == (unsigned char)i);
        }
    }
    return 0;
}

static int check_many(void) {
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(size_of(i));
        CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0);
        memset(blocks[i], (int)i, size_of(i));
    }
    if (check_contents()) {
        return 1;
    }
    for (unsigned i = 0; i < BLOCKS; i += 2) {
        free(blocks[i]);
    }
    heap_check();
    for (unsigned i = 1; i < BLOCKS; i += 2) {
        blocks[i] = realloc(blocks[i], 3000);
        CHECK(blocks[i] != NULL && (size_of(i) == 0 || blocks[i][size_of(i) - 1] == (unsigned char)i));
        free(blocks[i]);
    }
    heap_check();
    return 0;
}

int app_main(void) {
    heap_statistics_t before = heap_statistics();
    CHECK(before.total > 8 << 20);
    if (check_many()) {
        return 1;
    }
    unsigned char *zeros = calloc(1000, 3);
    CHECK(zeros != NULL && zeros[0] == 0 && zeros[2999] == 0);
    free(zeros);
    CHECK(malloc(SIZE_MAX) == NULL && malloc(before.total) == NULL && calloc(SIZE_MAX / 2, 4) == NULL);
    heap_statistics_t after = heap_statistics();
    CHECK(after.used == before.used && after.largest == before.largest);
    unsigned char *all = malloc(before.largest);
    CHECK(all != NULL);
    all[0] = 1;
    all[before.largest - 1] = 1;
    free(all);
    heap_check();
    return 0;
}
