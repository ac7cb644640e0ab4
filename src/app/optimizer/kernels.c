/* kernels.c: see kernels.h. */
#include "kernels.h"
#include "jit/function.h"

#include <stdbool.h>

JIT_OPTIMIZABLE(fibonacci, 1)
uint32_t fibonacci(uint32_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

JIT_OPTIMIZABLE(matmul, 4)
void matmul(const int32_t *left, const int32_t *right, int32_t *product, uint32_t n) {
    for (uint32_t row = 0; row < n; row++) {
        for (uint32_t column = 0; column < n; column++)
            product[row * n + column] = 0;
        for (uint32_t k = 0; k < n; k++)
            for (uint32_t column = 0; column < n; column++)
                product[row * n + column] += left[row * n + k] * right[k * n + column];
    }
}

JIT_OPTIMIZABLE(dot, 3)
int32_t dot(const int32_t *left, const int32_t *right, uint32_t count) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += left[i] * right[i];
    return sum;
}

static const uint32_t keys[64] = {
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

JIT_OPTIMIZABLE(sha256_mix, 2)
void sha256_mix(uint32_t *state, const uint8_t *block) {
    uint32_t words[64], a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
                   block[4 * i + 3];
    for (unsigned i = 16; i < 64; i++)
        words[i] = words[i - 16] + (rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ words[i - 15] >> 3) +
                   words[i - 7] + (rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ words[i - 2] >> 10);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + keys[i] + words[i];
        uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

JIT_OPTIMIZABLE(sieve, 2)
uint32_t sieve(uint8_t *composite, uint32_t limit) {
    uint32_t primes = 0;
    for (uint32_t i = 0; i < limit; i++)
        composite[i] = 0;
    for (uint32_t i = 2; i * i < limit; i++)
        if (!composite[i])
            for (uint32_t j = i * i; j < limit; j += i)
                composite[j] = 1;
    for (uint32_t i = 2; i < limit; i++)
        primes += !composite[i];
    return primes;
}

static void sink(int32_t *values, uint32_t from, uint32_t count) {
    int32_t value = values[from];
    for (uint32_t child; (child = 2 * from + 1) < count; from = child) {
        if (child + 1 < count && values[child + 1] > values[child])
            child++;
        if (values[child] <= value)
            break;
        values[from] = values[child];
    }
    values[from] = value;
}

JIT_OPTIMIZABLE(sort, 2)
void sort(int32_t *values, uint32_t count) {
    for (uint32_t i = count / 2; i-- > 0;)
        sink(values, i, count);
    for (uint32_t end = count; end-- > 1;) {
        int32_t largest = values[0];
        values[0] = values[end];
        values[end] = largest;
        sink(values, 0, end);
    }
}

JIT_OPTIMIZABLE(find, 4)
uint32_t find(const char *text, uint32_t length, const char *part, uint32_t part_length) {
    for (uint32_t at = 0; at + part_length <= length; at++) {
        bool is_same = true;
        for (uint32_t i = 0; i < part_length; i++)
            is_same &= text[at + i] == part[i];
        if (is_same)
            return at;
    }
    return length;
}

JIT_OPTIMIZABLE(crc32, 2)
uint32_t crc32(const uint8_t *data, uint32_t size) {
    uint32_t crc = ~0U;
    for (uint32_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320U & -(crc & 1));
    }
    return ~crc;
}

JIT_OPTIMIZABLE(attract, 2)
void attract(int32_t *state, uint32_t bodies) {
    const int32_t *places = state;
    int32_t *speeds = state + bodies;
    for (uint32_t i = 0; i < bodies; i++) {
        int32_t force = 0;
        for (uint32_t j = 0; j < bodies; j++) {
            int32_t distance = (places[j] - places[i]) >> 4;
            int32_t near = distance > 1000 ? 1000 : distance < -1000 ? -1000 : distance;
            force += near * (2000 - (near < 0 ? -near : near)) >> 10;
        }
        speeds[i] += force;
    }
    for (uint32_t i = 0; i < bodies; i++)
        state[i] += speeds[i] >> 6;
}

JIT_OPTIMIZABLE(nothing, 1)
uint32_t nothing(uint32_t n) {
    __asm__ volatile("" : "+r"(n));
    return n;
}
