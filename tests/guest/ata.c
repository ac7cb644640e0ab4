/* DMA and programmed I/O read and write the same blocks, whatever the buffer's alignment and the length. */
#include "check.h"

#include "io/ata.h"

enum { COUNT = 700, ROOM = COUNT * BLOCK_SIZE };

static const size_t ALIGNMENTS[] = {0, 2, 1, 510}; /* an odd one rules DMA out */
static const uint32_t LENGTHS[] = {1, 2, 129, 256, 257, COUNT};

static void fill(uint8_t *bytes, uint32_t seed) {
    for (size_t i = 0; i < ROOM; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

/* What one way writes, the other way reads. */
static int write_and_read(block_device_t *disk, uint32_t first, bool write_by_dma, uint8_t *out, uint8_t *in) {
    for (size_t i = 0; i < sizeof ALIGNMENTS / sizeof ALIGNMENTS[0]; i++) {
        for (size_t j = 0; j < sizeof LENGTHS / sizeof LENGTHS[0]; j++) {
            size_t bytes = LENGTHS[j] * BLOCK_SIZE;
            fill(out, (uint32_t)(i * 100 + j + write_by_dma));
            memset(in, 0, ROOM);
            ata_allow_dma(write_by_dma);
            CHECK(disk->write(disk, first, LENGTHS[j], out + ALIGNMENTS[i]) == BLOCK_OK);
            ata_allow_dma(!write_by_dma);
            CHECK(disk->read(disk, first, LENGTHS[j], in + ALIGNMENTS[i]) == BLOCK_OK);
            CHECK(memcmp(in + ALIGNMENTS[i], out + ALIGNMENTS[i], bytes) == 0);
            CHECK(in[ALIGNMENTS[i] + bytes] == 0);
        }
    }
    return 0;
}

static int check_refusals(block_device_t *disk, uint32_t size, uint8_t *buffer) {
    CHECK(disk->read(disk, size, 1, buffer) == BLOCK_OUT_OF_RANGE);
    CHECK(disk->read(disk, size - 1, 2, buffer) == BLOCK_OUT_OF_RANGE);
    CHECK(disk->write(disk, UINT32_MAX, 1, buffer) == BLOCK_OUT_OF_RANGE);
    CHECK(disk->read(disk, size, 0, buffer) == BLOCK_OK);
    CHECK(disk->read(disk, size - 1, 1, buffer) == BLOCK_OK);
    return 0;
}

int app_main(void) {
    block_device_t *disk;
    CHECK(ata_open(&disk) == BLOCK_OK);
    CHECK(ata_uses_dma());
    uint32_t size = disk->size(disk);
    CHECK(size > COUNT);
    uint32_t first = size - COUNT;
    uint8_t *before = malloc(ROOM);
    uint8_t *out = malloc(ROOM + BLOCK_SIZE);
    uint8_t *in = malloc(ROOM + BLOCK_SIZE);
    CHECK(before && out && in && disk->read(disk, first, COUNT, before) == BLOCK_OK);
    int status = write_and_read(disk, first, true, out, in) || write_and_read(disk, first, false, out, in) ||
                 check_refusals(disk, size, in);
    ata_allow_dma(true);
    CHECK(disk->write(disk, first, COUNT, before) == BLOCK_OK && disk->flush(disk) == BLOCK_OK);
    CHECK(ata_uses_dma()); /* no transfer had to fall back */
    return status;
}
