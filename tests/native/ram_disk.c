/* ram_disk.c: see ram_disk.h. */
#include "ram_disk.h"

#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void give_up(const char *path) {
    perror(path);
    exit(EXIT_FAILURE);
}

static ram_disk_t *of(block_device_t *device) {
    return device->state;
}

static uint32_t disk_size(block_device_t *device) {
    return of(device)->blocks;
}

static block_result_t check(ram_disk_t *disk, uint32_t first, uint32_t count) {
    if (!block_in_range(&disk->device, first, count)) {
        disk->out_of_range++;
        return BLOCK_OUT_OF_RANGE;
    }
    return ram_disk_is_dead(disk) ? BLOCK_FAULT : BLOCK_OK;
}

static block_result_t disk_read(block_device_t *device, uint32_t first, uint32_t count, void *buffer) {
    ram_disk_t *disk = of(device);
    block_result_t result = check(disk, first, count);
    if (!result) {
        memcpy(buffer, disk->bytes + (size_t)first * BLOCK_SIZE, (size_t)count * BLOCK_SIZE);
    }
    return result;
}

static block_result_t disk_write(block_device_t *device, uint32_t first, uint32_t count, const void *buffer) {
    ram_disk_t *disk = of(device);
    block_result_t result = check(disk, first, count);
    for (uint32_t i = 0; !result && i < count; i++) {
        if (disk->writes == disk->power_until || disk->cached == RAM_DISK_CACHE) {
            disk->power_until = disk->writes;
            return BLOCK_FAULT;
        }
        ram_disk_write_t *entry = &disk->cache[disk->cached++];
        uint8_t *place = disk->bytes + (size_t)(first + i) * BLOCK_SIZE;
        entry->block = first + i;
        memcpy(entry->before, place, BLOCK_SIZE);
        memcpy(place, (const uint8_t *)buffer + (size_t)i * BLOCK_SIZE, BLOCK_SIZE);
        disk->writes++;
    }
    return result;
}

static block_result_t disk_flush(block_device_t *device) {
    ram_disk_t *disk = of(device);
    if (ram_disk_is_dead(disk)) {
        return BLOCK_FAULT;
    }
    disk->cached = 0;
    return BLOCK_OK;
}

void ram_disk_load(ram_disk_t *disk, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        give_up(path);
    }
    long size = ftell(file);
    rewind(file);
    *disk = (ram_disk_t){.blocks = (uint32_t)(size / BLOCK_SIZE), .power_until = UINT64_MAX};
    disk->device = (block_device_t){disk_size, disk_read, disk_write, disk_flush, disk};
    disk->bytes = malloc((size_t)disk->blocks * BLOCK_SIZE);
    disk->cache = malloc(sizeof(*disk->cache) * RAM_DISK_CACHE);
    if (!disk->bytes || !disk->cache || fread(disk->bytes, BLOCK_SIZE, disk->blocks, file) != disk->blocks) {
        give_up(path);
    }
    fclose(file);
}

void ram_disk_save(const ram_disk_t *disk, const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(disk->bytes, BLOCK_SIZE, disk->blocks, file) != disk->blocks || fclose(file)) {
        give_up(path);
    }
}

void ram_disk_free(ram_disk_t *disk) {
    free(disk->bytes);
    free(disk->cache);
}

bool ram_disk_is_dead(const ram_disk_t *disk) {
    return disk->writes >= disk->power_until;
}

/* The writes that the disk kept of one block are always its oldest ones: walk back and stop at the first that stays. */
void ram_disk_restart(ram_disk_t *disk, uint64_t *seed) {
    uint8_t *kept = calloc(disk->blocks, 1);
    for (size_t i = disk->cached; kept && i-- > 0;) {
        const ram_disk_write_t *entry = &disk->cache[i];
        if (!kept[entry->block] && random_next(seed) % 2) {
            memcpy(disk->bytes + (size_t)entry->block * BLOCK_SIZE, entry->before, BLOCK_SIZE);
        } else {
            kept[entry->block] = 1;
        }
    }
    free(kept);
    disk->cached = 0;
    disk->power_until = UINT64_MAX;
}
