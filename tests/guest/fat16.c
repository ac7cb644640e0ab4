/* Files written to the disk's FAT16 partition are there after mounting it again, and the space of removed ones is free.
 */
#include "check.h"

#include "io/ata.h"

enum { SIZE = 300000, HALF = SIZE / 2 + 77 };

static const char *const DIRECTORY = "guest test";
static const char *const FIRST = "guest test/plain.bin";
static const char *const SECOND = "guest test/A Name That Needs More Than One Entry.bin";

static uint8_t *data;
static uint8_t *found;

static int check_file(fs_volume_t *volume, const char *path, uint32_t size) {
    fs_file_t file;
    uint32_t done;
    CHECK(fs_open(volume, path, &file) == FS_OK && file.size == size);
    CHECK(fs_read(&file, 0, found, SIZE, &done) == FS_OK && done == size);
    CHECK(memcmp(found, data, size) == 0);
    CHECK(fs_read(&file, 1001, found, 5000, &done) == FS_OK && done == 5000);
    CHECK(memcmp(found, data + 1001, 5000) == 0);
    return 0;
}

static int write_files(fs_volume_t *volume) {
    fs_file_t file;
    CHECK(fs_make_directory(volume, DIRECTORY) == FS_OK);
    CHECK(fs_make_directory(volume, DIRECTORY) == FS_EXISTS);
    CHECK(fs_create(volume, FIRST, &file) == FS_OK);
    CHECK(fs_write(&file, 0, data, HALF) == FS_OK && fs_write(&file, HALF, data + HALF, SIZE - HALF) == FS_OK);
    CHECK(fs_write(&file, SIZE + 1, data, 1) == FS_INVALID);
    CHECK(fs_replace(volume, SECOND, data + 5, 5) == FS_OK);
    CHECK(fs_replace(volume, SECOND, data, HALF) == FS_OK);
    return 0;
}

static int remove_files(fs_volume_t *volume) {
    fs_file_t file;
    CHECK(fs_remove(volume, DIRECTORY) == FS_NOT_EMPTY);
    CHECK(fs_rename(volume, FIRST, SECOND) == FS_OK);
    CHECK(fs_open(volume, FIRST, &file) == FS_NOT_FOUND);
    CHECK(fs_open(volume, SECOND, &file) == FS_OK && file.size == SIZE);
    CHECK(fs_truncate(&file, HALF) == FS_OK && check_file(volume, SECOND, HALF) == 0);
    CHECK(fs_remove(volume, SECOND) == FS_OK && fs_remove(volume, DIRECTORY) == FS_OK);
    return 0;
}

int app_main(void) {
    block_device_t *disk;
    fs_volume_t *volume;
    data = malloc(SIZE);
    found = malloc(SIZE);
    CHECK(data && found && ata_open(&disk) == BLOCK_OK);
    for (uint32_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * i >> 7);
    }
    CHECK(fs_mount(disk, &volume) == FS_OK);
    uint64_t space = fs_free_bytes(volume);
    CHECK(write_files(volume) == 0);
    fs_unmount(volume);
    CHECK(fs_mount(disk, &volume) == FS_OK);
    CHECK(check_file(volume, FIRST, SIZE) == 0 && check_file(volume, SECOND, HALF) == 0);
    CHECK(remove_files(volume) == 0);
    fs_unmount(volume);
    CHECK(fs_mount(disk, &volume) == FS_OK && fs_free_bytes(volume) == space);
    fs_unmount(volume);
    CHECK(heap_statistics().used > 0);
    free(found);
    free(data);
    CHECK(heap_statistics().used == 0);
    return 0;
}
