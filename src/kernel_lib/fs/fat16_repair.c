/*
 * fat16_repair.c: takes back what power cuts left behind.
 *
 * First all that can be reached is marked, without a change to the disk: a volume that contradicts itself there is left
 * as it is. Then chains are cut where their file ends, and what nothing leads to is given back; at every moment
 * between, the volume is as sound as after a power cut.
 */
#include "fs/fat16.h"
#include "memory/memory.h"

enum { DEPTH_MAX = 32 };

typedef struct {
    fs_volume_t *volume;
    uint8_t *marks; /* a bit for each cluster */
} reach_t;

static bool is_marked(const reach_t *reach, uint32_t cluster) {
    return reach->marks[cluster / 8] & 1 << cluster % 8;
}

/* Marks `count` clusters of a chain, or with 0 all of them. What follows is cut off, in memory. */
static fs_result_t mark_chain(reach_t *reach, uint16_t first, uint32_t count) {
    uint16_t cluster = first, next = 0;
    for (uint32_t done = 0; cluster; cluster = next) {
        if (!fat16_is_cluster(reach->volume, cluster) || is_marked(reach, cluster)) {
            return FS_CORRUPT;
        }
        reach->marks[cluster / 8] |= (uint8_t)(1 << cluster % 8);
        fs_result_t result = fat16_next(reach->volume, cluster, &next);
        if (result || (!next && done + 1 < count)) {
            return FS_CORRUPT;
        }
        if (next && ++done == count) {
            fat16_link(reach->volume, cluster, FAT16_CHAIN_END);
            return FS_OK;
        }
    }
    return FS_OK;
}

static fs_result_t mark_file(reach_t *reach, const fat16_item_t *item) {
    uint32_t bytes = reach->volume->cluster_bytes, size = item->entry.size;
    return mark_chain(reach, item->entry.cluster, size / bytes + (size % bytes != 0));
}

static fs_result_t mark_directory(reach_t *reach, uint16_t first, unsigned depth) {
    fs_directory_t directory = fat16_directory(reach->volume, first);
    fs_result_t result = depth < DEPTH_MAX ? FS_OK : FS_CORRUPT;
    result = result || !first ? result : mark_chain(reach, first, 0);
    while (!result) {
        fat16_item_t item;
        result = fat16_next_item(&directory, &item);
        if (!result) {
            result = !item.shown.is_directory ? mark_file(reach, &item)
                     : item.entry.cluster     ? mark_directory(reach, item.entry.cluster, depth + 1)
                                              : FS_CORRUPT;
        }
    }
    return result == FS_END ? FS_OK : result;
}

static void give_back(const reach_t *reach) {
    fs_volume_t *volume = reach->volume;
    for (uint32_t cluster = FAT16_FIRST_CLUSTER; cluster < volume->cluster_limit; cluster++) {
        if (!is_marked(reach, cluster) && volume->table[cluster] != FAT16_FREE && volume->table[cluster] != FAT16_BAD) {
            fat16_link(volume, (uint16_t)cluster, FAT16_FREE);
        }
    }
}

fs_result_t fs_repair(fs_volume_t *volume) {
    size_t bytes = (size_t)volume->table_sectors * BLOCK_SIZE;
    reach_t reach = {.volume = volume, .marks = calloc(volume->cluster_limit / 8 + 1, 1)};
    uint16_t *before = malloc(bytes);
    fs_result_t result = reach.marks && before ? FS_OK : FS_NO_MEMORY;
    if (!result) {
        memcpy(before, volume->table, bytes);
        result = mark_directory(&reach, 0, 0);
        if (result) {
            memcpy(volume->table, before, bytes);
        }
    }
    result = result ? result : fat16_write_table(volume, FAT16_FIRST_CLUSTER);
    if (!result) {
        give_back(&reach);
        result = fat16_write_table(volume, FAT16_FIRST_CLUSTER);
    }
    free(before);
    free(reach.marks);
    return result;
}
