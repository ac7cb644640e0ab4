/* product.c: see product.h. */
#include "product.h"

#include "kernels.h"
#include "memory/memory.h"
#include "numbers.h"

enum { BYTES_SIZE = 576, HALF_BYTES_SIZE = 320, HEADER = 64, TILES_AT_ONCE = 256 };

static size_t aligned(size_t size) {
    return (size + MODEL_ALIGNMENT - 1) / MODEL_ALIGNMENT * MODEL_ALIGNMENT;
}

static size_t values_bytes(uint32_t columns) {
    return aligned((size_t)PRODUCT_BATCH * columns * sizeof(int16_t[PRODUCT_LANES]));
}

static size_t blocks_bytes(uint32_t columns) {
    return aligned((size_t)PRODUCT_BATCH * (columns / PRODUCT_BLOCK + 1) * sizeof(rounded_block_t));
}

size_t product_room_bytes(uint32_t columns) {
    return values_bytes(columns) + blocks_bytes(columns) + aligned(columns * sizeof(float));
}

product_room_t product_room(void *memory, uint32_t columns) {
    uint8_t *start = memory;
    return (product_room_t){
        .values = (void *)start,
        .blocks = (void *)(start + values_bytes(columns)),
        .row = (void *)(start + values_bytes(columns) + blocks_bytes(columns)),
    };
}

/* A block's columns, in the order of the file's, as floats of 16 rows each: one vector's work at a time. */
static void half_bytes_columns(const uint8_t *block, float columns[PRODUCT_BLOCK][PRODUCT_ROWS]) {
    uint16_t steps[PRODUCT_ROWS], least[PRODUCT_ROWS], unit[PRODUCT_ROWS];
    memcpy(steps, block, sizeof steps);
    memcpy(least, block + sizeof steps, sizeof least);
    for (unsigned k = 0; k < PRODUCT_BLOCK; k++) {
        memcpy(unit, block + HEADER + k / 4 * sizeof unit, sizeof unit);
        for (unsigned row = 0; row < PRODUCT_ROWS; row++)
            columns[k][row] =
                number_of_half(steps[row]) * (float)((unit[row] >> k % 4 * 4 & 15) ^ 8) + number_of_half(least[row]);
    }
}

static void bytes_columns(const uint8_t *block, float columns[PRODUCT_BLOCK][PRODUCT_ROWS]) {
    float scales[PRODUCT_ROWS];
    uint16_t unit[PRODUCT_ROWS];
    memcpy(scales, block, sizeof scales);
    for (unsigned k = 0; k < PRODUCT_BLOCK; k++) {
        memcpy(unit, block + HEADER + k / 2 * sizeof unit, sizeof unit);
        for (unsigned row = 0; row < PRODUCT_ROWS; row++)
            columns[k][row] = scales[row] * (float)(int8_t)(unit[row] >> k % 2 * 8);
    }
}

/* Which column of a block comes as the one numbered k. */
static uint32_t column_of(uint32_t k) {
    return k / 2 + k % 2 * (PRODUCT_BLOCK / 2);
}

static const uint8_t *tile_of(const matrix_t *matrix, uint32_t tile) {
    size_t size = matrix->type == MATRIX_Q8 ? BYTES_SIZE : HALF_BYTES_SIZE;
    return (const uint8_t *)matrix->data + tile * (matrix->columns / PRODUCT_BLOCK) * size;
}

static const uint8_t *expand(const matrix_t *matrix, const uint8_t *block, float columns[PRODUCT_BLOCK][PRODUCT_ROWS]) {
    if (matrix->type == MATRIX_Q4) {
        half_bytes_columns(block, columns);
        return block + HALF_BYTES_SIZE;
    }
    bytes_columns(block, columns);
    return block + BYTES_SIZE;
}

void product_row(const matrix_t *matrix, uint32_t row, float *numbers) {
    uint32_t columns = matrix->columns;
    if (matrix->type == MATRIX_F32) {
        memcpy(numbers, (const float *)matrix->data + (size_t)row * columns, columns * sizeof(float));
    } else if (matrix->type == MATRIX_F16) {
        product_widen(numbers, (const uint16_t *)matrix->data + (size_t)row * columns, columns);
    } else {
        float tile[PRODUCT_BLOCK][PRODUCT_ROWS];
        const uint8_t *block = tile_of(matrix, row / PRODUCT_ROWS);
        for (uint32_t at = 0; at < columns; at += PRODUCT_BLOCK) {
            block = expand(matrix, block, tile);
            for (uint32_t k = 0; k < PRODUCT_BLOCK; k++)
                numbers[at + column_of(k)] = tile[k][row % PRODUCT_ROWS];
        }
    }
}

/* The sums of a tile's rows, column by column, for each vector. */
static void exact_tile(const matrix_t *matrix, const uint8_t *block, const float *vectors, uint32_t count,
                       float sums[PRODUCT_BATCH][PRODUCT_ROWS]) {
    float columns[PRODUCT_BLOCK][PRODUCT_ROWS];
    memset(sums, 0, count * sizeof *sums);
    for (uint32_t at = 0; at < matrix->columns; at += PRODUCT_BLOCK) {
        block = expand(matrix, block, columns);
        for (uint32_t t = 0; t < count; t++) {
            const float *vector = vectors + (size_t)t * matrix->columns + at;
            float added[PRODUCT_ROWS] = {0}; /* of its own, so that it can stay in registers */
            for (uint32_t k = 0; k < PRODUCT_BLOCK; k++)
                product_add(added, columns[k], vector[column_of(k)], PRODUCT_ROWS);
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

static float largest(const float *numbers) {
    float most = 0;
    for (unsigned i = 0; i < PRODUCT_BLOCK; i++) {
        float size = __builtin_fabsf(numbers[i]);
        most = size > most ? size : most;
    }
    return most;
}

static rounded_block_t round_block(const float *numbers, float levels, int16_t (*values)[PRODUCT_LANES]) {
    float most = largest(numbers), inverse = most > 0 ? levels / most : 0, scale = most / levels;
    int32_t sum = 0;
    for (unsigned i = 0; i < PRODUCT_BLOCK; i++) {
        float scaled = numbers[i / 2 + i % 2 * 16] * inverse;         /* columns i / 2 and i / 2 + 16 are neighbours */
        bool is_number = scaled > -levels - 1 && scaled < levels + 1; /* not so where a hostile model led to none */
        int16_t value = (int16_t)(int32_t)(is_number ? scaled + (scaled < 0 ? -0.5F : 0.5F) : 0);
        for (unsigned lane = 0; lane < PRODUCT_LANES; lane++)
            values[i][lane] = value;
        sum += value;
    }
    return (rounded_block_t){scale, scale * (float)sum, 8 * sum};
}

void product_round(const float *vectors, uint32_t columns, uint32_t count, bool is_fine, product_room_t *room) {
    if (columns % PRODUCT_BLOCK)
        return; /* no matrix of such columns is in tiles */
    for (uint32_t i = 0; i < count * (columns / PRODUCT_BLOCK); i++)
        room->blocks[i] = round_block(vectors + (size_t)i * PRODUCT_BLOCK, is_fine ? 511 : 127,
                                      room->values + (size_t)i * PRODUCT_BLOCK);
}

/*
 * One vector, some tiles at a time: a large matrix is then as many calls as several small ones, and its code is found
 * hot and tried as soon.
 */
static void one_vector(float *results, const matrix_t *matrix, uint32_t tiles, const product_room_t *room) {
    const int16_t(*values)[PRODUCT_LANES] = (const int16_t(*)[PRODUCT_LANES])room->values;
    for (uint32_t tile = 0, part; tile < tiles; tile += part, results += part * PRODUCT_ROWS) {
        part = tiles - tile < TILES_AT_ONCE ? tiles - tile : TILES_AT_ONCE;
        (matrix->type == MATRIX_Q4 ? product_half_bytes : product_bytes)(
            results, tile_of(matrix, tile), part, matrix->columns / PRODUCT_BLOCK, values, room->blocks);
    }
}

void product_fast(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                  const product_room_t *room) {
    uint32_t tiles = (matrix->rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS, blocks = matrix->columns / PRODUCT_BLOCK;
    const int16_t(*values)[PRODUCT_LANES] = (const int16_t(*)[PRODUCT_LANES])room->values;
    if ((matrix->type == MATRIX_Q4 || matrix->type == MATRIX_Q8) && count == 1)
        one_vector(results, matrix, tiles, room);
    else if (matrix->type == MATRIX_Q4)
        product_half_bytes_batch(results, stride, matrix->data, tiles, blocks, values, room->blocks, count);
    else if (matrix->type == MATRIX_Q8)
        product_bytes_batch(results, stride, matrix->data, tiles, blocks, values, room->blocks, count);
    else
        plain(results, stride, matrix, vectors, count, room->row);
}
