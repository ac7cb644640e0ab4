/*
 * fat16.c: mounting, and the sectors of directories.
 *
 * Nothing that the disk says is believed before it is checked: every number of the boot sector is compared with the
 * partition, the partition with the device. After fs_mount each cluster in [2, cluster_limit) and each sector of the
 * root directory and the table lies inside the partition.
 */
#include "fs/fat16.h"
#include "memory/memory.h"

enum { PARTITION_TABLE = 446, PARTITION_ENTRY = 16, PARTITIONS = 4, SIGNATURE = 510 };
enum { PARTITION_TYPE = 4, PARTITION_START = 8, PARTITION_SECTORS = 12 };

enum { /* offsets in the boot sector */
       BOOT_SECTOR_BYTES = 11,
       BOOT_CLUSTER_SECTORS = 13,
       BOOT_RESERVED = 14,
       BOOT_COPIES = 16,
       BOOT_ROOT_ENTRIES = 17,
       BOOT_SECTORS_16 = 19,
       BOOT_TABLE_SECTORS = 22,
       BOOT_SECTORS_32 = 32,
};

static uint32_t read16(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t read32(const uint8_t *bytes) {
    return read16(bytes) | read16(bytes + 2) << 16;
}

const char *fs_result_text(fs_result_t result) {
    static const char *const TEXTS[] = {
        [FS_OK] = "ok",
        [FS_END] = "no more entries",
        [FS_IO] = "the disk failed",
        [FS_NO_VOLUME] = "no FAT16 volume",
        [FS_CORRUPT] = "the volume is damaged",
        [FS_NO_MEMORY] = "out of memory",
        [FS_NOT_FOUND] = "not found",
        [FS_EXISTS] = "it exists already",
        [FS_IS_DIRECTORY] = "it is a directory",
        [FS_NOT_DIRECTORY] = "it is not a directory",
        [FS_NOT_EMPTY] = "the directory is not empty",
        [FS_BAD_NAME] = "not a name that can be written",
        [FS_INVALID] = "not possible",
        [FS_FULL] = "the volume is full",
        [FS_TOO_LARGE] = "too large for a file",
    };
    return (unsigned)result < sizeof(TEXTS) / sizeof(TEXTS[0]) ? TEXTS[result] : "unknown result";
}

fs_result_t fat16_device_result(block_result_t result) {
    return result == BLOCK_OK ? FS_OK : FS_IO;
}

uint32_t fat16_cluster_sector(const fs_volume_t *volume, uint16_t cluster) {
    return volume->data_start + (uint32_t)(cluster - FAT16_FIRST_CLUSTER) * volume->cluster_sectors;
}

fs_result_t fat16_store_sector(fs_volume_t *volume) {
    if (!volume->sector_dirty) {
        return FS_OK;
    }
    block_device_t *device = volume->device;
    block_result_t result = device->write(device, volume->sector_number, 1, volume->sector);
    result = result ? result : device->flush(device);
    volume->sector_dirty = false;
    if (result) {
        volume->sector_number = 0; /* what the disk holds now is unknown */
    }
    return fat16_device_result(result);
}

fs_result_t fat16_load_sector(fs_volume_t *volume, uint32_t number) {
    if (volume->sector_number == number) {
        return FS_OK;
    }
    fs_result_t result = fat16_store_sector(volume);
    if (result) {
        return result;
    }
    volume->sector_number = 0;
    result = fat16_device_result(volume->device->read(volume->device, number, 1, volume->sector));
    volume->sector_number = result ? 0 : number;
    return result;
}

/* The first partition whose type says FAT16. */
static fs_result_t find_partition(fs_volume_t *volume, uint32_t *start, uint32_t *sectors) {
    uint8_t *mbr = volume->bounce;
    if (volume->device->read(volume->device, 0, 1, mbr)) {
        return FS_IO;
    }
    if (read16(mbr + SIGNATURE) != 0xAA55) {
        return FS_NO_VOLUME;
    }
    for (int i = 0; i < PARTITIONS; i++) {
        const uint8_t *entry = mbr + PARTITION_TABLE + i * PARTITION_ENTRY;
        uint8_t type = entry[PARTITION_TYPE];
        *start = read32(entry + PARTITION_START);
        *sectors = read32(entry + PARTITION_SECTORS);
        if ((type == 0x04 || type == 0x06 || type == 0x0E) && *start && *sectors) {
            return block_in_range(volume->device, *start, *sectors) ? FS_OK : FS_NO_VOLUME;
        }
    }
    return FS_NO_VOLUME;
}

static bool is_power_of_two(uint32_t value) {
    return value && !(value & (value - 1));
}

/* Sums cannot overflow: each field has at most 16 bits and products at most 24, except the total, which is compared. */
static fs_result_t read_boot_sector(fs_volume_t *volume, uint32_t start, uint32_t partition_sectors) {
    const uint8_t *boot = volume->bounce;
    if (volume->device->read(volume->device, start, 1, volume->bounce)) {
        return FS_IO;
    }
    uint32_t reserved = read16(boot + BOOT_RESERVED);
    uint32_t total = read16(boot + BOOT_SECTORS_16) ? read16(boot + BOOT_SECTORS_16) : read32(boot + BOOT_SECTORS_32);
    volume->cluster_sectors = boot[BOOT_CLUSTER_SECTORS];
    volume->cluster_bytes = volume->cluster_sectors * BLOCK_SIZE;
    volume->table_copies = boot[BOOT_COPIES];
    volume->table_stride = read16(boot + BOOT_TABLE_SECTORS);
    volume->root_entries = read16(boot + BOOT_ROOT_ENTRIES);
    bool sound = read16(boot + SIGNATURE) == 0xAA55 && read16(boot + BOOT_SECTOR_BYTES) == BLOCK_SIZE && reserved &&
                 is_power_of_two(volume->cluster_sectors) && volume->table_copies && volume->table_stride &&
                 volume->root_entries && volume->root_entries % FAT16_ENTRIES_PER_SECTOR == 0;
    uint32_t before_root = reserved + volume->table_copies * volume->table_stride;
    uint32_t before_data = before_root + volume->root_entries / FAT16_ENTRIES_PER_SECTOR;
    if (!sound || total > partition_sectors || total <= before_data) {
        return FS_NO_VOLUME;
    }
    uint32_t clusters = (total - before_data) / volume->cluster_sectors;
    volume->cluster_limit = clusters + FAT16_FIRST_CLUSTER;
    volume->table_sectors = (volume->cluster_limit + FAT16_LINKS_PER_SECTOR - 1) / FAT16_LINKS_PER_SECTOR;
    if (clusters < FAT16_CLUSTERS_MIN || clusters > FAT16_CLUSTERS_MAX ||
        volume->table_sectors > volume->table_stride) {
        return FS_NO_VOLUME;
    }
    volume->table_start = start + reserved;
    volume->root_start = start + before_root;
    volume->data_start = start + before_data;
    return FS_OK;
}

/* Reads the first copy, which counts. Where another copy differs the sector is marked, so the next write mends it. */
static fs_result_t read_table(fs_volume_t *volume) {
    size_t bytes = (size_t)volume->table_sectors * BLOCK_SIZE;
    uint8_t *other = malloc(bytes);
    volume->table = malloc(bytes);
    block_result_t result = BLOCK_OK;
    for (uint32_t copy = 0; other && volume->table && !result && copy < volume->table_copies; copy++) {
        uint32_t start = volume->table_start + copy * volume->table_stride;
        uint8_t *table = (uint8_t *)volume->table;
        result = volume->device->read(volume->device, start, volume->table_sectors, copy ? other : table);
        for (uint32_t i = 0; copy && i < volume->table_sectors; i++) {
            volume->table_dirty[i] |= memcmp(table + i * BLOCK_SIZE, other + i * BLOCK_SIZE, BLOCK_SIZE) != 0;
        }
    }
    bool enough_memory = other && volume->table;
    free(other);
    return enough_memory ? fat16_device_result(result) : FS_NO_MEMORY;
}

fs_result_t fs_mount(block_device_t *device, fs_volume_t **mounted) {
    fs_volume_t *volume = calloc(1, sizeof(*volume));
    if (!volume) {
        return FS_NO_MEMORY;
    }
    volume->device = device;
    uint32_t start;
    uint32_t sectors;
    fs_result_t result = find_partition(volume, &start, &sectors);
    result = result ? result : read_boot_sector(volume, start, sectors);
    result = result ? result : read_table(volume);
    if (result) {
        fs_unmount(volume);
        return result;
    }
    for (uint32_t cluster = FAT16_FIRST_CLUSTER; cluster < volume->cluster_limit; cluster++) {
        volume->free_clusters += volume->table[cluster] == FAT16_FREE;
    }
    volume->next_free = FAT16_FIRST_CLUSTER;
    *mounted = volume;
    return FS_OK;
}

void fs_unmount(fs_volume_t *volume) {
    free(volume->table);
    free(volume);
}

uint64_t fs_free_bytes(const fs_volume_t *volume) {
    return (uint64_t)volume->free_clusters * volume->cluster_bytes;
}
