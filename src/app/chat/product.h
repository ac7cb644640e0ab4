/*
 * product.h: matrices times vectors: where a model spends its time.
 *
 * Vectors come several at once, as a prompt has several tokens: a matrix is then read once for all of them. The result
 * for vector t begins at results + t * stride; a stride is at least the matrix's rows, rounded up to PRODUCT_ROWS.
 *
 * There are two ways. The exact one takes the numbers for what they are: it is slow, and says what is right. The fast
 * one rounds the vectors, in blocks of 32 with a power of two each, and multiplies integers: of 10 bits with half
 * bytes, of 8 with bytes.
 */
#ifndef CHAT_PRODUCT_H
#define CHAT_PRODUCT_H

#include "model.h"

enum { PRODUCT_ROWS = 16, PRODUCT_BLOCK = 32, PRODUCT_BATCH = 32 };
enum { PRODUCT_HEADER = 64, PRODUCT_BYTES = 576, PRODUCT_HALF_BYTES = 320 }; /* of a tile, and a tile's blocks' sizes */

static inline uint32_t product_padded(uint32_t rows) {
    return (rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS * PRODUCT_ROWS;
}

/* How a block of 32 numbers was rounded. Its integers are worth 2^-shift of what the vector's scale says. */
typedef struct {
    uint32_t starts[2]; /* of both halves: -8 times the sum of the even ones, and of the odd ones, 16 bits each */
    uint32_t sum;       /* twice the sum of all, in the upper 16 bits */
    int32_t lost;       /* what products with bytes lose in all, by rounding down, on average */
    uint32_t shift;
} rounded_block_t;

typedef struct {
    const uint32_t *pairs; /* [columns / 2] the integers, two of 16 bits each, a block in the order of FORMAT.md */
    const rounded_block_t *blocks;
    float scale;
} rounded_t;

/* Which column of a block comes as the one numbered k: pairs are 2 apart, upper half bytes 16 behind lower ones. */
static inline uint32_t product_column(uint32_t k) {
    return k / 8 * 4 + k % 2 * 2 + k / 2 % 2 * 16 + k / 4 % 2;
}

/* Room for a batch of vectors, rounded. */
typedef struct {
    int16_t *values;         /* [PRODUCT_BATCH][columns] */
    rounded_block_t *blocks; /* [PRODUCT_BATCH][columns / 32] */
    float *row;              /* [columns] of half-precision numbers, as floats */
    rounded_t *vectors;      /* [PRODUCT_BATCH] */
} product_room_t;

/* Bytes of the room for vectors of at most so many numbers; all is aligned if `memory` is to MODEL_ALIGNMENT. */
size_t product_room_bytes(uint32_t columns);
product_room_t product_room(void *memory, uint32_t columns);

/* results[t][row] = matrix[row] * vectors[t]; vectors lie one behind the other. At most PRODUCT_BATCH of them. */
void product_exact(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                   const product_room_t *room);

/*
 * The same, rounded; for products of the same vectors with several matrices they are rounded once, for half bytes if
 * any of these matrices is of such.
 */
void product_round(const float *vectors, uint32_t columns, uint32_t count, bool is_halved, product_room_t *room);
void product_fast(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                  const product_room_t *room);

/* A row of a matrix as floats. */
void product_row(const matrix_t *matrix, uint32_t row, float *numbers);

/*
 * Tiles of bytes that are made while they are used; columns are a multiple of PRODUCT_BLOCK. A row, of at most so many
 * numbers, is rounded with a scale for each block. A column is rounded as a whole, and what 1 of its bytes is worth is
 * handed to the caller, who puts it into the vector. A matrix takes either; what was not set yet is anything, so
 * vectors are 0 there, and results are not used.
 */
static inline size_t product_bytes_size(uint32_t rows, uint32_t columns) {
    return (rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS *
           (PRODUCT_HEADER + columns / PRODUCT_BLOCK * (size_t)PRODUCT_BYTES);
}

void product_bytes_row(void *tiles, uint32_t columns, uint32_t row, const float *numbers, uint32_t count);
void product_bytes_column(void *tiles, uint32_t columns, uint32_t column, const float *numbers, uint32_t count,
                          float *worth);

#endif
