/* string_check.c: bytes and strings as the C standard says, at every alignment and length up to a few words. */
#include "memory/memory.h"

#include <stdbool.h>

enum { SPAN = 40, BUFFER = 3 * SPAN };

static void expect(bool holds, const char *what) {
    if (!holds) {
        printf("%s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void number(unsigned char *bytes) {
    for (unsigned i = 0; i < BUFFER; i++) {
        bytes[i] = (unsigned char)(i + 1);
    }
}

/* Byte i of the result must be what a copy of `length` bytes from `from` to `to` leaves there. */
static void check_move(size_t from, size_t to, size_t length) {
    unsigned char bytes[BUFFER];
    number(bytes);
    expect(memmove(bytes + to, bytes + from, length) == bytes + to, "memmove's value");
    for (size_t i = 0; i < BUFFER; i++) {
        bool moved = i >= to && i < to + length;
        expect(bytes[i] == (unsigned char)(moved ? i - to + from + 1 : i + 1), "memmove");
    }
}

static void check_copy_and_set(size_t from, size_t to, size_t length) {
    unsigned char source[BUFFER];
    unsigned char bytes[BUFFER];
    number(source);
    number(bytes);
    expect(memcpy(bytes + to, source + from, length) == bytes + to, "memcpy's value");
    expect(!memcmp(bytes + to, source + from, length), "memcpy and memcmp");
    expect(bytes[to + length] == (unsigned char)(to + length + 1), "memcpy went too far");
    memset(bytes + to, 0x1A5, length);
    for (size_t i = 0; i < BUFFER; i++) {
        bool set = i >= to && i < to + length;
        expect(!set || bytes[i] == 0xA5, "memset");
        expect(set || i == to + length || bytes[i] == (unsigned char)(i + 1), "memset went too far");
    }
}

static void check_strings(void) {
    char copy[16];
    const char *text = "needle in hay";
    expect(strlen("") == 0 && strlen(text) == 13 && strnlen(text, 5) == 5 && strnlen(text, 50) == 13, "strlen");
    expect(strcmp("abc", "abc") == 0 && strcmp("abc", "abd") < 0 && strcmp("abc", "ab") > 0, "strcmp");
    expect(strcmp("\x80", "\x7F") > 0, "strcmp compares unsigned bytes");
    expect(strncmp("abc", "abd", 2) == 0 && strncmp("abc", "abd", 3) < 0 && strncmp("a", "b", 0) == 0, "strncmp");
    expect(memcmp("a\0b", "a\0c", 3) < 0 && memcmp("a", "b", 0) == 0, "memcmp");
    expect(strchr(text, 'e') == text + 1 && strchr(text, 'z') == NULL && strchr(text, 0) == text + 13, "strchr");
    expect(strrchr(text, 'e') == text + 5 && strrchr(text, 'z') == NULL && strrchr(text, 0) == text + 13, "strrchr");
    expect(memchr(text, 'd', 3) == NULL && memchr(text, 'd', 4) == text + 3, "memchr");
    expect(strstr(text, "in") == text + 7 && strstr(text, "ink") == NULL && strstr(text, "") == text, "strstr");
    expect(strcpy(copy, text) == copy && !strcmp(copy, text), "strcpy");
    memset(copy, 'x', sizeof(copy));
    expect(strncpy(copy, "ab", 4) == copy && !memcmp(copy, "ab\0\0x", 5), "strncpy pads");
    expect(strncpy(copy, "abcdef", 3) == copy && !memcmp(copy, "abc\0x", 5), "strncpy cuts");
}

int main(void) {
    for (size_t from = 0; from < SPAN; from++) {
        for (size_t to = 0; to < SPAN; to++) {
            for (size_t length = 0; length < SPAN; length++) {
                check_move(from, to, length);
            }
            check_copy_and_set(from % 8, to % 8, to);
        }
    }
    check_strings();
    return EXIT_SUCCESS;
}
