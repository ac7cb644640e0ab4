/*
 * fat16_directory.c: directories.
 *
 * A directory is a row of entries up to the first whose name starts with 0; what lies behind is free whatever it holds.
 * Positions count entries from the directory's start. A walk ends after FAT16_DIRECTORY_ENTRIES_MAX entries even when
 * the chain of a damaged directory is a loop.
 */
#include "fs/fat16.h"
#include "memory/memory.h"

enum { NO_END = UINT32_MAX };

/* Room for a set. */
typedef struct {
    uint32_t start; /* position of its first entry */
    uint32_t end;   /* position of the directory's end mark, or NO_END */
} room_t;

fs_directory_t fat16_directory(fs_volume_t *volume, uint16_t first) {
    return (fs_directory_t){.volume = volume, .first = first, .cluster = first, .position = 0};
}

static uint32_t entries_per_cluster(const fs_volume_t *volume) {
    return volume->cluster_sectors * FAT16_ENTRIES_PER_SECTOR;
}

/* The entry at the directory's position, in volume->sector. FS_END behind the last one. */
static fs_result_t current_entry(fs_directory_t *directory, fat16_entry_t **entry) {
    fs_volume_t *volume = directory->volume;
    uint32_t sector = directory->position / FAT16_ENTRIES_PER_SECTOR;
    if (directory->first == 0) {
        if (directory->position >= volume->root_entries) {
            return FS_END;
        }
        sector += volume->root_start;
    } else {
        if (!directory->cluster) {
            return FS_END;
        }
        if (directory->position >= FAT16_DIRECTORY_ENTRIES_MAX) {
            return FS_CORRUPT;
        }
        sector = fat16_cluster_sector(volume, directory->cluster) + sector % volume->cluster_sectors;
    }
    *entry = &volume->sector[directory->position % FAT16_ENTRIES_PER_SECTOR];
    return fat16_load_sector(volume, sector);
}

static fs_result_t advance(fs_directory_t *directory) {
    directory->position++;
    if (directory->first == 0 || directory->position % entries_per_cluster(directory->volume)) {
        return FS_OK;
    }
    return fat16_next(directory->volume, directory->cluster, &directory->cluster);
}

static fs_result_t seek(fs_volume_t *volume, uint16_t first, uint32_t position, fs_directory_t *directory) {
    *directory = fat16_directory(volume, first);
    fs_result_t result = FS_OK;
    for (uint32_t hops = first ? position / entries_per_cluster(volume) : 0; hops && !result; hops--) {
        result = directory->cluster ? fat16_next(volume, directory->cluster, &directory->cluster) : FS_END;
    }
    directory->position = position;
    return result;
}

static void describe(const fs_directory_t *directory, const fat16_entry_t *entry, const fat16_long_name_t *long_name,
                     fat16_item_t *item) {
    item->entry = *entry;
    item->directory = directory->first;
    item->position = directory->position;
    item->place.sector = directory->volume->sector_number;
    item->place.index = directory->position % FAT16_ENTRIES_PER_SECTOR;
    fat16_alias_text(entry, item->alias);
    if (!fat16_long_name_text(long_name, entry, item->shown.name)) {
        strcpy(item->shown.name, item->alias);
        item->first = item->position; /* pieces that do not belong to the entry stay untouched with it */
    }
    item->shown.is_directory = entry->attributes & ATTRIBUTE_DIRECTORY;
    item->shown.size = item->shown.is_directory ? 0 : entry->size;
}

fs_result_t fat16_next_item(fs_directory_t *directory, fat16_item_t *item) {
    fat16_long_name_t long_name = {.valid = false};
    for (;;) {
        fat16_entry_t *entry;
        fs_result_t result = current_entry(directory, &entry);
        if (result) {
            return result;
        }
        if (entry->name[0] == ENTRY_END) {
            return FS_END;
        }
        bool deleted = entry->name[0] == ENTRY_DELETED;
        bool is_piece = !deleted && (entry->attributes & ATTRIBUTE_LONG) == ATTRIBUTE_LONG;
        bool named = !deleted && entry->name[0] != '.' && entry->name[0] != ' ';
        bool is_item = named && !(entry->attributes & ATTRIBUTE_LABEL);
        if (is_piece) {
            item->first = entry->name[0] & FAT16_FIRST_PIECE ? directory->position : item->first;
            fat16_long_name_add(&long_name, entry);
        } else if (is_item) {
            describe(directory, entry, &long_name, item);
        } else {
            long_name.valid = false;
        }
        result = advance(directory);
        if (is_item || result) {
            return result;
        }
    }
}

fs_result_t fat16_find(fs_volume_t *volume, uint16_t first, const char *name, fat16_item_t *item) {
    fs_directory_t directory = fat16_directory(volume, first);
    fs_result_t result;
    do {
        result = fat16_next_item(&directory, item);
    } while (!result && !fat16_names_equal(name, item->shown.name) && !fat16_names_equal(name, item->alias));
    return result == FS_END ? FS_NOT_FOUND : result;
}

fs_result_t fat16_clear_cluster(fs_volume_t *volume, uint16_t cluster) {
    block_result_t result = BLOCK_OK;
    memset(volume->bounce, 0, BLOCK_SIZE);
    for (uint32_t i = 0; !result && i < volume->cluster_sectors; i++) {
        uint32_t sector = fat16_cluster_sector(volume, cluster) + i;
        if (sector == volume->sector_number) { /* from an earlier life of the cluster */
            volume->sector_number = 0;
        }
        result = volume->device->write(volume->device, sector, 1, volume->bounce);
    }
    return fat16_device_result(result);
}

/* Appends an empty cluster behind `last`, the directory's last one. */
static fs_result_t grow(fs_directory_t *directory, uint16_t last) {
    fs_volume_t *volume = directory->volume;
    if (directory->position >= FAT16_DIRECTORY_ENTRIES_MAX) {
        return FS_FULL;
    }
    uint16_t added;
    fs_result_t result = fat16_allocate(volume, 1, &added);
    if (result) {
        return result;
    }
    result = fat16_clear_cluster(volume, added);
    result = result ? result : fat16_device_result(volume->device->flush(volume->device)); /* rule 1 */
    if (result) {
        fat16_forget_chain(volume, added);
        return result;
    }
    fat16_link(volume, last, added);
    return fat16_write_table(volume, last);
}

/* Finds `count` free entries in one sector (rule 4), making the directory longer if it must. */
static fs_result_t find_room(fs_volume_t *volume, uint16_t first, uint32_t count, room_t *room) {
    fs_directory_t directory = fat16_directory(volume, first);
    uint16_t last = first;
    uint32_t run = 0;
    room->end = NO_END;
    for (;;) {
        fat16_entry_t *entry;
        fs_result_t result = current_entry(&directory, &entry);
        if (result == FS_END) {
            room->start = directory.position;
            return first ? grow(&directory, last) : FS_FULL;
        }
        if (result) {
            return result;
        }
        if (room->end == NO_END && entry->name[0] == ENTRY_END) {
            room->end = directory.position;
        }
        bool is_free = room->end != NO_END || entry->name[0] == ENTRY_DELETED;
        bool sector_starts = directory.position % FAT16_ENTRIES_PER_SECTOR == 0;
        run = is_free ? (sector_starts ? 1 : run + 1) : 0;
        if (run == count) {
            room->start = directory.position + 1 - count;
            return FS_OK;
        }
        last = directory.cluster;
        result = advance(&directory);
        if (result) {
            return result;
        }
    }
}

/* Sets the first name bytes of entries [from, to), which lie in one sector; FS_END where the directory has no more. */
static fs_result_t mark(fs_volume_t *volume, uint16_t first, uint32_t from, uint32_t to, uint8_t value) {
    fs_directory_t directory;
    fs_result_t result = seek(volume, first, from, &directory);
    while (!result && directory.position < to) {
        fat16_entry_t *entry;
        result = current_entry(&directory, &entry);
        if (!result) {
            volume->sector_dirty |= entry->name[0] != value;
            entry->name[0] = value;
            result = advance(&directory);
        }
    }
    return result;
}

fs_result_t fat16_unlist(fs_volume_t *volume, const fat16_item_t *item) {
    return mark(volume, item->directory, item->first, item->position + 1, ENTRY_DELETED);
}

static fs_result_t put(fs_volume_t *volume, uint16_t first, uint32_t position, const fat16_set_t *set) {
    fs_directory_t directory;
    fat16_entry_t *entry;
    fs_result_t result = seek(volume, first, position, &directory);
    result = result ? result : current_entry(&directory, &entry);
    if (result) {
        return result;
    }
    memcpy(entry, set->entries, set->count * sizeof(*entry));
    volume->sector_dirty = true;
    return fat16_store_sector(volume);
}

/* The new set can take the place of the old one, in a single write. */
static bool fits_instead(uint16_t directory, const fat16_set_t *set, const fat16_item_t *old) {
    return old && old->directory == directory && old->position - old->first + 1 >= set->count &&
           old->first / FAT16_ENTRIES_PER_SECTOR == old->position / FAT16_ENTRIES_PER_SECTOR;
}

fs_result_t fat16_add(fs_volume_t *volume, uint16_t first, const fat16_set_t *set, const fat16_item_t *instead) {
    fs_result_t result;
    if (fits_instead(first, set, instead)) {
        result = fat16_unlist(volume, instead);
        return result ? result : put(volume, first, instead->position + 1 - set->count, set);
    }
    room_t room;
    result = find_room(volume, first, set->count, &room);
    if (result) {
        return result;
    }
    uint32_t behind = room.start + set->count;
    if (room.end != NO_END && behind > room.end) {
        result = mark(volume, first, behind, behind + 1, ENTRY_END); /* still behind the old end: nobody looks here */
        result = result == FS_END ? FS_OK : result;
    }
    if (!result && instead) {
        result = fat16_unlist(volume, instead);
    }
    result = result ? result : put(volume, first, room.start, set);
    if (!result && room.start > room.end) { /* entries that the sector's end left over must not end the directory */
        result = mark(volume, first, room.end, room.start, ENTRY_DELETED);
        result = result ? result : fat16_store_sector(volume);
    }
    return result;
}

fs_result_t fat16_point(fs_volume_t *volume, const fs_place_t *place, uint16_t old, uint16_t first, uint32_t size) {
    fs_result_t result = fat16_load_sector(volume, place->sector);
    if (result) {
        return result;
    }
    fat16_entry_t *entry = &volume->sector[place->index];
    bool is_file = entry->name[0] != ENTRY_END && entry->name[0] != ENTRY_DELETED &&
                   !(entry->attributes & (ATTRIBUTE_LABEL | ATTRIBUTE_DIRECTORY));
    if (!is_file || entry->cluster != old) {
        return FS_NOT_FOUND;
    }
    entry->cluster = first;
    entry->size = size;
    volume->sector_dirty = true;
    return fat16_store_sector(volume);
}
