/*
 * kernels.c: see kernels.h.
 *
 * A vector has 16 lanes of 16 bits, one for each row of a tile; where the processor's registers are smaller, the
 * compiler takes several. A product of a half byte and a rounded number is at most 15 * 127, so 16 of them can be added
 * in 16 bits; of bytes it is at most 128 * 127, and 2 can. Sums are then widened: those of even rows and those of odd
 * rows, by shifts. Nothing here is a call, and nothing needs more than SSE2.
 */
#include "kernels.h"

#include "numbers.h"

typedef int16_t lanes_t __attribute__((vector_size(32)));
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
    return (sums_t)lanes << 16 >> 16;
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

/* Four columns of a block of half bytes. */
INLINE void split(lanes_t unit, lanes_t columns[4]) {
    columns[0] = unit & 15;
    columns[1] = unit >> 4 & 15;
    columns[2] = unit >> 8 & 15;
    columns[3] = unit >> 12 & 15;
}

INLINE void add_half_bytes(tile_t *tile, const lanes_t *block, const int16_t (*values)[PRODUCT_LANES],
                           rounded_block_t rounded) {
    sums_t even = {0}, odd = {0};
    for (unsigned half = 0; half < 2; half++) {
        lanes_t sum = {0};
        for (unsigned i = 0; i < 4; i++) {
            lanes_t columns[4];
            split(block[2 + half * 4 + i], columns);
            for (unsigned k = 0; k < 4; k++)
                sum += columns[k] * spread(values[half * 16 + i * 4 + k]);
        }
        even += even_of(sum);
        odd += odd_of(sum);
    }
    float scale = rounded.scale * LARGER, least = rounded.sum * LARGER;
    tile->even += as_floats(even) * even_halves(block[0]) * scale + even_halves(block[1]) * least;
    tile->odd += as_floats(odd) * odd_halves(block[0]) * scale + odd_halves(block[1]) * least;
}

INLINE void add_bytes(tile_t *tile, const lanes_t *block, const int16_t (*values)[PRODUCT_LANES],
                      rounded_block_t rounded) {
    sums_t even = {0}, odd = {0};
    for (unsigned i = 0; i < PRODUCT_BLOCK / 2; i++) {
        lanes_t unit = block[2 + i];
        lanes_t sum = (lanes_t)(unit << 8 >> 8) * spread(values[2 * i]) + (unit >> 8) * spread(values[2 * i + 1]);
        even += even_of(sum);
        odd += odd_of(sum);
    }
    floats_t low = ((const floats_t *)block)[0], high = ((const floats_t *)block)[1];
    floats_t even_scales = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    floats_t odd_scales = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
    tile->even += as_floats(even) * even_scales * rounded.scale;
    tile->odd += as_floats(odd) * odd_scales * rounded.scale;
}

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
            floats_t even_steps = even_halves(block[0]), odd_steps = odd_halves(block[0]);
            floats_t even_least = even_halves(block[1]), odd_least = odd_halves(block[1]);
            for (uint32_t t = 0; t < count; t++) {
                const int16_t(*value)[PRODUCT_LANES] = values + (t * blocks + b) * PRODUCT_BLOCK;
                rounded_block_t of = rounded[t * blocks + b];
                lanes_t first = {0}, second = {0};
                for (unsigned k = 0; k < PRODUCT_BLOCK / 2; k++) {
                    first += columns[k] * spread(value[k]);
                    second += columns[k + PRODUCT_BLOCK / 2] * spread(value[k + PRODUCT_BLOCK / 2]);
                }
                float scale = of.scale * LARGER, least = of.sum * LARGER;
                sums[t].even += as_floats(even_of(first) + even_of(second)) * even_steps * scale + even_least * least;
                sums[t].odd += as_floats(odd_of(first) + odd_of(second)) * odd_steps * scale + odd_least * least;
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

void product_add(float *sums, const float *numbers, float factor, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        sums[i] += factor * numbers[i];
}

void product_widen(float *numbers, const uint16_t *halves, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = number_of_half(halves[i]);
}
