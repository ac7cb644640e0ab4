/*
 * fat16.h: what the files of this room share: the bytes on disk, the mounted volume, and the calls between them.
 *
 *   fat16.c            mount: the MBR, the boot sector, what is believed of them; sectors
 *   fat16_table.c      the table of clusters: chains, allocation, writing it
 *   fat16_name.c       8.3 names, long names, sets of entries
 *   fat16_directory.c  walking, looking up, adding and removing entries
 *   fat16_file.c       file content
 *   fat16_tree.c       operations on paths
 *   fat16_repair.c     taking back what power cuts left behind
 *
 * Rules that make a power cut harmless:
 *   1. Content and the links of its chain are on disk before anything points to the chain: an entry, or the link of a
 *      chain that it extends.
 *   2. An entry stops pointing to a chain before the chain is given back.
 *   3. Never do two entries point to one chain.
 *   4. A set of entries that we write lies in one sector, so it appears or disappears as a whole.
 */
#ifndef BF_FAT16_H
#define BF_FAT16_H

#include "fs/fs.h"

enum {
    FAT16_ENTRY_SIZE = 32,
    FAT16_ENTRIES_PER_SECTOR = BLOCK_SIZE / FAT16_ENTRY_SIZE,
    FAT16_LINKS_PER_SECTOR = BLOCK_SIZE / 2,
    FAT16_CLUSTERS_MIN = 4085,
    FAT16_CLUSTERS_MAX = 65524,
    FAT16_FIRST_CLUSTER = 2,
    FAT16_TABLE_SECTORS_MAX =
        (FAT16_CLUSTERS_MAX + FAT16_FIRST_CLUSTER + FAT16_LINKS_PER_SECTOR - 1) / FAT16_LINKS_PER_SECTOR,
    FAT16_DIRECTORY_ENTRIES_MAX = 65536, /* by the specification; it also bounds every walk */
    FAT16_LONG_NAME_UNITS = 255,
    FAT16_UNITS_PER_ENTRY = 13,
    FAT16_SET_MAX = 1 + FS_WRITTEN_NAME_MAX / FAT16_UNITS_PER_ENTRY, /* entries of a name that we write */
    FAT16_SHORT_NAME = 11,
    FAT16_FIRST_PIECE = 0x40, /* in the number of the piece of a long name that lies first */
};

_Static_assert(FAT16_SET_MAX <= FAT16_ENTRIES_PER_SECTOR, "rule 4");

enum { FAT16_FREE = 0x0000, FAT16_BAD = 0xFFF7, FAT16_CHAIN_END = 0xFFFF, FAT16_CHAIN_END_MIN = 0xFFF8 };

enum { ENTRY_END = 0x00, ENTRY_DELETED = 0xE5 }; /* first byte of the name */
enum { ATTRIBUTE_LABEL = 0x08, ATTRIBUTE_DIRECTORY = 0x10, ATTRIBUTE_ARCHIVE = 0x20, ATTRIBUTE_LONG = 0x0F };
enum { CASE_LOWER_BASE = 0x08, CASE_LOWER_EXTENSION = 0x10 };

/* A directory entry as it lies on the disk: little-endian, like this processor. */
typedef struct {
    uint8_t name[FAT16_SHORT_NAME];
    uint8_t attributes;
    uint8_t name_case;
    uint8_t created_hundredths;
    uint16_t created_time;
    uint16_t created_date;
    uint16_t accessed_date;
    uint16_t cluster_high; /* not of FAT16 */
    uint16_t modified_time;
    uint16_t modified_date;
    uint16_t cluster;
    uint32_t size;
} fat16_entry_t;

_Static_assert(sizeof(fat16_entry_t) == FAT16_ENTRY_SIZE, "the layout of the disk");

struct fs_volume {
    block_device_t *device;
    uint32_t table_start;
    uint32_t table_stride; /* sectors from one copy of the table to the next */
    uint32_t table_copies;
    uint32_t table_sectors; /* sectors of a copy that hold links of clusters */
    uint32_t root_start;
    uint32_t root_entries;
    uint32_t data_start;
    uint32_t cluster_sectors;
    uint32_t cluster_bytes;
    uint32_t cluster_limit; /* clusters are FAT16_FIRST_CLUSTER .. cluster_limit - 1 */
    uint32_t free_clusters;
    uint32_t next_free; /* where the search for a free cluster starts */
    uint16_t *table;    /* the whole table; sectors in table_dirty differ from the disk */
    bool table_dirty[FAT16_TABLE_SECTORS_MAX];
    uint32_t sector_number; /* the directory sector in `sector`; 0 for none (sector 0 is the MBR) */
    bool sector_dirty;
    fat16_entry_t sector[FAT16_ENTRIES_PER_SECTOR];
    uint8_t bounce[BLOCK_SIZE]; /* for parts of a sector of content */
};

/* One file or directory as found by a walk. */
typedef struct {
    fs_entry_t shown;
    char alias[13]; /* the 8.3 name */
    uint16_t directory;
    uint32_t first;    /* position of the first entry of its set ... */
    uint32_t position; /* ... and of the last, which is the 8.3 entry */
    fs_place_t place;  /* of the 8.3 entry */
    fat16_entry_t entry;
} fat16_item_t;

/* The entries that a name needs, the 8.3 entry last. */
typedef struct {
    fat16_entry_t entries[FAT16_SET_MAX];
    uint32_t count;
} fat16_set_t;

/* Pieces of a long name, gathered while a walk passes them. */
typedef struct {
    uint16_t units[FAT16_LONG_NAME_UNITS + FAT16_UNITS_PER_ENTRY];
    uint32_t expected; /* number of the piece that must come next; 0 when complete */
    uint8_t checksum;
    bool valid;
} fat16_long_name_t;

/* fat16.c: brings a directory sector into volume->sector (writing back what was there), and writes it back now. */
fs_result_t fat16_load_sector(fs_volume_t *volume, uint32_t number);
fs_result_t fat16_store_sector(fs_volume_t *volume);
fs_result_t fat16_device_result(block_result_t result);
uint32_t fat16_cluster_sector(const fs_volume_t *volume, uint16_t cluster);

/* fat16_table.c: *next is 0 behind the last cluster of a chain. */
bool fat16_is_cluster(const fs_volume_t *volume, uint32_t cluster);
fs_result_t fat16_next(const fs_volume_t *volume, uint16_t cluster, uint16_t *next);
fs_result_t fat16_allocate(fs_volume_t *volume, uint32_t count, uint16_t *first); /* a new chain, in memory only */
void fat16_link(fs_volume_t *volume, uint16_t cluster, uint16_t next);
fs_result_t fat16_free_chain(fs_volume_t *volume, uint16_t first); /* and writes the table */
void fat16_forget_chain(fs_volume_t *volume, uint16_t first);      /* in memory only */

/* Writes what changed in the table, the sector that holds the link of `last` after all others. */
fs_result_t fat16_write_table(fs_volume_t *volume, uint16_t last);

/* fat16_name.c */
bool fat16_names_equal(const char *left, const char *right);
void fat16_alias_text(const fat16_entry_t *entry, char text[13]);
void fat16_long_name_add(fat16_long_name_t *name, const fat16_entry_t *piece);
bool fat16_long_name_text(const fat16_long_name_t *name, const fat16_entry_t *entry, char text[FS_NAME_SIZE]);
/* The set for `name`, the rest of it zero; `attempt` counts up until its alias is free. FS_BAD_NAME. */
fs_result_t fat16_make_set(const char *name, uint32_t attempt, fat16_set_t *set);

/* fat16_directory.c; `first` is a directory's first cluster, 0 for the root. */
fs_directory_t fat16_directory(fs_volume_t *volume, uint16_t first);
fs_result_t fat16_next_item(fs_directory_t *directory, fat16_item_t *item); /* FS_END */
fs_result_t fat16_find(fs_volume_t *volume, uint16_t first, const char *name, fat16_item_t *item);
fs_result_t fat16_clear_cluster(fs_volume_t *volume, uint16_t cluster); /* fills it with zeros */

/* Adds the set, in one write with the removal of `instead` (may be NULL) where they meet, else behind it. */
fs_result_t fat16_add(fs_volume_t *volume, uint16_t first, const fat16_set_t *set, const fat16_item_t *instead);

/* Removes the item's set in volume->sector; the next store, or load of another sector, brings it to the disk. */
fs_result_t fat16_unlist(fs_volume_t *volume, const fat16_item_t *item);

/* Lets a file's entry point to another chain. FS_NOT_FOUND unless it is one and points to `old`. */
fs_result_t fat16_point(fs_volume_t *volume, const fs_place_t *place, uint16_t old, uint16_t first, uint32_t size);

/* fat16_file.c */
fs_result_t fat16_file_of(fs_volume_t *volume, const fat16_item_t *item, fs_file_t *file);

/* Writes a chain with this content, and its table; nothing points to it yet. *first is 0 for no content. */
fs_result_t fat16_write_new(fs_volume_t *volume, const void *data, uint32_t length, uint16_t *first);

#endif
