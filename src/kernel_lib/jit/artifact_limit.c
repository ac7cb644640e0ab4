/* artifact_limit.c: how many artifacts there are at most, and which goes when one more comes; see artifact.h. */
#include "io/format.h"
#include "jit/artifact.h"
#include "jit/artifact_file.h"
#include "memory/memory.h"

typedef struct {
    char path[ARTIFACT_PATH_SIZE];
    uint32_t per_mille; /* the more, the less it saves */
    uint32_t count;
} least_useful_t;

/* A file that is none of ours goes first, then those that save nothing. */
enum { NOTHING_SAVED = UINT32_MAX - 1 };

static uint32_t per_mille_of(fs_volume_t *volume, const char *path) {
    fs_file_t file;
    artifact_header_t header;
    uint32_t done;
    if (fs_open(volume, path, &file) != FS_OK || fs_read(&file, 0, &header, sizeof header, &done) != FS_OK ||
        done != sizeof header || header.magic != ARTIFACT_MAGIC || header.version != ARTIFACT_VERSION)
        return UINT32_MAX;
    return header.object_size == 0 ? NOTHING_SAVED : header.per_mille;
}

static bool find_least_useful(fs_volume_t *volume, least_useful_t *least) {
    fs_directory_t directory;
    fs_entry_t entry;
    *least = (least_useful_t){0};
    if (fs_open_directory(volume, ARTIFACT_FOLDER, &directory) != FS_OK)
        return false;
    while (fs_next(&directory, &entry) == FS_OK) {
        char path[ARTIFACT_PATH_SIZE];
        if (entry.is_directory || strlen(entry.name) + strlen(ARTIFACT_FOLDER) + 2 > ARTIFACT_PATH_SIZE)
            continue;
        snprintf(path, sizeof path, "%s/%s", ARTIFACT_FOLDER, entry.name);
        uint32_t per_mille = per_mille_of(volume, path);
        if (least->count++ == 0 || per_mille > least->per_mille) {
            memcpy(least->path, path, sizeof path);
            least->per_mille = per_mille;
        }
    }
    return least->count > 0;
}

void artifact_make_room(fs_volume_t *volume, const char *path) {
    fs_file_t file;
    least_useful_t least;
    if (fs_open(volume, path, &file) == FS_OK)
        return; /* it takes its own place */
    while (find_least_useful(volume, &least) && least.count >= ARTIFACTS_MAX)
        if (fs_remove(volume, least.path) != FS_OK)
            return;
}
