/*
 * object_hostile.c: an object is linked as it says, or refused, whatever its bytes are.
 *
 *     object_hostile OBJECT FUNCTION SEED ROUNDS
 *
 * Prints how many of the damaged objects were linked, refused as malformed, and refused for a name. Sanitizers watch
 * that nothing is read or written elsewhere.
 */
#include "jit/object.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_READ = 1 << 16, ADDRESS = 0xE0000000, KNOWN = 0x12340 };

/* What looks like a name of C is known. */
static uint32_t find(const void *where, const char *name) {
    (void)where;
    return name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) ? KNOWN : 0;
}

static object_result_t try(const uint8_t *bytes, uint32_t size, const char *function) {
    object_t object;
    uint32_t entry;
    uint8_t *exact = malloc(size + 1); /* nothing lies behind it that may be read */
    if (exact == NULL)
        exit(3);
    memcpy(exact + 1, bytes, size); /* at an odd address */
    object_result_t result = object_open(&object, exact + 1, size);
    if (result == OBJECT_OK) {
        uint8_t *memory = malloc(object.code_size);
        result = object_link(&object, memory, ADDRESS, function, &(object_resolver_t){find, NULL}, &entry);
        if (result == OBJECT_OK && entry - ADDRESS > object.code_size)
            exit(4);
        free(memory);
    }
    free(exact);
    return result;
}

int main(int count, char **arguments) {
    static uint8_t whole[SIZE_MAX_READ], damaged[SIZE_MAX_READ];
    FILE *file = count == 5 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL)
        return 2;
    uint32_t size = (uint32_t)fread(whole, 1, sizeof whole, file);
    fclose(file);
    uint64_t seed = strtoull(arguments[3], NULL, 10);
    unsigned results[3] = {0}, rounds = (unsigned)strtoul(arguments[4], NULL, 10);
    if (try(whole, size, arguments[2]) != OBJECT_OK)
        return 1;
    for (uint32_t cut = 0; cut < size; cut++) {
        memcpy(damaged, whole, cut);
        try(damaged, cut, arguments[2]);
    }
    for (unsigned round = 0; round < rounds; round++) {
        memcpy(damaged, whole, size);
        for (uint64_t changes = 1 + random_below(&seed, 4); changes > 0; changes--) {
            static const uint8_t extremes[] = {0, 1, 0x7F, 0x80, 0xFF};
            damaged[random_below(&seed, size)] = random_below(&seed, 2) ? extremes[random_below(&seed, sizeof extremes)]
                                                                        : (uint8_t)random_below(&seed, 256);
        }
        results[try(damaged, size, arguments[2])]++;
    }
    printf("%u %u %u\n", results[OBJECT_OK], results[OBJECT_MALFORMED], results[OBJECT_UNKNOWN]);
    return 0;
}
