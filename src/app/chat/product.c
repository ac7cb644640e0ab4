/* product.c: see product.h. */
#include "product.h"

#include "kernels.h"
#include "memory/memory.h"
#include "numbers.h"

enum { TILES_AT_ONCE = 256, HEADER = PRODUCT_HEADER };

static size_t aligned(size_t size) {
    return (size + MODEL_ALIGNMENT - 1) / MODEL_ALIGNMENT * MODEL_ALIGNMENT;
}

static size_t values_bytes(uint32_t columns) {
    return aligned((size_t)PRODUCT_BATCH * columns * sizeof(int16_t));
}

static size_t blocks_bytes(uint32_t columns) {
    return aligned((size_t)PRODUCT_BATCH * (columns / PRODUCT_BLOCK + 1) * sizeof(rounded_block_t));
}

size_t product_room_bytes(uint32_t columns) {
    return values_bytes(columns) + blocks_bytes(columns) + aligned(columns * sizeof(float)) +
           aligned(PRODUCT_BATCH * sizeof(rounded_t));
}

product_room_t product_room(void *memory, uint32_t columns) {
    uint8_t *values = memory, *blocks = values + values_bytes(columns), *row = blocks + blocks_bytes(columns);
    return (product_room_t){
        .values = (void *)values,
        .blocks = (void *)blocks,
        .row = (void *)row,
        .vectors = (void *)(row + aligned(columns * sizeof(float))),
    };
}

/* A block's columns, in the order of the file's, as floats of 16 rows each: one vector's work at a time. */
static void half_bytes_columns(const uint8_t *block, const float *worth, float columns[PRODUCT_BLOCK][PRODUCT_ROWS]) {
    int16_t scales[PRODUCT_ROWS][2];
    uint16_t unit[PRODUCT_ROWS][2];
    memcpy(scales, block, sizeof scales);
    for (unsigned k = 0; k < PRODUCT_BLOCK; k++) {
        memcpy(unit, block + HEADER + k / 8 * sizeof unit, sizeof unit);
        for (unsigned row = 0; row < PRODUCT_ROWS; row++) {
            int32_t half_byte = (unit[row][k % 2] >> k / 2 % 4 * 4 & 15) - 8;
            columns[k][row] = worth[row] * (float)(scales[row][0] * half_byte + scales[row][1] * 8);
        }
    }
}

static void bytes_columns(const uint8_t *block, const float *worth, float columns[PRODUCT_BLOCK][PRODUCT_ROWS]) {
    int32_t scales[PRODUCT_ROWS];
    uint16_t unit[PRODUCT_ROWS][2];
    memcpy(scales, block, sizeof scales);
    for (unsigned k = 0; k < PRODUCT_BLOCK; k++) {
        memcpy(unit, block + HEADER + k / 4 * sizeof unit, sizeof unit);
        for (unsigned row = 0; row < PRODUCT_ROWS; row++)
            columns[k][row] = worth[row] * (float)scales[row] * (float)(int8_t)(unit[row][k % 2] >> k / 2 % 2 * 8);
    }
}

static size_t block_size(const matrix_t *matrix) {
    return matrix->type == MATRIX_Q8 ? PRODUCT_BYTES : PRODUCT_HALF_BYTES;
}

static const uint8_t *tile_of(const matrix_t *matrix, uint32_t tile) {
    return (const uint8_t *)matrix->data + tile * (HEADER + matrix->columns / PRODUCT_BLOCK * block_size(matrix));
}

static void expand(const matrix_t *matrix, const uint8_t *tile, uint32_t block,
                   float columns[PRODUCT_BLOCK][PRODUCT_ROWS]) {
    (matrix->type == MATRIX_Q4 ? half_bytes_columns : bytes_columns)(tile + HEADER + block * block_size(matrix),
                                                                     (const float *)tile, columns);
}

void product_row(const matrix_t *matrix, uint32_t row, float *numbers) {
    uint32_t columns = matrix->columns;
    if (matrix->type == MATRIX_F32) {
        memcpy(numbers, (const float *)matrix->data + (size_t)row * columns, columns * sizeof(float));
    } else if (matrix->type == MATRIX_F16) {
        product_widen(numbers, (const uint16_t *)matrix->data + (size_t)row * columns, columns);
    } else {
        float tile[PRODUCT_BLOCK][PRODUCT_ROWS];
        for (uint32_t at = 0; at < columns; at += PRODUCT_BLOCK) {
            expand(matrix, tile_of(matrix, row / PRODUCT_ROWS), at / PRODUCT_BLOCK, tile);
            for (uint32_t k = 0; k < PRODUCT_BLOCK; k++)
                numbers[at + product_column(k)] = tile[k][row % PRODUCT_ROWS];
        }
    }
}

/* The sums of a tile's rows, column by column, for each vector. */
static void exact_tile(const matrix_t *matrix, const uint8_t *tile, const float *vectors, uint32_t count,
                       float sums[PRODUCT_BATCH][PRODUCT_ROWS]) {
    float columns[PRODUCT_BLOCK][PRODUCT_ROWS];
    memset(sums, 0, count * sizeof *sums);
    for (uint32_t at = 0; at < matrix->columns; at += PRODUCT_BLOCK) {
        expand(matrix, tile, at / PRODUCT_BLOCK, columns);
        for (uint32_t t = 0; t < count; t++) {
            const float *vector = vectors + (size_t)t * matrix->columns + at;
            float added[PRODUCT_ROWS] = {0}; /* of its own, so that it can stay in registers */
            for (uint32_t k = 0; k < PRODUCT_BLOCK; k++)
                product_add(added, columns[k], vector[product_column(k)], PRODUCT_ROWS);
            product_add(sums[t], added, 1, PRODUCT_ROWS);
        }
    }
}

static void plain(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                  float *row_room) {
    for (uint32_t row = 0; row < matrix->rows; row++) {
        const float *numbers = (const float *)matrix->data + (size_t)row * matrix->columns;
        if (matrix->type == MATRIX_F16)
            product_row(matrix, row, row_room), numbers = row_room;
        for (uint32_t t = 0; t < count; t++)
            product_floats(results + t * stride + row, numbers, vectors + (size_t)t * matrix->columns, matrix->columns);
    }
}

void product_exact(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                   const product_room_t *room) {
    float sums[PRODUCT_BATCH][PRODUCT_ROWS];
    if (matrix->type == MATRIX_F32 || matrix->type == MATRIX_F16) {
        plain(results, stride, matrix, vectors, count, room->row);
        return;
    }
    for (uint32_t row = 0; row < matrix->rows; row += PRODUCT_ROWS) {
        exact_tile(matrix, tile_of(matrix, row / PRODUCT_ROWS), vectors, count, sums);
        for (uint32_t t = 0; t < count; t++)
            memcpy(results + t * stride + row, sums[t], sizeof sums[t]);
    }
}

/*
 * One vector, some tiles at a time: a large matrix is then as many calls as several small ones, and its code is found
 * hot and tried as soon.
 */
static void one_vector(float *results, const matrix_t *matrix, uint32_t tiles, const product_room_t *room) {
    for (uint32_t tile = 0, part; tile < tiles; tile += part, results += part * PRODUCT_ROWS) {
        part = tiles - tile < TILES_AT_ONCE ? tiles - tile : TILES_AT_ONCE;
        (matrix->type == MATRIX_Q4 ? product_half_bytes : product_bytes)(
            results, tile_of(matrix, tile), part, matrix->columns / PRODUCT_BLOCK, room->vectors);
    }
}

void product_fast(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                  const product_room_t *room) {
    uint32_t tiles = (matrix->rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS, blocks = matrix->columns / PRODUCT_BLOCK;
    if ((matrix->type == MATRIX_Q4 || matrix->type == MATRIX_Q8) && count == 1)
        one_vector(results, matrix, tiles, room);
    else if (matrix->type == MATRIX_Q4)
        product_half_bytes_batch(results, stride, matrix->data, tiles, blocks, room->vectors, count);
    else if (matrix->type == MATRIX_Q8)
        product_bytes_batch(results, stride, matrix->data, tiles, blocks, room->vectors, count);
    else
        plain(results, stride, matrix, vectors, count, room->row);
}
