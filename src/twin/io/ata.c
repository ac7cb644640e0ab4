/* ata.c: ata.h on Linux: the disk is the image of the command line, mapped as memory. */
#include "io/ata.h"
#include "linux.h"
#include "memory/memory.h"

#include <stddef.h>

enum { READ_WRITE = 2, READ_ONLY = 0, FROM_END = 2, SYNCHRONOUS = 4 };

bool ata_stands_still; /* the disk is memory: it takes no time of its own */

static struct {
    uint8_t *bytes;
    uint32_t blocks;
    uint32_t read;
} image;

static uint32_t size(block_device_t *device) {
    (void)device;
    return image.blocks;
}

static block_result_t read(block_device_t *device, uint32_t first, uint32_t count, void *buffer) {
    if (!block_in_range(device, first, count))
        return BLOCK_OUT_OF_RANGE;
    memcpy(buffer, image.bytes + first * BLOCK_SIZE, count * BLOCK_SIZE);
    image.read += count;
    return BLOCK_OK;
}

static block_result_t write(block_device_t *device, uint32_t first, uint32_t count, const void *buffer) {
    if (!block_in_range(device, first, count))
        return BLOCK_OUT_OF_RANGE;
    memcpy(image.bytes + first * BLOCK_SIZE, buffer, count * BLOCK_SIZE);
    return BLOCK_OK;
}

static block_result_t flush(block_device_t *device) {
    (void)device;
    bool done = !words.is_kept || system_call(CALL_MSYNC, (uint32_t)(uintptr_t)image.bytes, image.blocks * BLOCK_SIZE,
                                              SYNCHRONOUS, 0, 0, 0) == 0;
    return done ? BLOCK_OK : BLOCK_FAULT;
}

block_result_t ata_open(block_device_t **device) {
    static block_device_t disk = {.size = size, .read = read, .write = write, .flush = flush};
    uint64_t bytes = 0;
    *device = &disk;
    int32_t file =
        system_call(CALL_OPEN, (uint32_t)(uintptr_t)words.image, words.is_kept ? READ_WRITE : READ_ONLY, 0, 0, 0, 0);
    if (file < 0 || system_call(CALL_LSEEK64, (uint32_t)file, 0, 0, (uint32_t)(uintptr_t)&bytes, FROM_END, 0) != 0 ||
        bytes < BLOCK_SIZE || bytes > UINT32_MAX)
        return BLOCK_ABSENT;
    int32_t at =
        map(0, (uint32_t)bytes, MAP_CAN_READ | MAP_CAN_WRITE, words.is_kept ? MAP_SHARED : MAP_PRIVATE, file, 0);
    if (is_error(at))
        return BLOCK_ABSENT;
    image.bytes = (uint8_t *)(uintptr_t)(uint32_t)at;
    image.blocks = (uint32_t)bytes / BLOCK_SIZE;
    return BLOCK_OK;
}

uint32_t ata_sectors_read(void) {
    return image.read;
}

bool ata_uses_dma(void) {
    return false;
}

void ata_allow_dma(bool allowed) {
    (void)allowed;
}
