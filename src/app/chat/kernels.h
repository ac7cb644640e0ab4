/* kernels.h: the innermost loops, in vectors of a tile's 16 rows, which the compiler fits to the processor. See
 * product.h. */
#ifndef CHAT_KERNELS_H
#define CHAT_KERNELS_H

#include "product.h"

/* One vector, or `count` of them, with tiles of half bytes or of bytes; `blocks` are those of a row. */
void product_half_bytes(float *results, const void *tiles, uint32_t tile_count, uint32_t blocks,
                        const rounded_t *vector);
void product_bytes(float *results, const void *tiles, uint32_t tile_count, uint32_t blocks, const rounded_t *vector);
void product_half_bytes_batch(float *results, uint32_t stride, const void *tiles, uint32_t tile_count, uint32_t blocks,
                              const rounded_t *vectors, uint32_t count);
void product_bytes_batch(float *results, uint32_t stride, const void *tiles, uint32_t tile_count, uint32_t blocks,
                         const rounded_t *vectors, uint32_t count);

/* results[0] = the sum of left[i] * right[i]. */
void product_floats(float *results, const float *left, const float *right, uint32_t count);

/* sums[i] += factor * numbers[i] */
static inline void product_add(float *sums, const float *numbers, float factor, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        sums[i] += factor * numbers[i];
}

/* A run of half-precision numbers, as floats. */
void product_widen(float *numbers, const uint16_t *halves, uint32_t count);

#endif
