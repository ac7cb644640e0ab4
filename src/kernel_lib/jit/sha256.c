/* sha256.c: see sha256.h. */
#include "jit/sha256.h"
#include "memory/memory.h"

enum { ROUNDS = 64 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t keys[ROUNDS] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

static uint32_t rotate(uint32_t value, unsigned bits) {
    return value >> bits | value << (32 - bits);
}

static void expand(uint32_t words[ROUNDS], const uint8_t *block) {
    for (unsigned i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
                   block[4 * i + 3];
    for (unsigned i = 16; i < ROUNDS; i++) {
        uint32_t a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + words[i - 7] +
                   (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

/* What moves on from round to round are the roles of the eight words, not the words: so it costs no copying. */
static void mix(uint32_t state[8], const uint8_t *block) {
    uint32_t words[ROUNDS], s[8];
    expand(words, block);
    memcpy(s, state, sizeof s);
    for (unsigned i = 0; i < ROUNDS; i += 8) {
#pragma clang loop unroll(full)
        for (unsigned j = 0; j < 8; j++) {
            uint32_t a = s[(8 - j) % 8], b = s[(9 - j) % 8], c = s[(10 - j) % 8];
            uint32_t e = s[(12 - j) % 8], f = s[(13 - j) % 8], g = s[(14 - j) % 8];
            uint32_t *d = &s[(11 - j) % 8], *h = &s[(15 - j) % 8];
            *h += (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + keys[i + j] + words[i + j];
            *d += *h;
            *h += (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        }
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

void sha256_begin(sha256_t *hash) {
    *hash = (sha256_t){
        .state = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19},
    };
}

void sha256_add(sha256_t *hash, const void *data, size_t size) {
    const uint8_t *at = data;
    while (size > 0) {
        size_t used = hash->length % SHA256_BLOCK, room = SHA256_BLOCK - used;
        size_t part = size < room ? size : room;
        memcpy(hash->block + used, at, part);
        hash->length += part;
        at += part;
        size -= part;
        if (used + part == SHA256_BLOCK)
            mix(hash->state, hash->block);
    }
}

void sha256_end(sha256_t *hash, uint8_t digest[SHA256_SIZE]) {
    uint64_t bits = hash->length * 8;
    uint8_t ending[SHA256_BLOCK + 8] = {0x80};
    size_t padding = SHA256_BLOCK - (size_t)(hash->length + 8) % SHA256_BLOCK;
    for (unsigned i = 0; i < 8; i++)
        ending[padding + i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(hash, ending, padding + 8);
    for (unsigned i = 0; i < SHA256_SIZE; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(const void *data, size_t size, uint8_t digest[SHA256_SIZE]) {
    sha256_t hash;
    sha256_begin(&hash);
    sha256_add(&hash, data, size);
    sha256_end(&hash, digest);
}

void sha256_text(const uint8_t digest[SHA256_SIZE], char text[SHA256_TEXT_SIZE]) {
    for (unsigned i = 0; i < 2 * SHA256_SIZE; i++)
        text[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 0xF];
    text[2 * SHA256_SIZE] = '\0';
}

static unsigned digit_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    return digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a' + 10) : 16;
}

bool sha256_parse(const char *text, uint8_t digest[SHA256_SIZE]) {
    for (unsigned i = 0; i < 2 * SHA256_SIZE; i++) {
        unsigned value = digit_value(text[i]);
        if (value > 15)
            return false;
        digest[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : digest[i / 2] | value);
    }
    return text[2 * SHA256_SIZE] == '\0';
}
