/*
 * fs.h: files on the disk's FAT16 partition.
 *
 * Paths: components separated by '/', from the root; a leading '/' may be left out. "." and ".." are not followed.
 * Names compare without regard to ASCII case. Any name that the disk holds can be read (as UTF-8); names that we write
 * are printable ASCII without  " * / : < > ? \ |  , do not end in '.' or ' ', and have at most FS_WRITTEN_NAME_MAX
 * characters.
 *
 * Durability: a function that changes something returns when the change is on stable storage. Power may fail at any
 * moment: the volume then has at most clusters that belong to no file (and FAT copies or, after an interrupted append
 * or truncate, a chain longer than its file, which fsck.fat cuts and we ignore). In detail:
 *   fs_replace, fs_rename onto a file   the target holds its old content or the new one, never a mixture
 *   fs_write over existing bytes        in place: old and new blocks may mix
 *   fs_rename to a new name             at most one of the names exists; both may be missing when they need two blocks
 *
 * A damaged or hostile volume yields FS_CORRUPT or wrong file content, never an access outside the volume or outside
 * the caller's memory, and never a loop without end. One caller at a time; not for interrupt handlers.
 */
#ifndef BF_FS_H
#define BF_FS_H

#include "io/block.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    FS_OK,
    FS_END,           /* fs_next: no more entries */
    FS_IO,            /* the device failed */
    FS_NO_VOLUME,     /* no MBR, no FAT16 partition, or a boot sector that makes no sense */
    FS_CORRUPT,       /* the volume contradicts itself where the operation had to look */
    FS_NO_MEMORY,     /* the heap could not hold the table of clusters */
    FS_NOT_FOUND,     /* no such file or directory; or the file of a handle has been removed, renamed or replaced */
    FS_EXISTS,        /* there is one already */
    FS_IS_DIRECTORY,  /* a file was wanted */
    FS_NOT_DIRECTORY, /* a directory was wanted */
    FS_NOT_EMPTY,     /* the directory still has entries */
    FS_BAD_NAME,      /* a name that we do not write */
    FS_INVALID,       /* an offset behind the end, or a directory renamed into another directory */
    FS_FULL,          /* no free cluster, or no room in the root directory */
    FS_TOO_LARGE,     /* a file has at most 2^32 - 1 bytes */
} fs_result_t;

enum { FS_NAME_SIZE = 256, FS_WRITTEN_NAME_MAX = 195 };

typedef struct fs_volume fs_volume_t;

/* Where the disk keeps the entry of a file. Private. */
typedef struct {
    uint32_t sector;
    uint32_t index;
} fs_place_t;

/* An open file. Nothing needs closing. Fields other than `size` are private. */
typedef struct {
    fs_volume_t *volume;
    uint32_t size;
    uint16_t first;        /* first cluster; 0 while the file has none */
    uint16_t near_cluster; /* the cluster that was used last ... */
    uint32_t near_index;   /* ... and which one of the file it is */
    fs_place_t place;
} fs_file_t;

typedef struct {
    char name[FS_NAME_SIZE];
    uint32_t size; /* 0 for a directory */
    bool is_directory;
} fs_entry_t;

/* A place in a directory. All fields are private. */
typedef struct {
    fs_volume_t *volume;
    uint16_t first;    /* first cluster; 0 for the root */
    uint16_t cluster;  /* the one that holds `position` */
    uint32_t position; /* entries from the directory's start */
} fs_directory_t;

/* The text of a result, for messages. */
const char *fs_result_text(fs_result_t result);

/* Mounts the first FAT16 partition of the MBR. Needs up to 128 KiB of heap until fs_unmount. */
fs_result_t fs_mount(block_device_t *device, fs_volume_t **volume);
void fs_unmount(fs_volume_t *volume);

/* The volume of the machine's own disk. The first call looks for the disk and mounts it, later ones are free. */
fs_result_t fs_mount_disk(fs_volume_t **volume);

uint64_t fs_free_bytes(const fs_volume_t *volume);

/*
 * Takes back what power cuts left: clusters of no file, the rest of a chain that is longer than its file, copies of the
 * table that differ. A volume that is sound stays as it is; so does one that is damaged otherwise, with FS_CORRUPT.
 */
fs_result_t fs_repair(fs_volume_t *volume);

/* Files. fs_create makes a new empty one. */
fs_result_t fs_open(fs_volume_t *volume, const char *path, fs_file_t *file);
fs_result_t fs_create(fs_volume_t *volume, const char *path, fs_file_t *file);

/* Reads up to `length` bytes; *done is fewer only at the end of the file. */
fs_result_t fs_read(fs_file_t *file, uint32_t offset, void *buffer, uint32_t length, uint32_t *done);

/* Overwrites, and extends the file when [offset, offset + length) passes its end; offset is at most the size. */
fs_result_t fs_write(fs_file_t *file, uint32_t offset, const void *data, uint32_t length);

/* Shortens the file to `size` bytes, which is at most its size. */
fs_result_t fs_truncate(fs_file_t *file, uint32_t size);

/* Makes `data` the content of the file, which is created if it is missing. */
fs_result_t fs_replace(fs_volume_t *volume, const char *path, const void *data, uint32_t length);

/* Names. fs_rename replaces an existing file, moves files between directories, renames directories in their place. */
fs_result_t fs_remove(fs_volume_t *volume, const char *path);
fs_result_t fs_rename(fs_volume_t *volume, const char *from, const char *to);

/* Directories. fs_next skips volume labels, "." and "..". */
fs_result_t fs_make_directory(fs_volume_t *volume, const char *path);
fs_result_t fs_open_directory(fs_volume_t *volume, const char *path, fs_directory_t *directory);
fs_result_t fs_next(fs_directory_t *directory, fs_entry_t *entry);

#endif
