/*
 * kernels.c: see kernels.h.
 *
 * A vector has 16 lanes of 16 bits, one for each row of a tile; where the processor's registers are smaller, the
 * compiler takes several. A product of a half byte and a rounded number is at most 8 * 511, so 8 of them can be added
 * in 16 bits; of bytes it is at most 128 * 127, and 2 can. Sums are then widened: those of even rows and those of odd
 * rows, by shifts. Nothing here is a call, and nothing needs more than SSE2.
 */
#include "kernels.h"

#include "numbers.h"

#ifdef JIT_SOURCE
#include "jit/function.h"
#else
#define JIT_OPTIMIZABLE(function, words) /* as a program of the building machine */
#endif

typedef int16_t lanes_t __attribute__((vector_size(32)));
typedef uint16_t words_t __attribute__((vector_size(32)));
typedef int32_t sums_t __attribute__((vector_size(32)));
typedef uint32_t bits_t __attribute__((vector_size(32)));
typedef float floats_t __attribute__((vector_size(32)));
typedef int16_t half_lanes_t __attribute__((vector_size(16)));
typedef float any_floats_t __attribute__((vector_size(32), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

enum { BYTES_SIZE = 576, HALF_BYTES_SIZE = 320, WIDE = 8 };

/* Half-precision numbers are taken as floats that are too small by 2^112; so blocks' scales are made larger. */
#define LARGER 0x1p100F
#define LARGER_STILL 0x1p12F

typedef struct {
    floats_t even, odd; /* rows 0, 2, 4 ... and 1, 3, 5 ... */
} tile_t;

INLINE lanes_t spread(const int16_t value[PRODUCT_LANES]) {
    half_lanes_t lanes = *(const half_lanes_t *)value;
    return __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
}

INLINE sums_t even_of(lanes_t lanes) {
    return (sums_t)((bits_t)lanes << 16) >> 16;
}

INLINE sums_t odd_of(lanes_t lanes) {
    return (sums_t)lanes >> 16;
}

INLINE floats_t even_halves(lanes_t halves) {
    return (floats_t)((sums_t)((bits_t)halves << 16) >> 3 & (sums_t)(0x8FFFE000 - (bits_t){0}));
}

INLINE floats_t odd_halves(lanes_t halves) {
    return (floats_t)((sums_t)halves >> 3 & (sums_t)(0x8FFFE000 - (bits_t){0}));
}

INLINE floats_t as_floats(sums_t sums) {
    return __builtin_convertvector(sums, floats_t);
}

INLINE void store(float *results, tile_t tile, float factor) {
    floats_t even = tile.even * factor, odd = tile.odd * factor;
    floats_t low = __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
    floats_t high = __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
    *(any_floats_t *)results = low;
    *(any_floats_t *)(results + WIDE) = high;
}

/* Four columns of a block of half bytes, which are signed. */
INLINE void split(lanes_t unit, lanes_t columns[4]) {
    columns[0] = (lanes_t)((words_t)unit << 12) >> 12;
    columns[1] = (lanes_t)((words_t)unit << 8) >> 12;
    columns[2] = (lanes_t)((words_t)unit << 4) >> 12;
    columns[3] = unit >> 12;
}

/* Eight columns, which is how many can be added in 16 bits. */
INLINE void add_columns(sums_t *even, sums_t *odd, const lanes_t columns[8], const int16_t (*values)[PRODUCT_LANES]) {
    lanes_t sum = columns[0] * spread(values[0]);
    for (unsigned k = 1; k < 8; k++)
        sum += columns[k] * spread(values[k]);
    *even += even_of(sum);
    *odd += odd_of(sum);
}

/* The scales of a block of half bytes, as floats. */
typedef struct {
    tile_t step, least;
} scales_t;

INLINE scales_t scales_of(const lanes_t *block) {
    return (scales_t){{even_halves(block[0]), odd_halves(block[0])}, {even_halves(block[1]), odd_halves(block[1])}};
}

INLINE void scale_half_bytes(tile_t *tile, sums_t even, sums_t odd, scales_t scales, rounded_block_t rounded) {
    float scale = rounded.scale * LARGER, sum = rounded.sum * LARGER;
    tile->even += as_floats(even) * scales.step.even * scale + scales.least.even * sum;
    tile->odd += as_floats(odd) * scales.step.odd * scale + scales.least.odd * sum;
}

INLINE void add_half_bytes(tile_t *tile, const lanes_t *block, const int16_t (*values)[PRODUCT_LANES],
                           rounded_block_t rounded) {
    sums_t even = rounded.offset - (sums_t){0}, odd = even;
    for (unsigned i = 0; i < 4; i++) {
        lanes_t columns[8];
        split(block[2 + 2 * i], columns);
        split(block[3 + 2 * i], columns + 4);
        add_columns(&even, &odd, columns, values + 8 * i);
    }
    scale_half_bytes(tile, even, odd, scales_of(block), rounded);
}

INLINE void add_bytes(tile_t *tile, const lanes_t *block, const int16_t (*values)[PRODUCT_LANES],
                      rounded_block_t rounded) {
    sums_t even = {0}, odd = {0};
    for (unsigned i = 0; i < PRODUCT_BLOCK / 2; i++) {
        lanes_t unit = block[2 + i];
        lanes_t sum =
            ((lanes_t)((words_t)unit << 8) >> 8) * spread(values[2 * i]) + (unit >> 8) * spread(values[2 * i + 1]);
        even += even_of(sum);
        odd += odd_of(sum);
    }
    floats_t low = ((const floats_t *)block)[0], high = ((const floats_t *)block)[1];
    floats_t even_scales = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    floats_t odd_scales = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
    tile->even += as_floats(even) * even_scales * rounded.scale;
    tile->odd += as_floats(odd) * odd_scales * rounded.scale;
}

JIT_OPTIMIZABLE(product_half_bytes, 6)
void product_half_bytes(float *results, const void *tiles, uint32_t tile_count, uint32_t blocks,
                        const int16_t (*values)[PRODUCT_LANES], const rounded_block_t *rounded) {
    const uint8_t *block = tiles;
    for (uint32_t i = 0; i < tile_count; i++) {
        tile_t tile = {{0}, {0}};
        for (uint32_t b = 0; b < blocks; b++, block += HALF_BYTES_SIZE)
            add_half_bytes(&tile, (const lanes_t *)block, values + b * PRODUCT_BLOCK, rounded[b]);
        store(results + i * PRODUCT_ROWS, tile, LARGER_STILL);
    }
}

JIT_OPTIMIZABLE(product_bytes, 6)
void product_bytes(float *results, const void *tiles, uint32_t tile_count, uint32_t blocks,
                   const int16_t (*values)[PRODUCT_LANES], const rounded_block_t *rounded) {
    const uint8_t *block = tiles;
    for (uint32_t i = 0; i < tile_count; i++) {
        tile_t tile = {{0}, {0}};
        for (uint32_t b = 0; b < blocks; b++, block += BYTES_SIZE)
            add_bytes(&tile, (const lanes_t *)block, values + b * PRODUCT_BLOCK, rounded[b]);
        store(results + i * PRODUCT_ROWS, tile, 1);
    }
}

/* For several vectors a tile's block is taken apart once. */
JIT_OPTIMIZABLE(product_half_bytes_batch, 8)
void product_half_bytes_batch(float *results, uint32_t stride, const void *tiles, uint32_t tile_count, uint32_t blocks,
                              const int16_t (*values)[PRODUCT_LANES], const rounded_block_t *rounded, uint32_t count) {
    const uint8_t *at = tiles;
    for (uint32_t i = 0; i < tile_count; i++) {
        tile_t sums[PRODUCT_BATCH];
        for (uint32_t t = 0; t < count; t++)
            sums[t] = (tile_t){{0}, {0}};
        for (uint32_t b = 0; b < blocks; b++, at += HALF_BYTES_SIZE) {
            const lanes_t *block = (const lanes_t *)at;
            lanes_t columns[PRODUCT_BLOCK];
            for (unsigned unit = 0; unit < PRODUCT_BLOCK / 4; unit++)
                split(block[2 + unit], columns + unit * 4);
            scales_t scales = scales_of(block);
            for (uint32_t t = 0; t < count; t++) {
                const int16_t(*value)[PRODUCT_LANES] = values + (t * blocks + b) * PRODUCT_BLOCK;
                sums_t even = rounded[t * blocks + b].offset - (sums_t){0}, odd = even;
                for (unsigned k = 0; k < PRODUCT_BLOCK; k += 8)
                    add_columns(&even, &odd, columns + k, value + k);
                scale_half_bytes(sums + t, even, odd, scales, rounded[t * blocks + b]);
            }
        }
        for (uint32_t t = 0; t < count; t++)
            store(results + t * stride + i * PRODUCT_ROWS, sums[t], LARGER_STILL);
    }
}

void product_bytes_batch(float *results, uint32_t stride, const void *tiles, uint32_t tile_count, uint32_t blocks,
                         const int16_t (*values)[PRODUCT_LANES], const rounded_block_t *rounded, uint32_t count) {
    const uint8_t *tile = tiles;
    for (uint32_t i = 0; i < tile_count; i++, tile += blocks * BYTES_SIZE)
        for (uint32_t t = 0; t < count; t++)
            product_bytes(results + t * stride + i * PRODUCT_ROWS, tile, 1, blocks, values + t * blocks * PRODUCT_BLOCK,
                          rounded + t * blocks);
}

void product_floats(float *results, const float *left, const float *right, uint32_t count) {
    floats_t sums[2] = {{0}, {0}};
    uint32_t i = 0;
    for (; i + 2 * WIDE <= count; i += 2 * WIDE)
        for (unsigned k = 0; k < 2; k++)
            sums[k] += *(const any_floats_t *)(left + i + k * WIDE) * *(const any_floats_t *)(right + i + k * WIDE);
    floats_t both = sums[0] + sums[1];
    float sum = ((both[0] + both[1]) + (both[2] + both[3])) + ((both[4] + both[5]) + (both[6] + both[7]));
    for (; i < count; i++)
        sum += left[i] * right[i];
    *results = sum;
}

void product_widen(float *numbers, const uint16_t *halves, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = number_of_half(halves[i]);
}
