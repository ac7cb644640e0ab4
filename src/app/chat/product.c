/* product.c: see product.h. */
#include "product.h"

#include "kernels.h"
#include "memory/memory.h"
#include "numbers.h"

enum { BYTES_SIZE = 576, HALF_BYTES_SIZE = 320, HEADER = 64 };

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
    return values_bytes(columns) + blocks_bytes(columns) + aligned((size_t)PRODUCT_ROWS * columns * sizeof(float));
}

product_room_t product_room(void *memory, uint32_t columns) {
    uint8_t *start = memory;
    return (product_room_t){
        .values = (void *)start,
        .blocks = (void *)(start + values_bytes(columns)),
        .row = (void *)(start + values_bytes(columns) + blocks_bytes(columns)),
    };
}

static float half_at(const uint8_t *data, uint32_t index) {
    uint16_t half;
    memcpy(&half, data + 2 * index, sizeof half);
    return number_of_half(half);
}

static void half_bytes_block(const uint8_t *block, uint32_t row, float *numbers) {
    float step = half_at(block, row), least = half_at(block + 32, row);
    for (unsigned i = 0; i < PRODUCT_BLOCK; i++) {
        unsigned low = i % 16; /* columns i and i + 16 are the halves of one byte */
        uint8_t both = block[HEADER + low / 2 * 32 + row * 2 + low % 2];
        numbers[i] = step * (float)(i < 16 ? both & 15 : both >> 4) + least;
    }
}

static void bytes_block(const uint8_t *block, uint32_t row, float *numbers) {
    float scale;
    memcpy(&scale, block + 4 * row, sizeof scale);
    for (unsigned i = 0; i < PRODUCT_BLOCK; i++)
        numbers[i] = scale * (float)(int8_t)block[HEADER + i % 16 * 32 + row * 2 + i / 16];
}

void product_row(const matrix_t *matrix, uint32_t row, float *numbers) {
    uint32_t columns = matrix->columns, blocks = columns / PRODUCT_BLOCK;
    const uint8_t *data = matrix->data;
    if (matrix->type == MATRIX_F32) {
        memcpy(numbers, data + (size_t)row * columns * sizeof(float), columns * sizeof(float));
    } else if (matrix->type == MATRIX_F16) {
        product_widen(numbers, (const uint16_t *)matrix->data + (size_t)row * columns, columns);
    } else {
        uint32_t size = matrix->type == MATRIX_Q8 ? BYTES_SIZE : HALF_BYTES_SIZE;
        const uint8_t *block = data + (size_t)(row / PRODUCT_ROWS) * blocks * size;
        for (uint32_t b = 0; b < blocks; b++, block += size, numbers += PRODUCT_BLOCK)
            (matrix->type == MATRIX_Q8 ? bytes_block : half_bytes_block)(block, row % PRODUCT_ROWS, numbers);
    }
}

void product_exact(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                   product_room_t *room) {
    for (uint32_t row = 0; row < matrix->rows; row++) {
        product_row(matrix, row, room->row);
        for (uint32_t t = 0; t < count; t++)
            product_floats(results + t * stride + row, room->row, vectors + (size_t)t * matrix->columns,
                           matrix->columns);
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

static rounded_block_t round_block(const float *numbers, int16_t (*values)[PRODUCT_LANES]) {
    float most = largest(numbers), scale = most / 127, inverse = most > 0 ? 127 / most : 0;
    int32_t sum = 0;
    for (unsigned i = 0; i < PRODUCT_BLOCK; i++) {
        float scaled = numbers[i / 2 + i % 2 * 16] * inverse; /* columns i / 2 and i / 2 + 16 are neighbours */
        int16_t value = (int16_t)(int32_t)(scaled + (scaled < 0 ? -0.5F : 0.5F));
        for (unsigned lane = 0; lane < PRODUCT_LANES; lane++)
            values[i][lane] = value;
        sum += value;
    }
    return (rounded_block_t){scale, scale * (float)sum};
}

void product_round(const float *vectors, uint32_t columns, uint32_t count, product_room_t *room) {
    if (columns % PRODUCT_BLOCK)
        return; /* no matrix of such columns is in tiles */
    for (uint32_t i = 0; i < count * (columns / PRODUCT_BLOCK); i++)
        room->blocks[i] = round_block(vectors + (size_t)i * PRODUCT_BLOCK, room->values + (size_t)i * PRODUCT_BLOCK);
}

static void product_plain(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                          float *row_room) {
    for (uint32_t row = 0; row < matrix->rows; row++) {
        const float *numbers = (const float *)matrix->data + (size_t)row * matrix->columns;
        if (matrix->type == MATRIX_F16)
            product_row(matrix, row, row_room), numbers = row_room;
        for (uint32_t t = 0; t < count; t++)
            product_floats(results + t * stride + row, numbers, vectors + (size_t)t * matrix->columns, matrix->columns);
    }
}

void product_fast(float *results, uint32_t stride, const matrix_t *matrix, const float *vectors, uint32_t count,
                  const product_room_t *room) {
    uint32_t tiles = (matrix->rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS, blocks = matrix->columns / PRODUCT_BLOCK;
    const int16_t(*values)[PRODUCT_LANES] = (const int16_t(*)[PRODUCT_LANES])room->values;
    if (matrix->type == MATRIX_Q4 && count == 1)
        product_half_bytes(results, matrix->data, tiles, blocks, values, room->blocks);
    else if (matrix->type == MATRIX_Q4)
        product_half_bytes_batch(results, stride, matrix->data, tiles, blocks, values, room->blocks, count);
    else if (matrix->type == MATRIX_Q8 && count == 1)
        product_bytes(results, matrix->data, tiles, blocks, values, room->blocks);
    else if (matrix->type == MATRIX_Q8)
        product_bytes_batch(results, stride, matrix->data, tiles, blocks, values, room->blocks, count);
    else
        product_plain(results, stride, matrix, vectors, count, room->row);
}
