/* Copies, fills and comparisons touch exactly the bytes they should, on this processor's string instructions. */
#include "check.h"

enum { LARGE = 1 << 20, SPAN = 24, BUFFER = 64 };

static void number(unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(i * 7 + 1);
    }
}

static int check_small_moves(void) {
    unsigned char original[BUFFER];
    unsigned char moved[BUFFER];
    number(original, BUFFER);
    for (size_t from = 0; from < SPAN; from++) {
        for (size_t to = 0; to < SPAN; to++) {
            for (size_t length = 0; length < SPAN; length++) {
                number(moved, BUFFER);
                memmove(moved + to, moved + from, length);
                CHECK(memcmp(moved + to, original + from, length) == 0);
                CHECK(memcmp(moved, original, to) == 0);
                CHECK(memcmp(moved + to + length, original + to + length, BUFFER - to - length) == 0);
            }
        }
    }
    return 0;
}

int app_main(void) {
    unsigned char *source = malloc(LARGE);
    unsigned char *copy = malloc(LARGE + 3);
    CHECK(source != NULL && copy != NULL);
    number(source, LARGE);
    memset(copy, 0xAA, LARGE + 3);
    memcpy(copy + 1, source, LARGE);
    CHECK(memcmp(copy + 1, source, LARGE) == 0);
    CHECK(copy[0] == 0xAA && copy[LARGE + 1] == 0xAA && copy[LARGE + 2] == 0xAA);
    memmove(copy + 3, copy + 1, LARGE);
    CHECK(memcmp(copy + 3, source, LARGE) == 0);
    CHECK(strlen("twelve bytes") == 12 && strcmp("a", "b") < 0 && strncmp("abc", "abd", 2) == 0);
    CHECK(strcmp(strchr("path/name", '/'), "/name") == 0 && strstr("haystack", "stack") != NULL);
    free(copy);
    free(source);
    return check_small_moves();
}
