/*
 * ram_disk.h: an image file in memory as a block device that can lose its power.
 *
 * The twin of the ATA disk for programs on the host. It has a write cache like a real disk: when the power goes, any
 * part of what was written since the last flush may be lost.
 */
#ifndef BF_RAM_DISK_H
#define BF_RAM_DISK_H

#include "io/block.h"

#include <stddef.h>
#include <stdint.h>

enum { RAM_DISK_CACHE = 65536 }; /* blocks written between two flushes, at most */

typedef struct {
    uint32_t block;
    uint8_t before[BLOCK_SIZE];
} ram_disk_write_t;

typedef struct {
    block_device_t device;
    uint8_t *bytes;
    uint32_t blocks;
    uint64_t writes;       /* blocks written so far */
    uint64_t power_until;  /* the power goes instead of write number power_until */
    uint64_t out_of_range; /* requests that were refused: a correct file system makes none */
    ram_disk_write_t *cache;
    size_t cached;
} ram_disk_t;

/* Both end the program with a message when the file cannot be read or written. */
void ram_disk_load(ram_disk_t *disk, const char *path);
void ram_disk_save(const ram_disk_t *disk, const char *path);

void ram_disk_free(ram_disk_t *disk);

/* True when the power went. */
bool ram_disk_is_dead(const ram_disk_t *disk);

/* Takes back a random part of what was not flushed, and gives the power back. */
void ram_disk_restart(ram_disk_t *disk, uint64_t *seed);

#endif
