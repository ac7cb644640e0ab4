/* kernels.h: the work of the optimizer app: small programs of the kind that a processor spends its time on. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

/* Recursion. */
uint32_t fibonacci(uint32_t n);

/* `n` rows and columns each. */
void matmul(const int32_t *left, const int32_t *right, int32_t *product, uint32_t n);

int32_t dot(const int32_t *left, const int32_t *right, uint32_t count);

/* One block of SHA-256 into a state of eight words. */
void sha256_mix(uint32_t *state, const uint8_t *block);

/* How many primes lie below `limit`; `composite` has room for that many bytes. */
uint32_t sieve(uint8_t *composite, uint32_t limit);

/* Heap sort. */
void sort(int32_t *values, uint32_t count);

/* Where `part` begins in `text`, or its length where it does not. Both have their lengths. */
uint32_t find(const char *text, uint32_t length, const char *part, uint32_t part_length);

uint32_t crc32(const uint8_t *data, uint32_t size);

/* One step of bodies that attract each other on a line, in fixed point; `state` holds places, then speeds. */
void attract(int32_t *state, uint32_t bodies);

/* Nothing: what is measured of it is the measuring. */
uint32_t nothing(uint32_t n);

#endif
