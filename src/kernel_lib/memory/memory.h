/*
 * memory.h: the heap and the operations on bytes and strings.
 *
 * The names and meanings are those of the C standard; what follows each group is only what the standard leaves open.
 * Everything here compiles as an ordinary Linux program too, for tests.
 */
#ifndef BF_MEMORY_H
#define BF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The heap. Every block is aligned to 16 bytes, so that SSE data may live in it. A size of zero gives a block of its
 * own. NULL means that no free block is large enough. Not for interrupt handlers: there is no lock.
 *
 * free() and realloc() of anything but a live block panic and name the address. BF_DEBUG builds also put a guard behind
 * each block and panic when it was written over.
 */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

typedef struct {
    size_t total;   /* bytes given to the heap */
    size_t used;    /* bytes in live blocks, headers included */
    size_t largest; /* malloc() succeeds for at least this many bytes */
} heap_statistics_t;

/* Takes all memory above BF_HEAP_START that the memory map calls usable. */
void heap_init(void);

/* Gives [start, start + length) to the heap for good. MUST NOT overlap memory in use. Too small a piece is ignored. */
void heap_add(void *start, size_t length);

heap_statistics_t heap_statistics(void);

/* Walks every block; panics at the first one that breaks an invariant of the heap. */
void heap_check(void);

/* Bytes. memcpy and memset are single string instructions: fast for large blocks, small for small ones. */
void *memcpy(void *restrict destination, const void *restrict source, size_t count);
void *memmove(void *destination, const void *source, size_t count);
void *memset(void *destination, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);
void *memchr(const void *bytes, int value, size_t count);

/* Strings. */
size_t strlen(const char *string);
size_t strnlen(const char *string, size_t limit);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t count);
char *strcpy(char *restrict destination, const char *restrict source);
char *strncpy(char *restrict destination, const char *restrict source, size_t count);
char *strchr(const char *string, int character);
char *strrchr(const char *string, int character);
char *strstr(const char *string, const char *part);

#endif
