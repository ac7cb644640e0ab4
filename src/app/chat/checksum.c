/* checksum.c: CRC-32, eight bytes at a time by eight tables ("slicing"), for files of hundreds of megabytes. */
#include "model.h"

enum { POLYNOMIAL = 0xEDB88320, SLICES = 8 };

static uint32_t tables[SLICES][256];

static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (POLYNOMIAL & -(crc & 1));
        tables[0][byte] = crc;
    }
    for (unsigned slice = 1; slice < SLICES; slice++)
        for (uint32_t byte = 0; byte < 256; byte++)
            tables[slice][byte] = tables[slice - 1][byte] >> 8 ^ tables[0][tables[slice - 1][byte] & 0xFF];
}

static uint32_t word(const uint8_t *data) {
    uint32_t value;
    __builtin_memcpy(&value, data, sizeof value);
    return value;
}

uint32_t model_checksum(uint32_t crc, const void *data, size_t size) {
    const uint8_t *bytes = data;
    if (tables[0][1] == 0)
        make_tables();
    crc = ~crc;
    for (; size >= SLICES; size -= SLICES, bytes += SLICES) {
        uint32_t low = word(bytes) ^ crc, high = word(bytes + 4);
        crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^
              tables[3][high & 0xFF] ^ tables[2][high >> 8 & 0xFF] ^ tables[1][high >> 16 & 0xFF] ^
              tables[0][high >> 24];
    }
    for (; size > 0; size--, bytes++)
        crc = crc >> 8 ^ tables[0][(crc ^ *bytes) & 0xFF];
    return ~crc;
}
