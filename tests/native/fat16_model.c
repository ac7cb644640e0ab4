/*
 * fat16_model.c: after any sequence of operations the volume holds what a plain table of names and bytes holds.
 *
 *     fat16_model IMAGE OUT SEED STEPS
 *
 * IMAGE is an empty volume; the volume is mounted anew now and then; OUT is for fsck.fat. Prints the step that failed.
 */
#include "fs/fs.h"
#include "ram_disk.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 40000, DIRECTORIES = 4, NAMES = 14, PATHS = DIRECTORIES * NAMES, PATH_MAX_LENGTH = 512 };

static const char *const DIRECTORY_NAMES[DIRECTORIES] = {"", "sub", "sub/A Long Directory Name", "DEEP.DIR"};
static const char *const NAME_TEXTS[NAMES] = {
    "README.TXT",
    "model.bin",
    "Mixed Case.txt",
    "a",
    "noext",
    "UPPER.low",
    "two.dots.tar",
    ".hidden",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "exactly13char",
    "twenty-six letters in here",
    "x+y=[z].c",
    "JIT00001.O",
    "jit00002.o",
};

typedef struct {
    bool exists;
    uint32_t size;
    uint8_t bytes[FILE_MAX];
} model_file_t;

static struct {
    ram_disk_t disk;
    fs_volume_t *volume;
    uint64_t seed;
    unsigned step;
    model_file_t files[PATHS];
} test;

static uint8_t scratch[FILE_MAX];

static void expect(bool holds, const char *what, unsigned path, int result) {
    if (!holds) {
        printf("step %u, path %u: %s (%s)\n", test.step, path, what, fs_result_text((fs_result_t)result));
        exit(EXIT_FAILURE);
    }
}

static const char *path_text(unsigned path, char text[PATH_MAX_LENGTH]) {
    snprintf(text, PATH_MAX_LENGTH, "%s/%s", DIRECTORY_NAMES[path / NAMES], NAME_TEXTS[path % NAMES]);
    return text;
}

static uint32_t fill(uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        scratch[i] = (uint8_t)random_next(&test.seed);
    }
    return size;
}

static void remount(void) {
    fs_unmount(test.volume);
    fs_result_t result = fs_mount(&test.disk.device, &test.volume);
    expect(!result, "mount", 0, (int)result);
}

static void check_file(unsigned path) {
    char text[PATH_MAX_LENGTH];
    fs_file_t file;
    model_file_t *model = &test.files[path];
    fs_result_t result = fs_open(test.volume, path_text(path, text), &file);
    expect(result == (model->exists ? FS_OK : FS_NOT_FOUND), "open", path, (int)result);
    if (!model->exists) {
        return;
    }
    uint32_t done;
    uint32_t offset = model->size ? random_below(&test.seed, model->size) : 0;
    expect(file.size == model->size, "size", path, 0);
    result = fs_read(&file, offset, scratch, FILE_MAX, &done);
    expect(!result && done == model->size - offset, "read to the end", path, (int)result);
    expect(!memcmp(scratch, model->bytes + offset, done), "content behind an offset", path, 0);
    result = fs_read(&file, 0, scratch, offset, &done);
    expect(!result && done == offset && !memcmp(scratch, model->bytes, done), "content before it", path, (int)result);
}

static void check_lists(void) {
    for (unsigned d = 0; d < DIRECTORIES; d++) {
        fs_directory_t directory;
        fs_entry_t entry;
        unsigned expected = 0;
        unsigned seen = 0;
        for (unsigned n = 0; n < NAMES; n++) {
            expected += test.files[d * NAMES + n].exists;
        }
        fs_result_t result = fs_open_directory(test.volume, DIRECTORY_NAMES[d], &directory);
        while (!result && !(result = fs_next(&directory, &entry))) {
            seen += !entry.is_directory;
            bool known = entry.is_directory;
            for (unsigned n = 0; n < NAMES; n++) {
                known |= test.files[d * NAMES + n].exists && !strcmp(NAME_TEXTS[n], entry.name);
            }
            expect(known, entry.name, d * NAMES, 0);
        }
        expect(result == FS_END && seen == expected, "list", d * NAMES, (int)result);
    }
}

/* Each operation changes the model as the volume must have changed. A full volume changes nothing. */
static void replace(unsigned path) {
    char text[PATH_MAX_LENGTH];
    uint32_t size = fill(random_below(&test.seed, FILE_MAX));
    fs_result_t result = fs_replace(test.volume, path_text(path, text), scratch, size);
    expect(!result || result == FS_FULL, "replace", path, (int)result);
    if (!result) {
        test.files[path].exists = true;
        test.files[path].size = size;
        memcpy(test.files[path].bytes, scratch, size);
    }
}

static void create(unsigned path) {
    char text[PATH_MAX_LENGTH];
    fs_file_t file;
    fs_result_t result = fs_create(test.volume, path_text(path, text), &file);
    bool existed = test.files[path].exists;
    expect(result == (existed ? FS_EXISTS : FS_OK) || result == FS_FULL, "create", path, (int)result);
    if (!result) {
        test.files[path].exists = true;
        test.files[path].size = 0;
    }
}

static void overwrite(unsigned path) {
    char text[PATH_MAX_LENGTH];
    fs_file_t file;
    model_file_t *model = &test.files[path];
    if (!model->exists) {
        return;
    }
    fs_result_t result = fs_open(test.volume, path_text(path, text), &file);
    expect(!result, "open to write", path, (int)result);
    for (int i = 0; i < 3; i++) { /* through one handle: it remembers a place in the chain */
        uint32_t offset = random_below(&test.seed, model->size + 1);
        uint32_t length = fill(random_below(&test.seed, FILE_MAX - offset));
        result = fs_write(&file, offset, scratch, length);
        expect(!result || result == FS_FULL, "write", path, (int)result);
        if (!result) {
            memcpy(model->bytes + offset, scratch, length);
            model->size = offset + length > model->size ? offset + length : model->size;
        }
    }
}

static void truncate_file(unsigned path) {
    char text[PATH_MAX_LENGTH];
    fs_file_t file;
    model_file_t *model = &test.files[path];
    if (!model->exists) {
        return;
    }
    uint32_t size = random_below(&test.seed, 3) ? random_below(&test.seed, model->size + 1) : 0;
    fs_result_t result = fs_open(test.volume, path_text(path, text), &file);
    result = result ? result : fs_truncate(&file, size);
    expect(!result, "truncate", path, (int)result);
    model->size = size;
}

static void remove_file(unsigned path) {
    char text[PATH_MAX_LENGTH];
    fs_result_t result = fs_remove(test.volume, path_text(path, text));
    expect(result == (test.files[path].exists ? FS_OK : FS_NOT_FOUND), "remove", path, (int)result);
    test.files[path].exists = false;
}

static void rename_file(unsigned path) {
    char from[PATH_MAX_LENGTH];
    char to[PATH_MAX_LENGTH];
    unsigned target = random_below(&test.seed, PATHS);
    fs_result_t result = fs_rename(test.volume, path_text(path, from), path_text(target, to));
    expect(result == (test.files[path].exists ? FS_OK : FS_NOT_FOUND), "rename", path, (int)result);
    if (!result && path != target) {
        test.files[target] = test.files[path];
        test.files[path].exists = false;
    }
}

static void step(void) {
    static void (*const OPERATIONS[])(unsigned) = {replace,       create,      overwrite,   overwrite,
                                                   truncate_file, remove_file, rename_file, check_file};
    unsigned path = random_below(&test.seed, PATHS);
    OPERATIONS[random_below(&test.seed, sizeof(OPERATIONS) / sizeof(OPERATIONS[0]))](path);
    check_file(path);
    if (random_below(&test.seed, 50) == 0) {
        remount();
        check_lists();
    }
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: fat16_model IMAGE OUT SEED STEPS\n");
        return EXIT_FAILURE;
    }
    ram_disk_load(&test.disk, arguments[1]);
    test.seed = strtoull(arguments[3], NULL, 10) * 2 + 1;
    fs_result_t result = fs_mount(&test.disk.device, &test.volume);
    expect(!result, "first mount", 0, (int)result);
    for (unsigned d = 1; d < DIRECTORIES; d++) {
        result = fs_make_directory(test.volume, DIRECTORY_NAMES[d]);
        expect(!result, "make directory", d * NAMES, (int)result);
    }
    unsigned steps = (unsigned)strtoul(arguments[4], NULL, 10);
    for (test.step = 0; test.step < steps; test.step++) {
        step();
    }
    remount();
    check_lists();
    for (unsigned path = 0; path < PATHS; path++) {
        check_file(path);
    }
    expect(!test.disk.out_of_range, "request outside the device", 0, 0);
    ram_disk_save(&test.disk, arguments[2]);
    fs_unmount(test.volume);
    ram_disk_free(&test.disk);
    return EXIT_SUCCESS;
}
