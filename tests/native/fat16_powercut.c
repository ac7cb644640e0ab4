/*
 * fat16_powercut.c: wherever the power goes while a file is replaced, the file is there with its old or its new
 * content.
 *
 *     fat16_powercut IMAGE OUT REPAIRED OPERATION CUT SEED
 *
 * IMAGE is an empty volume. A directory is filled and the file given its old content; then OPERATION runs and the power
 * goes instead of block write number CUT (from 0), taking a random part of the unflushed writes along. The volume is
 * mounted again, the file checked, and OUT written, then repaired, checked again, and REPAIRED written, both for
 * fsck.fat. Exit status: 0 the power went and all is well; 2 the operation ended before the cut (so higher cuts are
 * pointless) and all is well; 1 otherwise.
 */
#include "fs/fs.h"
#include "ram_disk.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLD_SIZE = 9000, NEW_SIZE = 14000, NEIGHBOURS = 40, STATUS_COMPLETE = 2 };

static uint8_t old_content[OLD_SIZE];
static uint8_t new_content[NEW_SIZE]; /* starts with the old content, so that appending makes it too */
static uint8_t found_content[NEW_SIZE + 1];

/* Near the start of the directory, at its end, in a sector of its own: the entries that change lie apart. */
static const char *const TARGET = "save/An artifact with a long name.o";
static const char *const TEMPORARY = "save/artifact.new";
static const char *const ABSENT = "save/first time saved.o";

static fs_result_t write_temporary(fs_volume_t *volume) {
    fs_file_t file;
    fs_result_t result = fs_create(volume, TEMPORARY, &file);
    result = result ? result : fs_write(&file, 0, new_content, NEW_SIZE / 2);
    return result ? result : fs_write(&file, NEW_SIZE / 2, new_content + NEW_SIZE / 2, NEW_SIZE - NEW_SIZE / 2);
}

static fs_result_t replace(fs_volume_t *volume) {
    return fs_replace(volume, TARGET, new_content, NEW_SIZE);
}

static fs_result_t save_and_rename(fs_volume_t *volume) {
    fs_result_t result = write_temporary(volume);
    return result ? result : fs_rename(volume, TEMPORARY, TARGET);
}

/* The neighbours lie between: the links of the new clusters are in another sector of the table than the old ones. */
static fs_result_t append(fs_volume_t *volume) {
    fs_file_t file;
    fs_result_t result = fs_open(volume, TARGET, &file);
    return result ? result : fs_write(&file, OLD_SIZE, new_content + OLD_SIZE, NEW_SIZE - OLD_SIZE);
}

static fs_result_t replace_absent(fs_volume_t *volume) {
    return fs_replace(volume, ABSENT, new_content, NEW_SIZE);
}

static fs_result_t rename_absent(fs_volume_t *volume) {
    fs_result_t result = write_temporary(volume);
    return result ? result : fs_rename(volume, TEMPORARY, ABSENT);
}

static fs_result_t remove_and_create(fs_volume_t *volume) {
    fs_result_t result = fs_remove(volume, "save/neighbour 7 with a long name");
    result = result ? result : fs_make_directory(volume, "save/new directory");
    return result ? result : fs_remove(volume, "save/new directory");
}

/* More entries than a cluster of the smallest size holds: the directory becomes longer. */
static fs_result_t add_neighbours(fs_volume_t *volume) {
    fs_result_t result = FS_OK;
    for (unsigned i = 0; !result && i < 8; i++) {
        char name[64];
        snprintf(name, sizeof(name), "save/added %u", i);
        result = fs_replace(volume, name, new_content, i * 300);
    }
    return result;
}

static const struct {
    const char *name;
    fs_result_t (*run)(fs_volume_t *volume);
    const char *target;
    bool existed;
    bool becomes_new;
} OPERATIONS[] = {
    {"replace", replace, TARGET, true, true},
    {"rename", save_and_rename, TARGET, true, true},
    {"append", append, TARGET, true, true},
    {"replace-absent", replace_absent, ABSENT, false, true},
    {"rename-absent", rename_absent, ABSENT, false, true},
    {"neighbours", remove_and_create, TARGET, true, false},
    {"growth", add_neighbours, TARGET, true, false},
};

static void need(fs_result_t result, const char *what) {
    if (result) {
        printf("%s: %s\n", what, fs_result_text(result));
        exit(EXIT_FAILURE);
    }
}

/* Fills all free clusters with garbage and frees them again: nothing may rely on their being zero. */
static void soil(fs_volume_t *volume) {
    size_t size = fs_free_bytes(volume);
    uint8_t *garbage = malloc(size);
    memset(garbage, 'G', size);
    need(fs_replace(volume, "garbage", garbage, (uint32_t)size), "garbage");
    need(fs_remove(volume, "garbage"), "remove the garbage");
    free(garbage);
}

static void prepare(fs_volume_t *volume, uint64_t *seed) {
    soil(volume);
    for (unsigned i = 0; i < NEW_SIZE; i++) {
        new_content[i] = (uint8_t)random_next(seed);
    }
    memcpy(old_content, new_content, OLD_SIZE);
    need(fs_make_directory(volume, "save"), "make directory");
    need(fs_replace(volume, TARGET, old_content, OLD_SIZE), "old content");
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        char name[64];
        snprintf(name, sizeof(name), "save/neighbour %u with a long name", i);
        need(fs_replace(volume, name, old_content, i * 200), name);
    }
}

/* Says whether the target is in one of the states it may be in. */
static bool target_is_whole(fs_volume_t *volume, const char *target, bool old_allowed, bool absent_allowed,
                            bool new_allowed) {
    fs_file_t file;
    uint32_t size;
    fs_result_t result = fs_open(volume, target, &file);
    if (result == FS_NOT_FOUND) {
        return absent_allowed;
    }
    need(result, "open");
    need(fs_read(&file, 0, found_content, sizeof(found_content), &size), "read");
    bool is_old = size == OLD_SIZE && !memcmp(found_content, old_content, size);
    bool is_new = size == NEW_SIZE && !memcmp(found_content, new_content, size);
    return (is_old && old_allowed) || (is_new && new_allowed);
}

static unsigned find_operation(const char *name) {
    for (unsigned i = 0; i < sizeof(OPERATIONS) / sizeof(OPERATIONS[0]); i++) {
        if (!strcmp(OPERATIONS[i].name, name)) {
            return i;
        }
    }
    need(FS_INVALID, name);
    return 0;
}

int main(int count, char **arguments) {
    if (count != 7) {
        fprintf(stderr, "usage: fat16_powercut IMAGE OUT REPAIRED OPERATION CUT SEED\n");
        return EXIT_FAILURE;
    }
    ram_disk_t disk;
    fs_volume_t *volume;
    unsigned operation = find_operation(arguments[4]);
    uint64_t seed = strtoull(arguments[6], NULL, 10) * 2 + 1;
    ram_disk_load(&disk, arguments[1]);
    need(fs_mount(&disk.device, &volume), "mount");
    prepare(volume, &seed);

    disk.power_until = disk.writes + strtoull(arguments[5], NULL, 10);
    fs_result_t result = OPERATIONS[operation].run(volume);
    bool complete = !ram_disk_is_dead(&disk);
    if (complete) {
        need(result, "the whole operation");
    }
    fs_unmount(volume);
    ram_disk_restart(&disk, &seed);

    need(fs_mount(&disk.device, &volume), "mount after the cut");
    bool is_new = OPERATIONS[operation].becomes_new;
    bool whole = true;
    for (unsigned turn = 0; turn < 2; turn++) { /* as the cut left it, then repaired */
        whole &= target_is_whole(volume, OPERATIONS[operation].target,
                                 OPERATIONS[operation].existed && !(complete && is_new),
                                 !OPERATIONS[operation].existed && !complete, is_new);
        if (!whole) {
            printf("cut %s: the file is neither old nor new\n", arguments[5]);
        }
        ram_disk_save(&disk, arguments[2 + turn]);
        need(fs_repair(volume), "repair");
    }
    fs_unmount(volume);
    ram_disk_free(&disk);
    return !whole ? EXIT_FAILURE : complete ? STATUS_COMPLETE : EXIT_SUCCESS;
}
