/*
 * fat16_tool.c: our FAT16 on an image file, by command, so that other tools can check what it did and it what they did.
 *
 *     fat16_tool IMAGE ls PATH | cat PATH | free
 *     fat16_tool IMAGE put PATH | append PATH | create PATH     content from standard input
 *     fat16_tool IMAGE rm PATH | mkdir PATH | mv FROM TO | truncate PATH SIZE
 *
 * Exit status 0, or the fs_result_t, named on standard error. `ls` prints "d" or "f", the size and the name.
 */
#include "fs/fs.h"
#include "ram_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *bytes;
    uint32_t length;
} content_t;

static content_t read_input(void) {
    content_t content = {malloc(1), 0};
    size_t capacity = 1;
    size_t more;
    while (content.bytes && (more = fread(content.bytes + content.length, 1, capacity - content.length, stdin)) > 0) {
        content.length += (uint32_t)more;
        if (content.length == capacity) {
            capacity *= 2;
            content.bytes = realloc(content.bytes, capacity);
        }
    }
    return content;
}

static fs_result_t list(fs_volume_t *volume, const char *path) {
    fs_directory_t directory;
    fs_entry_t entry;
    fs_result_t result = fs_open_directory(volume, path, &directory);
    while (!result && !(result = fs_next(&directory, &entry))) {
        printf("%c %u %s\n", entry.is_directory ? 'd' : 'f', (unsigned)entry.size, entry.name);
    }
    return result == FS_END ? FS_OK : result;
}

static fs_result_t show(fs_volume_t *volume, const char *path) {
    enum { PIECE = 5000 }; /* no multiple of a sector: both ways of reading are used */
    static uint8_t piece[PIECE];
    fs_file_t file;
    uint32_t done = 0;
    fs_result_t result = fs_open(volume, path, &file);
    for (uint32_t offset = 0; !result && offset < file.size; offset += done) {
        result = fs_read(&file, offset, piece, PIECE, &done);
        fwrite(piece, 1, done, stdout);
    }
    return result;
}

static fs_result_t append(fs_volume_t *volume, const char *path, bool create) {
    fs_file_t file;
    content_t content = read_input();
    fs_result_t result = create ? fs_create(volume, path, &file) : fs_open(volume, path, &file);
    result = result ? result : fs_write(&file, file.size, content.bytes, content.length);
    free(content.bytes);
    return result;
}

static fs_result_t put(fs_volume_t *volume, const char *path) {
    content_t content = read_input();
    fs_result_t result = fs_replace(volume, path, content.bytes, content.length);
    free(content.bytes);
    return result;
}

static fs_result_t cut(fs_volume_t *volume, const char *path, const char *size) {
    fs_file_t file;
    fs_result_t result = fs_open(volume, path, &file);
    return result ? result : fs_truncate(&file, (uint32_t)strtoul(size, NULL, 10));
}

static fs_result_t run(fs_volume_t *volume, const char *command, const char *path, const char *more) {
    if (!strcmp(command, "free")) {
        printf("%llu\n", (unsigned long long)fs_free_bytes(volume));
        return FS_OK;
    }
    return !strcmp(command, "ls")         ? list(volume, path)
           : !strcmp(command, "cat")      ? show(volume, path)
           : !strcmp(command, "put")      ? put(volume, path)
           : !strcmp(command, "append")   ? append(volume, path, false)
           : !strcmp(command, "create")   ? append(volume, path, true)
           : !strcmp(command, "rm")       ? fs_remove(volume, path)
           : !strcmp(command, "mkdir")    ? fs_make_directory(volume, path)
           : !strcmp(command, "mv")       ? fs_rename(volume, path, more)
           : !strcmp(command, "truncate") ? cut(volume, path, more)
                                          : FS_INVALID;
}

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: fat16_tool IMAGE COMMAND [PATH [PATH|SIZE]]\n");
        return EXIT_FAILURE;
    }
    ram_disk_t disk;
    fs_volume_t *volume;
    ram_disk_load(&disk, arguments[1]);
    fs_result_t result = fs_mount(&disk.device, &volume);
    if (!result) {
        result = run(volume, arguments[2], count > 3 ? arguments[3] : "", count > 4 ? arguments[4] : "");
        fs_unmount(volume);
        if (disk.writes) {
            ram_disk_save(&disk, arguments[1]);
        }
    }
    if (result) {
        fprintf(stderr, "%s\n", fs_result_text(result));
    }
    ram_disk_free(&disk);
    return (int)result;
}
