/*
 * fat16_hostile.c: a damaged volume never makes us leave the device, the caller's memory, or bounded time.
 *
 *     fat16_hostile IMAGE SEED ROUNDS
 *
 * IMAGE holds some files and directories. Each round damages bytes of the MBR, the boot sector, the table or a
 * directory and then uses everything. Build it with sanitizers: they watch the memory, the disk counts requests that
 * lie outside it, and an alarm ends a round that does not end.
 */
#include "fs/fs.h"
#include "ram_disk.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTITION = 2048, METADATA_BLOCKS = 150, DEPTH = 5, WALK_MAX = 3000, READ_MAX = 70000, ROUND_SECONDS = 20 };

static uint8_t buffer[READ_MAX];
static unsigned walked;

static void walk(fs_volume_t *volume, const char *path, unsigned depth) {
    fs_directory_t directory;
    fs_entry_t entry;
    if (depth == DEPTH || fs_open_directory(volume, path, &directory)) {
        return;
    }
    while (walked < WALK_MAX && !fs_next(&directory, &entry)) {
        char child[DEPTH * (FS_NAME_SIZE + 1)];
        fs_file_t file;
        uint32_t done;
        walked++;
        snprintf(child, sizeof(child), "%s/%s", path, entry.name);
        if (entry.is_directory) {
            walk(volume, child, depth + 1);
        } else if (!fs_open(volume, child, &file)) {
            fs_read(&file, 0, buffer, READ_MAX, &done);
            fs_read(&file, file.size - file.size / 3, buffer, READ_MAX, &done);
        }
    }
}

static void change(fs_volume_t *volume) {
    fs_file_t file;
    if (!fs_open(volume, "files/file 3", &file)) {
        fs_write(&file, file.size, buffer, READ_MAX / 2);
        fs_write(&file, file.size / 2, buffer, 1000);
        fs_truncate(&file, file.size / 2);
    }
    fs_replace(volume, "files/file 4", buffer, 5000);
    fs_replace(volume, "a new file with a long name", buffer, 5000);
    fs_rename(volume, "files/file 5", "files/file 6");
    fs_rename(volume, "files/file 7", "another name than before");
    fs_remove(volume, "files/file 8");
    fs_remove(volume, "files/inner");
    fs_remove(volume, "files");
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "files/New Directory %d", i);
        fs_make_directory(volume, name);
    }
}

/* Mostly the first sectors and low bytes of links, where damage has consequences. */
static void damage(ram_disk_t *disk, uint64_t *seed) {
    for (uint32_t i = random_below(seed, 12) + 1; i > 0; i--) {
        uint32_t kind = random_below(seed, 8);
        uint32_t block = kind == 0 ? 0 : kind <= 2 ? PARTITION : PARTITION + random_below(seed, METADATA_BLOCKS);
        uint32_t offset = kind == 0 ? 446 + random_below(seed, 66) : random_below(seed, kind <= 2 ? 64 : BLOCK_SIZE);
        uint8_t value = random_below(seed, 3) ? (uint8_t)random_next(seed) : random_below(seed, 2) ? 0xFF : 0;
        disk->bytes[(size_t)block * BLOCK_SIZE + offset] = value;
    }
}

static bool mount_and_use(ram_disk_t *disk) {
    fs_volume_t *volume;
    if (fs_mount(&disk->device, &volume)) {
        return false;
    }
    walked = 0;
    walk(volume, "", 0);
    fs_repair(volume);
    change(volume);
    walked = 0;
    walk(volume, "", 0);
    fs_unmount(volume);
    return true;
}

static void populate(ram_disk_t *disk) {
    fs_volume_t *volume;
    bool good = !fs_mount(&disk->device, &volume) && !fs_make_directory(volume, "files") &&
                !fs_make_directory(volume, "files/inner") && !fs_replace(volume, "files/inner/deep", buffer, 3000);
    for (unsigned i = 0; good && i < 30; i++) {
        char name[32];
        snprintf(name, sizeof(name), i % 2 ? "files/file %u" : "F%u.BIN", i);
        good = !fs_replace(volume, name, buffer, i * 700);
    }
    if (!good) {
        printf("the image is no empty volume\n");
        exit(EXIT_FAILURE);
    }
    fs_unmount(volume);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: fat16_hostile IMAGE SEED ROUNDS\n");
        return EXIT_FAILURE;
    }
    ram_disk_t disk;
    ram_disk_load(&disk, arguments[1]);
    populate(&disk);
    uint64_t seed = strtoull(arguments[2], NULL, 10) * 2 + 1;
    unsigned rounds = (unsigned)strtoul(arguments[3], NULL, 10);
    unsigned mounted = 0;
    uint8_t *sound = malloc((size_t)disk.blocks * BLOCK_SIZE);
    memcpy(sound, disk.bytes, (size_t)disk.blocks * BLOCK_SIZE);
    for (unsigned round = 0; round < rounds; round++) {
        memcpy(disk.bytes, sound, (size_t)disk.blocks * BLOCK_SIZE);
        disk.cached = 0;
        damage(&disk, &seed);
        alarm(ROUND_SECONDS); /* a hang ends the program */
        mounted += mount_and_use(&disk);
        if (disk.out_of_range) {
            printf("round %u: a request outside the device\n", round);
            return EXIT_FAILURE;
        }
    }
    printf("%u of %u damaged volumes were mounted\n", mounted, rounds);
    free(sound);
    ram_disk_free(&disk);
    return EXIT_SUCCESS;
}
