/*
 * block.h: a block device as four functions, so that a disk, a file or a piece of memory can stand behind a file
 * system.
 *
 * A block is BLOCK_SIZE bytes. Results, for every function:
 *   BLOCK_OK            all of it happened
 *   BLOCK_OUT_OF_RANGE  the blocks are not all on the device; nothing happened
 *   BLOCK_TIMEOUT       the device did not answer within its bound
 *   BLOCK_FAULT         the device answered with an error
 *   BLOCK_ABSENT        there is no such device
 * After BLOCK_TIMEOUT and BLOCK_FAULT any part of a transfer may have happened, but only whole blocks of it.
 */
#ifndef BF_BLOCK_H
#define BF_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { BLOCK_SIZE = 512 };

typedef enum { BLOCK_OK, BLOCK_OUT_OF_RANGE, BLOCK_TIMEOUT, BLOCK_FAULT, BLOCK_ABSENT } block_result_t;

typedef struct block_device block_device_t;

struct block_device {
    /* Blocks on the device. */
    uint32_t (*size)(block_device_t *device);

    /* Transfers `count` blocks, any number of them; the buffer holds them all. Zero blocks succeed. */
    block_result_t (*read)(block_device_t *device, uint32_t first, uint32_t count, void *buffer);
    block_result_t (*write)(block_device_t *device, uint32_t first, uint32_t count, const void *buffer);

    /* Returns when everything written before is on stable storage; later writes cannot overtake it. */
    block_result_t (*flush)(block_device_t *device);

    void *state; /* the implementation's own */
};

static inline bool block_in_range(block_device_t *device, uint32_t first, uint32_t count) {
    uint32_t size = device->size(device);
    return first <= size && count <= size - first;
}

#endif
