/* rounding.c: how numbers become integers (product.h): vectors for a product, and bytes of a matrix that grows. */
#include "memory/memory.h"
#include "numbers.h"
#include "product.h"

enum { HALF_BYTES = 511, BYTES = 32767, BYTE = 127, SMALLEST = -126, SCALE_STEPS = 1 << 13, SCALE_SHIFT = 16 };

/* Of numbers' sizes, with what is no number in a hostile model taken for a large one. */
static float largest(const float *numbers, uint32_t count) {
    const uint32_t large = 0x7F000000;
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = number_bits(numbers[i]) & 0x7FFFFFFF; /* is ordered as the numbers are */
        most = size > most ? size : most;
    }
    return number_of_bits(most < large ? most : large);
}

/* The exponent of the least power of two that numbers must be divided by, to be at most `levels` after rounding. */
static int32_t exponent_of(const float *numbers, int32_t levels) {
    float bounded = largest(numbers, PRODUCT_BLOCK) / ((float)levels + 0.5F);
    return (int32_t)(number_bits(bounded) >> 23) + SMALLEST;
}

static float power_of_two(int32_t exponent) {
    int32_t biased = exponent + 127;
    return number_of_bits((uint32_t)(biased < 1 ? 1 : biased > 254 ? 254 : biased) << 23);
}

/* The nearest integers; what is none in a hostile model becomes any. */
static void round_numbers(const float *numbers, uint32_t count, float inverse, int32_t levels, int32_t *integers) {
    for (uint32_t i = 0; i < count; i++) {
        int32_t rounded = (int32_t)(number_bits(numbers[i] * inverse + 0x1.8p23F) - number_bits(0x1.8p23F));
        rounded = rounded > levels ? levels : rounded;
        integers[i] = rounded < -levels ? -levels : rounded;
    }
}

static rounded_block_t round_block(const float *numbers, float inverse, int32_t levels, int16_t *values) {
    int32_t integers[PRODUCT_BLOCK], sums[2][2] = {{0}};
    round_numbers(numbers, PRODUCT_BLOCK, inverse, levels, integers);
    for (unsigned k = 0; k < PRODUCT_BLOCK; k++) {
        values[k] = (int16_t)integers[product_column(k)];
        sums[k / 16][k % 2] += integers[product_column(k)];
    }
    int32_t others = 0;
    for (unsigned k = 0; k < PRODUCT_BLOCK; k++)
        others += values[k] != 0;
    rounded_block_t block = {.lost = 16 + others / 2,
                             .sum = (uint32_t)(sums[0][0] + sums[0][1] + sums[1][0] + sums[1][1]) << 17};
    for (unsigned half = 0; half < 2; half++)
        block.starts[half] = ((uint32_t)(-8 * sums[half][0]) & 0xFFFF) | (uint32_t)(-8 * sums[half][1]) << 16;
    block.starts[0] += 2; /* a half of the two bits that are lost at the end */
    return block;
}

/* Blocks add so many integers of 30 bits, so some bits are left away first. */
static int32_t spare_bits(uint32_t blocks) {
    return blocks > 1 ? 32 - __builtin_clz(blocks - 1) : 0;
}

static rounded_t round_vector(const float *numbers, uint32_t columns, int32_t levels, int16_t *values,
                              rounded_block_t *blocks) {
    uint32_t count = columns / PRODUCT_BLOCK;
    int32_t spare = spare_bits(count), most = SMALLEST;
    for (uint32_t b = 0; b < count; b++) {
        int32_t exponent = exponent_of(numbers + b * PRODUCT_BLOCK, levels);
        most = exponent > most ? exponent : most;
        blocks[b].shift = (uint32_t)(exponent - SMALLEST);
    }
    for (uint32_t b = 0; b < count; b++) {
        int32_t exponent = (int32_t)blocks[b].shift + SMALLEST, least = most + spare - 31;
        exponent = exponent > least ? exponent : least; /* which is nearly nothing beside the largest block's */
        blocks[b] =
            round_block(numbers + b * PRODUCT_BLOCK, power_of_two(-exponent), levels, values + b * PRODUCT_BLOCK);
        blocks[b].shift = (uint32_t)(spare + most - exponent);
    }
    return (rounded_t){(const uint32_t *)values, blocks, power_of_two(most + 2 + spare)};
}

void product_round(const float *vectors, uint32_t columns, uint32_t count, bool is_halved, product_room_t *room) {
    if (columns % PRODUCT_BLOCK)
        return; /* no matrix of such columns is in tiles */
    for (uint32_t t = 0; t < count; t++, vectors += columns)
        room->vectors[t] =
            round_vector(vectors, columns, is_halved ? HALF_BYTES : BYTES, room->values + (size_t)t * columns,
                         room->blocks + t * (columns / PRODUCT_BLOCK));
}

/* A row's part of a block: its scale, and where a column's byte lies. */
static uint8_t *part_of(void *tiles, uint32_t columns, uint32_t row, uint32_t block) {
    return (uint8_t *)tiles + product_bytes_size(row / PRODUCT_ROWS * PRODUCT_ROWS, columns) + PRODUCT_HEADER +
           block * PRODUCT_BYTES + row % PRODUCT_ROWS * sizeof(int32_t);
}

static void put(uint8_t *part, uint32_t column, int32_t value) {
    uint32_t unit = column / 4 % 4 * 2 + column % 2, place = column / 2 % 2 * 2 + column / 16;
    part[(1 + unit) * PRODUCT_ROWS * sizeof(int32_t) + place] = (uint8_t)value;
}

static void set_worth(void *tiles, uint32_t columns, uint32_t row, float worth) {
    uint8_t *tile = (uint8_t *)tiles + product_bytes_size(row / PRODUCT_ROWS * PRODUCT_ROWS, columns);
    memcpy(tile + row % PRODUCT_ROWS * sizeof worth, &worth, sizeof worth);
}

void product_bytes_row(void *tiles, uint32_t columns, uint32_t row, const float *numbers, uint32_t count) {
    int32_t integers[PRODUCT_BLOCK];
    float most = largest(numbers, count), step = most / (float)SCALE_STEPS;
    set_worth(tiles, columns, row, step / (float)(BYTE << SCALE_SHIFT));
    for (uint32_t at = 0; at < count; at += PRODUCT_BLOCK) {
        uint32_t here = count - at < PRODUCT_BLOCK ? count - at : PRODUCT_BLOCK;
        float steps = most > 0 ? largest(numbers + at, here) / most * (float)(SCALE_STEPS - 1) + 1 : 1;
        int32_t whole = (int32_t)steps, scale = whole << SCALE_SHIFT;
        round_numbers(numbers + at, here, most > 0 ? (float)BYTE / ((float)whole * step) : 0, BYTE, integers);
        uint8_t *part = part_of(tiles, columns, row, at / PRODUCT_BLOCK);
        memcpy(part, &scale, sizeof scale);
        for (uint32_t i = 0; i < here; i++)
            put(part, i, integers[i]);
    }
}

void product_bytes_column(void *tiles, uint32_t columns, uint32_t column, const float *numbers, uint32_t count,
                          float *worth) {
    const int32_t scale = SCALE_STEPS << SCALE_SHIFT;
    float most = largest(numbers, count), inverse = most > 0 ? (float)BYTE / most : 0;
    int32_t integer;
    *worth = most / (float)BYTE;
    for (uint32_t row = 0; row < count; row++) {
        uint8_t *part = part_of(tiles, columns, row, column / PRODUCT_BLOCK);
        if (column % PRODUCT_BLOCK == 0) {
            set_worth(tiles, columns, row, 1 / (float)scale);
            memcpy(part, &scale, sizeof scale);
        }
        round_numbers(numbers + row, 1, inverse, BYTE, &integer);
        put(part, column % PRODUCT_BLOCK, integer);
    }
}
