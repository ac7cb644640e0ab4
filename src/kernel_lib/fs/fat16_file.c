/*
 * fat16_file.c: the content of files.
 *
 * Whole sectors go straight between the caller's memory and the device, as many at once as lie next to each other on
 * the disk; only the parts of sectors at either end pass through volume->bounce.
 */
#include "fs/fat16.h"
#include "memory/memory.h"

/* A piece of a file on its way. */
typedef struct {
    fs_file_t *file;
    uint32_t offset;
    uint8_t *buffer;
    uint32_t length;
    bool to_disk;
} transfer_t;

static uint32_t clusters_for(const fs_volume_t *volume, uint64_t bytes) {
    return (uint32_t)((bytes + volume->cluster_bytes - 1) / volume->cluster_bytes);
}

static void forget_place(fs_file_t *file) {
    file->near_cluster = file->first;
    file->near_index = 0;
}

fs_result_t fat16_file_of(fs_volume_t *volume, const fat16_item_t *item, fs_file_t *file) {
    uint32_t clusters = volume->cluster_limit - FAT16_FIRST_CLUSTER;
    uint16_t first = item->entry.cluster;
    if (item->shown.is_directory) {
        return FS_IS_DIRECTORY;
    }
    bool has_chain = first || item->entry.size;
    if (clusters_for(volume, item->entry.size) > clusters || (has_chain && !fat16_is_cluster(volume, first))) {
        return FS_CORRUPT;
    }
    *file = (fs_file_t){.volume = volume, .size = item->entry.size, .first = first, .place = item->place};
    forget_place(file);
    return FS_OK;
}

/*
 * Walks to cluster `index` of the file, or to its last one when it is shorter: *reached says which. A walk never hops
 * more often than `index` says. The file has a cluster.
 */
static fs_result_t walk(fs_file_t *file, uint32_t index, uint32_t *reached) {
    if (index < file->near_index) {
        forget_place(file);
    }
    fs_result_t result = FS_OK;
    while (!result && file->near_index < index) {
        uint16_t next;
        result = fat16_next(file->volume, file->near_cluster, &next);
        if (!next) {
            break;
        }
        if (!result) {
            file->near_cluster = next;
            file->near_index++;
        }
    }
    *reached = file->near_index;
    return result;
}

/* Cluster `index`, which the file must have. */
static fs_result_t locate(fs_file_t *file, uint32_t index) {
    uint32_t reached;
    fs_result_t result = walk(file, index, &reached);
    return result ? result : reached == index ? FS_OK : FS_CORRUPT;
}

/* Part of one sector. What lies behind the end of the file is written as zeros, not as what the disk held before. */
static fs_result_t move_part(const transfer_t *move, uint32_t sector, uint32_t *moved) {
    fs_volume_t *volume = move->file->volume;
    block_device_t *device = volume->device;
    uint32_t start = move->offset % BLOCK_SIZE;
    uint32_t room = BLOCK_SIZE - start;
    *moved = move->length < room ? move->length : room;
    block_result_t result = BLOCK_OK;
    if (move->to_disk && move->offset - start >= move->file->size) {
        memset(volume->bounce, 0, BLOCK_SIZE);
    } else {
        result = device->read(device, sector, 1, volume->bounce);
    }
    if (result) {
        return FS_IO;
    }
    if (!move->to_disk) {
        memcpy(move->buffer, volume->bounce + start, *moved);
        return FS_OK;
    }
    memcpy(volume->bounce + start, move->buffer, *moved);
    return fat16_device_result(device->write(device, sector, 1, volume->bounce));
}

/* Whole sectors, to the end of the wanted range or of the row of neighbouring clusters. */
static fs_result_t move_run(const transfer_t *move, uint32_t sector, uint32_t left_in_cluster, uint32_t *moved) {
    fs_file_t *file = move->file;
    block_device_t *device = file->volume->device;
    uint32_t wanted = move->length / BLOCK_SIZE;
    uint32_t run = left_in_cluster;
    while (run < wanted) {
        uint16_t next;
        fs_result_t result = fat16_next(file->volume, file->near_cluster, &next);
        if (result) {
            return result;
        }
        if (next != file->near_cluster + 1) {
            break;
        }
        file->near_cluster = next;
        file->near_index++;
        run += file->volume->cluster_sectors;
    }
    uint32_t count = run < wanted ? run : wanted;
    *moved = count * BLOCK_SIZE;
    return fat16_device_result(move->to_disk ? device->write(device, sector, count, move->buffer)
                                             : device->read(device, sector, count, move->buffer));
}

static fs_result_t transfer(transfer_t move) {
    fs_volume_t *volume = move.file->volume;
    fs_result_t result = FS_OK;
    while (move.length && !result) {
        uint32_t in_cluster = move.offset % volume->cluster_bytes / BLOCK_SIZE;
        result = locate(move.file, move.offset / volume->cluster_bytes);
        if (result) {
            return result;
        }
        uint32_t sector = fat16_cluster_sector(volume, move.file->near_cluster) + in_cluster;
        uint32_t moved;
        if (move.offset % BLOCK_SIZE || move.length < BLOCK_SIZE) {
            result = move_part(&move, sector, &moved);
        } else {
            result = move_run(&move, sector, volume->cluster_sectors - in_cluster, &moved);
        }
        if (!result) {
            move.offset += moved;
            move.buffer += moved;
            move.length -= moved;
        }
    }
    return result;
}

fs_result_t fs_read(fs_file_t *file, uint32_t offset, void *buffer, uint32_t length, uint32_t *done) {
    uint32_t available = offset < file->size ? file->size - offset : 0;
    uint32_t wanted = length < available ? length : available;
    fs_result_t result = transfer((transfer_t){file, offset, buffer, wanted, .to_disk = false});
    *done = result ? 0 : wanted;
    return result;
}

fs_result_t fat16_write_new(fs_volume_t *volume, const void *data, uint32_t length, uint16_t *first) {
    *first = 0;
    if (!length) {
        return FS_OK;
    }
    fs_result_t result = fat16_allocate(volume, clusters_for(volume, length), first);
    if (result) {
        return result;
    }
    fs_file_t file = {.volume = volume, .first = *first};
    forget_place(&file);
    result = transfer((transfer_t){&file, 0, (uint8_t *)(uintptr_t)data, length, .to_disk = true});
    result = result ? result : fat16_write_table(volume, *first);
    if (result) {
        fat16_forget_chain(volume, *first);
    }
    return result;
}

/* Clusters that were added to a file in memory; `tail` was its last one before, 0 if it had none. */
typedef struct {
    uint16_t tail;
    uint16_t first; /* 0: none were needed */
} extension_t;

static fs_result_t extend(fs_file_t *file, uint32_t needed, extension_t *extension) {
    uint32_t have = 0;
    *extension = (extension_t){.tail = 0, .first = 0};
    if (file->first) {
        fs_result_t result = walk(file, needed - 1, &have);
        if (result) {
            return result;
        }
        extension->tail = file->near_cluster;
        have++;
    }
    if (have >= needed) {
        return FS_OK;
    }
    fs_result_t result = fat16_allocate(file->volume, needed - have, &extension->first);
    if (result) {
        return result;
    }
    if (extension->tail) {
        fat16_link(file->volume, extension->tail, extension->first);
    } else {
        file->first = extension->first;
        forget_place(file);
    }
    return FS_OK;
}

static void take_back(fs_file_t *file, const extension_t *extension) {
    if (!extension->first) {
        return;
    }
    fat16_forget_chain(file->volume, extension->first);
    if (extension->tail) {
        fat16_link(file->volume, extension->tail, FAT16_CHAIN_END);
    } else {
        file->first = 0;
    }
    forget_place(file);
}

fs_result_t fs_write(fs_file_t *file, uint32_t offset, const void *data, uint32_t length) {
    fs_volume_t *volume = file->volume;
    uint16_t old_first = file->first;
    if (offset > file->size) {
        return FS_INVALID;
    }
    if (length > UINT32_MAX - offset) {
        return FS_TOO_LARGE;
    }
    if (!length) {
        return FS_OK;
    }
    extension_t extension;
    uint32_t end = offset + length;
    fs_result_t result = extend(file, clusters_for(volume, end), &extension);
    if (result) {
        return result;
    }
    result = transfer((transfer_t){file, offset, (uint8_t *)(uintptr_t)data, length, .to_disk = true});
    if (!result && extension.first) {
        result = fat16_write_table(volume, extension.tail ? extension.tail : extension.first);
    } else if (!result) {
        result = fat16_device_result(volume->device->flush(volume->device));
    }
    if (result) {
        take_back(file, &extension);
        return result;
    }
    if (end > file->size) {
        result = fat16_point(volume, &file->place, old_first, file->first, end);
        file->size = result ? file->size : end;
    }
    return result;
}

fs_result_t fs_truncate(fs_file_t *file, uint32_t size) {
    fs_volume_t *volume = file->volume;
    if (size > file->size) {
        return FS_INVALID;
    }
    if (size == 0) {
        uint16_t first = file->first;
        fs_result_t result = fat16_point(volume, &file->place, first, 0, 0);
        if (result) {
            return result;
        }
        *file = (fs_file_t){.volume = volume, .place = file->place};
        return fat16_free_chain(volume, first);
    }
    fs_result_t result = locate(file, clusters_for(volume, size) - 1);
    uint16_t last = file->near_cluster;
    uint16_t rest = 0;
    result = result ? result : fat16_next(volume, last, &rest);
    result = result ? result : fat16_point(volume, &file->place, file->first, file->first, size);
    if (result) {
        return result;
    }
    file->size = size;
    if (rest) {
        fat16_link(volume, last, FAT16_CHAIN_END); /* cut first, give back then */
        result = fat16_write_table(volume, last);
    }
    return result ? result : fat16_free_chain(volume, rest);
}
