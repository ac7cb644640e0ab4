/*
 * kernels.c: see kernels.h.
 *
 * A vector has 16 lanes of 32 bits, one for each row of a tile; where the processor's registers are smaller, the
 * compiler takes several. A lane holds a word, 16 bits, of each of two columns. A product of a half byte (less 8) and a
 * rounded number is at most 8 * 511, so 8 of them can be added in a word; of bytes it is at most 128 * 127, and 2 can.
 * All up to a row's sum is integers, because an emulator pays a hundred times for a float. Nothing is a call, and
 * nothing needs more than SSE2.
 */
#include "kernels.h"

#include "numbers.h"

#ifdef JIT_SOURCE
#include "jit/function.h"
#else
#define JIT_OPTIMIZABLE(function, words) /* as a program of the building machine */
#endif

typedef int32_t sums_t __attribute__((vector_size(64)));
typedef uint32_t bits_t __attribute__((vector_size(64)));
typedef uint16_t words_t __attribute__((vector_size(64)));
typedef int16_t signed_words_t __attribute__((vector_size(64)));
typedef int32_t wide_t __attribute__((vector_size(128)));
typedef float floats_t __attribute__((vector_size(64)));
typedef float any_floats_t __attribute__((vector_size(64), aligned(4)));
typedef float half_floats_t __attribute__((vector_size(32), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

enum { PAIRS = PRODUCT_BLOCK / 2, HALF_BYTES_UNITS = 4, BYTES_UNITS = 8, WIDE = 8 };

typedef struct {
    bits_t scales;
    words_t units[HALF_BYTES_UNITS];
} half_bytes_t;

typedef struct {
    bits_t scales;
    words_t units[BYTES_UNITS];
} bytes_t;

/* Two neighbours' numbers, for every row. */
INLINE words_t spread(uint32_t pair) {
    return (words_t)(pair - (bits_t){0});
}

INLINE sums_t low_of(bits_t lanes) {
    return (sums_t)(lanes << 16) >> 16;
}

INLINE sums_t high_of(bits_t lanes) {
    return (sums_t)lanes >> 16;
}

/* A unit of half bytes is four pairs of columns. */
INLINE void take_apart(words_t unit, words_t columns[4]) {
    columns[0] = unit & 15;
    columns[1] = unit >> 4 & 15;
    columns[2] = unit >> 8 & 15;
    columns[3] = unit >> 12;
}

/* The products of two units with their numbers; `start` is what words begin with. */
INLINE sums_t add_units(const words_t columns[8], uint32_t start, const uint32_t pairs[8]) {
    signed_words_t words = (signed_words_t)spread(start);
    for (unsigned k = 0; k < 8; k++) /* nothing saturates: it keeps the order, for which the registers are enough */
        words = __builtin_elementwise_add_sat(words, (signed_words_t)(columns[k] * spread(pairs[k])));
    return low_of((bits_t)words) + high_of((bits_t)words);
}

/* The products of each lane's two words, added: processors have an instruction for just that. */
INLINE sums_t pairs_of_products(bits_t left, bits_t right) {
    wide_t products =
        __builtin_convertvector((signed_words_t)left, wide_t) * __builtin_convertvector((signed_words_t)right, wide_t);
    return __builtin_shufflevector(products, products, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
           __builtin_shufflevector(products, products, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/* What a block adds to the rows' sums: its products lose two bits, so that they are 16 again. */
INLINE sums_t scaled_half_bytes(sums_t dot, bits_t scales, const rounded_block_t *rounded) {
    return pairs_of_products(((bits_t)(dot >> 2) & 0xFFFF) | rounded->sum, scales) >> rounded->shift;
}

INLINE void store(float *results, sums_t sums, floats_t worth, float factor) {
    *(any_floats_t *)results = __builtin_convertvector(sums, floats_t) * worth * factor;
}

JIT_OPTIMIZABLE(product_half_bytes, 5)
void product_half_bytes(float *results, const void *tiles, uint32_t tile_count, uint32_t blocks,
                        const rounded_t *vector) {
    const floats_t *worth = tiles;
    for (uint32_t i = 0; i < tile_count; i++, results += PRODUCT_ROWS) {
        const half_bytes_t *block = (const half_bytes_t *)(worth + 1);
        const uint32_t *pair = vector->pairs;
        sums_t sums = {0};
        for (uint32_t b = 0; b < blocks; b++, block++, pair += PAIRS) {
            sums_t dot = {0};
            for (unsigned half = 0; half < 2; half++) {
                words_t columns[8];
                take_apart(block->units[2 * half], columns);
                take_apart(block->units[2 * half + 1], columns + 4);
                dot += add_units(columns, vector->blocks[b].starts[half], pair + 8 * half);
            }
            sums += scaled_half_bytes(dot, block->scales, vector->blocks + b);
        }
        store(results, sums, *worth, vector->scale);
        worth = (const floats_t *)block;
    }
}

/* For several vectors a tile's block is taken apart once. */
JIT_OPTIMIZABLE(product_half_bytes_batch, 7)
void product_half_bytes_batch(float *results, uint32_t stride, const void *tiles, uint32_t tile_count, uint32_t blocks,
                              const rounded_t *vectors, uint32_t count) {
    const floats_t *worth = tiles;
    for (uint32_t i = 0; i < tile_count; i++, results += PRODUCT_ROWS) {
        const half_bytes_t *block = (const half_bytes_t *)(worth + 1);
        sums_t sums[PRODUCT_BATCH];
        for (uint32_t t = 0; t < count; t++)
            sums[t] = (sums_t){0};
        for (uint32_t b = 0; b < blocks; b++, block++) {
            words_t columns[PAIRS];
            for (unsigned k = 0; k < HALF_BYTES_UNITS; k++)
                take_apart(block->units[k], columns + 4 * k);
            for (uint32_t t = 0; t < count; t++) {
                const uint32_t *pair = vectors[t].pairs + b * PAIRS;
                const rounded_block_t *rounded = vectors[t].blocks + b;
                sums_t dot = add_units(columns, rounded->starts[0], pair);
                dot += add_units(columns + 8, rounded->starts[1], pair + 8);
                sums[t] += scaled_half_bytes(dot, block->scales, rounded);
            }
        }
        for (uint32_t t = 0; t < count; t++)
            store(results + t * stride, sums[t], *worth, vectors[t].scale);
        worth = (const floats_t *)block;
    }
}

/* The upper 16 bits of products of words. */
INLINE signed_words_t upper_of_products(words_t left, words_t right) {
    wide_t products =
        __builtin_convertvector((signed_words_t)left, wide_t) * __builtin_convertvector((signed_words_t)right, wide_t);
    return __builtin_convertvector(products >> 16, signed_words_t);
}

/* What two pairs of columns give, less 8 bits: bytes are taken as words' upper halves. */
INLINE sums_t unit_of_bytes(words_t unit, const uint32_t *pair) {
    signed_words_t even = upper_of_products(unit << 8, spread(pair[0]));
    signed_words_t odd = upper_of_products(unit & 0xFF00, spread(pair[1]));
    bits_t words = (bits_t)(even + odd);
    return low_of(words) + high_of(words);
}

JIT_OPTIMIZABLE(product_bytes, 5)
void product_bytes(float *results, const void *tiles, uint32_t tile_count, uint32_t blocks, const rounded_t *vector) {
    const floats_t *worth = tiles;
    for (uint32_t i = 0; i < tile_count; i++, results += PRODUCT_ROWS) {
        const bytes_t *block = (const bytes_t *)(worth + 1);
        const uint32_t *pair = vector->pairs;
        sums_t sums = {0};
        for (uint32_t b = 0; b < blocks; b++, block++, pair += PAIRS) {
            sums_t dot = vector->blocks[b].lost - (sums_t){0};
#pragma clang loop unroll(disable) /* the compiler would need more registers than there are */
            for (unsigned k = 0; k < BYTES_UNITS; k++)
                dot += unit_of_bytes(block->units[k], pair + 2 * k);
            sums += (dot >> 5) * high_of(block->scales) >> vector->blocks[b].shift; /* both are 16 bits */
        }
        store(results, sums, *worth, vector->scale * 0x1p27F); /* 2^16 * 2^8 * 2^5, where half bytes have 2^2 */
        worth = (const floats_t *)block;
    }
}

void product_bytes_batch(float *results, uint32_t stride, const void *tiles, uint32_t tile_count, uint32_t blocks,
                         const rounded_t *vectors, uint32_t count) {
    const uint8_t *tile = tiles;
    for (uint32_t i = 0; i < tile_count; i++, tile += sizeof(floats_t) + blocks * sizeof(bytes_t))
        for (uint32_t t = 0; t < count; t++)
            product_bytes(results + t * stride + i * PRODUCT_ROWS, tile, 1, blocks, vectors + t);
}

void product_floats(float *results, const float *left, const float *right, uint32_t count) {
    half_floats_t sums[2] = {{0}, {0}};
    uint32_t i = 0;
    for (; i + 2 * WIDE <= count; i += 2 * WIDE)
        for (unsigned k = 0; k < 2; k++)
            sums[k] += *(const half_floats_t *)(left + i + k * WIDE) * *(const half_floats_t *)(right + i + k * WIDE);
    half_floats_t both = sums[0] + sums[1];
    float sum = ((both[0] + both[1]) + (both[2] + both[3])) + ((both[4] + both[5]) + (both[6] + both[7]));
    for (; i < count; i++)
        sum += left[i] * right[i];
    *results = sum;
}

void product_widen(float *numbers, const uint16_t *halves, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = number_of_half(halves[i]);
}
