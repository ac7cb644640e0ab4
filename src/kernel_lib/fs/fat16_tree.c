/*
 * fat16_tree.c: operations on paths.
 *
 * The order of the steps in each function is what the rules of fat16.h ask for; every step ends with the change on
 * stable storage before the next one starts.
 */
#include "fs/fat16.h"
#include "memory/memory.h"

enum { ALIAS_ATTEMPTS = 256, FIXED_DATE = 0x0021 }; /* 1 January 1980: equal runs write equal bytes */

/* Where a path leads: a name in a directory that exists, and what the name stands for, if anything. */
typedef struct {
    bool has_parent; /* every component but the last was found */
    uint16_t directory;
    char name[FS_NAME_SIZE]; /* empty for the root itself */
    fat16_item_t item;
} target_t;

/* Takes the next component from the path; empty behind the last one. */
static fs_result_t take_component(const char **path, char name[FS_NAME_SIZE]) {
    while (**path == '/') {
        ++*path;
    }
    size_t length = 0;
    while ((*path)[length] && (*path)[length] != '/') {
        length++;
    }
    if (length >= FS_NAME_SIZE) {
        return FS_BAD_NAME;
    }
    memcpy(name, *path, length);
    name[length] = '\0';
    *path += length;
    while (**path == '/') {
        ++*path;
    }
    return FS_OK;
}

static fs_result_t enter(fs_volume_t *volume, const fat16_item_t *item, uint16_t *directory) {
    if (!item->shown.is_directory) {
        return FS_NOT_DIRECTORY;
    }
    *directory = item->entry.cluster;
    return fat16_is_cluster(volume, *directory) ? FS_OK : FS_CORRUPT;
}

static fs_result_t resolve(fs_volume_t *volume, const char *path, target_t *target) {
    target->directory = 0;
    for (;;) {
        fs_result_t result = take_component(&path, target->name);
        result = result ? result : fat16_find(volume, target->directory, target->name, &target->item);
        target->has_parent = !*path;
        if (!*path) {
            return result;
        }
        result = result ? result : enter(volume, &target->item, &target->directory);
        if (result) {
            return result;
        }
    }
}

/* A file or directory of this name can be made. */
static bool is_new(fs_result_t resolved, const target_t *target) {
    return resolved == FS_NOT_FOUND && target->has_parent && target->name[0];
}

static fat16_entry_t new_content(uint8_t attributes) {
    return (fat16_entry_t){
        .attributes = attributes, .created_date = FIXED_DATE, .accessed_date = FIXED_DATE, .modified_date = FIXED_DATE};
}

/* Adds an entry for the new name in target, in place of `instead` if there is one. */
static fs_result_t add_name(fs_volume_t *volume, const target_t *target, const fat16_entry_t *content,
                            const fat16_item_t *instead) {
    fat16_set_t set;
    fat16_item_t other;
    fs_result_t result = FS_OK;
    bool taken = true;
    for (uint32_t attempt = 0; !result && taken && attempt < ALIAS_ATTEMPTS; attempt++) {
        char alias[13];
        result = fat16_make_set(target->name, attempt, &set);
        if (!result && set.count > 1) {
            fat16_alias_text(&set.entries[set.count - 1], alias);
            result = fat16_find(volume, target->directory, alias, &other);
            taken = result != FS_NOT_FOUND;
            result = taken ? result : FS_OK;
        } else {
            taken = false; /* resolve() has looked for the name itself */
        }
    }
    if (result || taken) {
        return result ? result : FS_EXISTS;
    }
    fat16_entry_t *entry = &set.entries[set.count - 1];
    fat16_entry_t alias = *entry;
    *entry = *content;
    memcpy(entry->name, alias.name, FAT16_SHORT_NAME);
    entry->name_case = alias.name_case;
    return fat16_add(volume, target->directory, &set, instead);
}

/* Like add_name for content that nothing points to yet; gives it back unless the disk may know the entry already. */
static fs_result_t publish(fs_volume_t *volume, const target_t *target, const fat16_entry_t *content) {
    fs_result_t result = add_name(volume, target, content, NULL);
    if (result && result != FS_IO) {
        fat16_free_chain(volume, content->cluster);
    }
    return result;
}

fs_result_t fs_open(fs_volume_t *volume, const char *path, fs_file_t *file) {
    target_t target;
    fs_result_t result = resolve(volume, path, &target);
    return result ? result : fat16_file_of(volume, &target.item, file);
}

fs_result_t fs_create(fs_volume_t *volume, const char *path, fs_file_t *file) {
    target_t target;
    fs_result_t result = resolve(volume, path, &target);
    if (!is_new(result, &target)) {
        return result ? result : FS_EXISTS;
    }
    fat16_entry_t content = new_content(ATTRIBUTE_ARCHIVE);
    result = add_name(volume, &target, &content, NULL);
    return result ? result : fs_open(volume, path, file);
}

fs_result_t fs_replace(fs_volume_t *volume, const char *path, const void *data, uint32_t length) {
    target_t target;
    fs_result_t found = resolve(volume, path, &target);
    if (found && !is_new(found, &target)) {
        return found;
    }
    if (!found && target.item.shown.is_directory) {
        return FS_IS_DIRECTORY;
    }
    fat16_entry_t content = new_content(ATTRIBUTE_ARCHIVE);
    content.size = length;
    fs_result_t result = fat16_write_new(volume, data, length, &content.cluster);
    if (result) {
        return result;
    }
    if (found) {
        return publish(volume, &target, &content);
    }
    uint16_t old = target.item.entry.cluster;
    result = fat16_point(volume, &target.item.place, old, content.cluster, length);
    return result ? result : fat16_free_chain(volume, old);
}

static fs_result_t check_empty(fs_volume_t *volume, const fat16_item_t *item) {
    fs_directory_t directory = fat16_directory(volume, item->entry.cluster);
    fat16_item_t child;
    fs_result_t result = fat16_next_item(&directory, &child);
    return result == FS_END ? FS_OK : result ? result : FS_NOT_EMPTY;
}

fs_result_t fs_remove(fs_volume_t *volume, const char *path) {
    target_t target;
    uint16_t cluster;
    fs_result_t result = resolve(volume, path, &target);
    if (!result && target.item.shown.is_directory) {
        result = enter(volume, &target.item, &cluster);
        result = result ? result : check_empty(volume, &target.item);
    }
    result = result ? result : fat16_unlist(volume, &target.item);
    result = result ? result : fat16_store_sector(volume);
    return result ? result : fat16_free_chain(volume, target.item.entry.cluster);
}

/* The source's entry goes, the target's entry takes over its content, the target's old content is given back. */
static fs_result_t take_over(fs_volume_t *volume, const fat16_item_t *from, const fat16_item_t *to) {
    if (from->shown.is_directory || to->shown.is_directory) {
        return to->shown.is_directory ? FS_IS_DIRECTORY : FS_EXISTS;
    }
    uint16_t old = to->entry.cluster;
    fs_result_t result = fat16_unlist(volume, from);
    result = result ? result : fat16_point(volume, &to->place, old, from->entry.cluster, from->entry.size);
    return result ? result : fat16_free_chain(volume, old);
}

fs_result_t fs_rename(fs_volume_t *volume, const char *from, const char *to) {
    target_t source;
    target_t target;
    fs_result_t result = resolve(volume, from, &source);
    if (result) {
        return result;
    }
    result = resolve(volume, to, &target);
    bool same = !result && target.item.place.sector == source.item.place.sector &&
                target.item.place.index == source.item.place.index;
    if (!result && !same) {
        return take_over(volume, &source.item, &target.item);
    }
    if (!same && !is_new(result, &target)) {
        return result;
    }
    if (source.item.shown.is_directory && source.directory != target.directory) {
        return FS_INVALID; /* its ".." would have to change in the same instant */
    }
    return add_name(volume, &target, &source.item.entry, &source.item);
}

/* The new directory's first sector: itself and its parent; the root is 0. */
static fs_result_t write_dots(fs_volume_t *volume, uint16_t cluster, uint16_t parent) {
    fs_result_t result = fat16_clear_cluster(volume, cluster);
    result = result ? result : fat16_load_sector(volume, fat16_cluster_sector(volume, cluster));
    if (result) {
        return result;
    }
    for (int i = 0; i < 2; i++) {
        fat16_entry_t *dot = &volume->sector[i];
        *dot = new_content(ATTRIBUTE_DIRECTORY);
        memset(dot->name, ' ', FAT16_SHORT_NAME);
        memset(dot->name, '.', (size_t)i + 1);
        dot->cluster = i ? parent : cluster;
    }
    volume->sector_dirty = true;
    return fat16_store_sector(volume);
}

fs_result_t fs_make_directory(fs_volume_t *volume, const char *path) {
    target_t target;
    fs_result_t result = resolve(volume, path, &target);
    if (!is_new(result, &target)) {
        return result ? result : FS_EXISTS;
    }
    fat16_entry_t content = new_content(ATTRIBUTE_DIRECTORY);
    result = fat16_allocate(volume, 1, &content.cluster);
    if (result) {
        return result;
    }
    result = write_dots(volume, content.cluster, target.directory);
    result = result ? result : fat16_write_table(volume, content.cluster);
    if (result) {
        fat16_forget_chain(volume, content.cluster);
        return result;
    }
    return publish(volume, &target, &content);
}

fs_result_t fs_open_directory(fs_volume_t *volume, const char *path, fs_directory_t *directory) {
    target_t target;
    uint16_t first = 0;
    fs_result_t result = resolve(volume, path, &target);
    bool is_root = target.has_parent && !target.name[0];
    if (!is_root) {
        result = result ? result : enter(volume, &target.item, &first);
    }
    *directory = fat16_directory(volume, first);
    return is_root ? FS_OK : result;
}

fs_result_t fs_next(fs_directory_t *directory, fs_entry_t *entry) {
    fat16_item_t item;
    fs_result_t result = fat16_next_item(directory, &item);
    if (!result) {
        *entry = item.shown;
    }
    return result;
}
