/*
 * string.c: bytes and strings.
 *
 * Copies and fills are x86 string instructions written by hand: the compiler would turn a C loop of that shape into a
 * call of the very function it stands in. They move four bytes a step and then the remainder, which is fast with and
 * without the processor's "enhanced rep movsb", and needs no SSE. The direction flag is clear on entry and exit, as the
 * calling convention wants.
 */
#include "memory/memory.h"

void *memcpy(void *restrict destination, const void *restrict source, size_t count) {
    void *to = destination;
    size_t words = count / 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(source), "+c"(words) : : "memory");
    size_t rest = count % 4;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(source), "+c"(rest) : : "memory");
    return destination;
}

void *memmove(void *destination, const void *source, size_t count) {
    if ((uintptr_t)destination - (uintptr_t)source >= count) {
        return memcpy(destination, source, count);
    }
    /* The destination starts inside the source: copy from the end down. */
    char *to = (char *)destination + count - 1;
    const char *from = (const char *)source + count - 1;
    size_t rest = count % 4;
    size_t words = count / 4;
    __asm__ volatile("std; rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory", "cc");
    to -= 3;
    from -= 3;
    __asm__ volatile("rep movsl; cld" : "+D"(to), "+S"(from), "+c"(words) : : "memory", "cc");
    return destination;
}

void *memset(void *destination, int value, size_t count) {
    void *to = destination;
    uint32_t pattern = (uint32_t)(unsigned char)value * 0x01010101U;
    size_t words = count / 4;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    size_t rest = count % 4;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return destination;
}

int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *a = left;
    const unsigned char *b = right;
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i]) {
            return a[i] - b[i];
        }
    }
    return 0;
}

void *memchr(const void *bytes, int value, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        if (at[i] == (unsigned char)value) {
            return (void *)(uintptr_t)(at + i);
        }
    }
    return NULL;
}

size_t strlen(const char *string) {
    return strnlen(string, SIZE_MAX);
}

size_t strnlen(const char *string, size_t limit) {
    size_t length = 0;
    while (length < limit && string[length]) {
        length++;
    }
    return length;
}

int strcmp(const char *left, const char *right) {
    return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t count) {
    const unsigned char *a = (const unsigned char *)left;
    const unsigned char *b = (const unsigned char *)right;
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i] || !a[i]) {
            return a[i] - b[i];
        }
    }
    return 0;
}

char *strcpy(char *restrict destination, const char *restrict source) {
    return memcpy(destination, source, strlen(source) + 1);
}

char *strncpy(char *restrict destination, const char *restrict source, size_t count) {
    size_t length = strnlen(source, count);
    memcpy(destination, source, length);
    memset(destination + length, 0, count - length);
    return destination;
}

char *strchr(const char *string, int character) {
    return memchr(string, character, strlen(string) + 1);
}

char *strrchr(const char *string, int character) {
    for (size_t i = strlen(string) + 1; i-- > 0;) {
        if (string[i] == (char)character) {
            return (char *)(uintptr_t)(string + i);
        }
    }
    return NULL;
}

char *strstr(const char *string, const char *part) {
    size_t length = strlen(part);
    for (; *string || !length; string++) {
        if (!strncmp(string, part, length)) {
            return (char *)(uintptr_t)string;
        }
    }
    return NULL;
}
