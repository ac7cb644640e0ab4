/* sha256.h: SHA-256 (FIPS 180-4), by which requests and files are named. */
#ifndef BF_SHA256_H
#define BF_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_BLOCK = 64, SHA256_TEXT_SIZE = 2 * SHA256_SIZE + 1 };

typedef struct {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[SHA256_BLOCK];
} sha256_t;

void sha256_begin(sha256_t *hash);
void sha256_add(sha256_t *hash, const void *data, size_t size);
void sha256_end(sha256_t *hash, uint8_t digest[SHA256_SIZE]);

/* All three in one. */
void sha256(const void *data, size_t size, uint8_t digest[SHA256_SIZE]);

/* Writes a digest as lower-case hexadecimal digits, the way sha256sum does. */
void sha256_text(const uint8_t digest[SHA256_SIZE], char text[SHA256_TEXT_SIZE]);

/* Reads such digits; false where they are none. */
bool sha256_parse(const char *text, uint8_t digest[SHA256_SIZE]);

#endif
