/*
 * fat16_table.c: the table of clusters.
 *
 * The whole table (at most 128 KiB) lives in memory: a chain is followed and a free cluster found without a disk
 * access. Changes reach all copies on the disk, sector by sector, when a caller says so.
 */
#include "fs/fat16.h"

bool fat16_is_cluster(const fs_volume_t *volume, uint32_t cluster) {
    return cluster >= FAT16_FIRST_CLUSTER && cluster < volume->cluster_limit;
}

fs_result_t fat16_next(const fs_volume_t *volume, uint16_t cluster, uint16_t *next) {
    *next = volume->table[cluster];
    if (*next >= FAT16_CHAIN_END_MIN) {
        *next = 0;
        return FS_OK;
    }
    return fat16_is_cluster(volume, *next) ? FS_OK : FS_CORRUPT;
}

void fat16_link(fs_volume_t *volume, uint16_t cluster, uint16_t next) {
    uint16_t old = volume->table[cluster];
    volume->free_clusters += (next == FAT16_FREE) - (old == FAT16_FREE);
    volume->table[cluster] = next;
    volume->table_dirty[cluster / FAT16_LINKS_PER_SECTOR] = true;
}

/* A free cluster at or behind the place of the last one found; the caller knows that there is one. */
static uint16_t find_free(fs_volume_t *volume) {
    uint32_t cluster = volume->next_free;
    while (volume->table[cluster] != FAT16_FREE) {
        cluster = cluster + 1 < volume->cluster_limit ? cluster + 1 : FAT16_FIRST_CLUSTER;
    }
    volume->next_free = cluster;
    return (uint16_t)cluster;
}

fs_result_t fat16_allocate(fs_volume_t *volume, uint32_t count, uint16_t *first) {
    if (count > volume->free_clusters) {
        return FS_FULL;
    }
    uint16_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t cluster = find_free(volume);
        fat16_link(volume, cluster, FAT16_CHAIN_END);
        if (last) {
            fat16_link(volume, last, cluster);
        } else {
            *first = cluster;
        }
        last = cluster;
    }
    return FS_OK;
}

/* Ends at whatever is no link: a loop ends where it meets its own freed beginning. */
void fat16_forget_chain(fs_volume_t *volume, uint16_t first) {
    uint32_t cluster = first;
    while (fat16_is_cluster(volume, cluster) && volume->table[cluster] != FAT16_FREE) {
        uint32_t next = volume->table[cluster];
        fat16_link(volume, (uint16_t)cluster, FAT16_FREE);
        cluster = next;
    }
}

fs_result_t fat16_free_chain(fs_volume_t *volume, uint16_t first) {
    if (!first) {
        return FS_OK;
    }
    fat16_forget_chain(volume, first);
    return fat16_write_table(volume, first);
}

static block_result_t write_table_sector(fs_volume_t *volume, uint32_t sector) {
    block_result_t result = BLOCK_OK;
    for (uint32_t copy = 0; !result && copy < volume->table_copies; copy++) {
        uint32_t place = volume->table_start + copy * volume->table_stride + sector;
        const uint16_t *links = volume->table + sector * FAT16_LINKS_PER_SECTOR;
        result = volume->device->write(volume->device, place, 1, links);
    }
    if (!result) {
        volume->table_dirty[sector] = false;
    }
    return result;
}

fs_result_t fat16_write_table(fs_volume_t *volume, uint16_t last) {
    block_device_t *device = volume->device;
    uint32_t last_sector = last / FAT16_LINKS_PER_SECTOR;
    bool others = false;
    block_result_t result = BLOCK_OK;
    for (uint32_t i = 0; !result && i < volume->table_sectors; i++) {
        if (volume->table_dirty[i] && i != last_sector) {
            result = write_table_sector(volume, i);
            others = true;
        }
    }
    if (!result && volume->table_dirty[last_sector]) {
        result = others ? device->flush(device) : BLOCK_OK;
        result = result ? result : write_table_sector(volume, last_sector);
    }
    return fat16_device_result(result ? result : device->flush(device));
}
