/* artifact.c: see artifact.h. */
#include "jit/artifact.h"
#include "io/format.h"
#include "jit/request.h"
#include "memory/memory.h"

static const char *const PARENT = "JIT", *const FOLDER = "JIT/CACHE", *const BUNDLE = "JIT/BUILT.ART";

enum { MAGIC = 0x414A4642, VERSION = 1, NAME_DIGITS = 16, PATH_SIZE = 64 };

/* The start of a file; the request's text and the object follow, then a SHA-256 of all that. */
typedef struct {
    uint32_t magic;
    uint32_t version;
    uint32_t request_size;
    uint32_t object_size;
    uint32_t per_mille;
    uint32_t zero;
    uint64_t before;
    uint64_t after;
} header_t;

_Static_assert(sizeof(header_t) == 40, "FORMAT.md");

enum { FILE_MAX = sizeof(header_t) + REQUEST_SIZE + ARTIFACT_OBJECT_MAX + SHA256_SIZE };

static void path_of(const char *request, char path[PATH_SIZE]) {
    char key[SHA256_TEXT_SIZE];
    request_key(request, key);
    key[NAME_DIGITS] = '\0';
    snprintf(path, PATH_SIZE, "%s/%s.art", FOLDER, key);
}

static bool is_whole(const uint8_t *data, uint32_t size, const header_t *header) {
    uint8_t digest[SHA256_SIZE];
    if (size < sizeof *header + SHA256_SIZE || header->magic != MAGIC || header->version != VERSION ||
        header->request_size >= REQUEST_SIZE || header->object_size > ARTIFACT_OBJECT_MAX ||
        size != sizeof *header + header->request_size + header->object_size + SHA256_SIZE)
        return false;
    sha256(data, size - SHA256_SIZE, digest);
    return memcmp(digest, data + size - SHA256_SIZE, SHA256_SIZE) == 0;
}

/* Takes a file apart. The key is half of the digest, so the whole request decides. */
static artifact_result_t take(const uint8_t *data, uint32_t size, const char *request, artifact_t *artifact) {
    header_t header = {0};
    memcpy(&header, data, size < sizeof header ? size : sizeof header);
    if (!is_whole(data, size, &header))
        return ARTIFACT_DAMAGED;
    const uint8_t *text = data + sizeof header;
    if (header.request_size != strlen(request) || memcmp(text, request, header.request_size) != 0)
        return ARTIFACT_MISSING;
    *artifact = (artifact_t){header.per_mille, header.before, header.after, NULL, header.object_size};
    if (header.object_size == 0)
        return ARTIFACT_OK;
    artifact->object = malloc(header.object_size);
    if (artifact->object == NULL)
        return ARTIFACT_FAILED;
    memcpy(artifact->object, text + header.request_size, header.object_size);
    return ARTIFACT_OK;
}

/* Reads `size` bytes of a file at `offset` and takes them apart. */
static artifact_result_t read_part(fs_file_t *file, uint32_t offset, uint32_t size, const char *request,
                                   artifact_t *artifact) {
    uint32_t done;
    if (size > FILE_MAX)
        return ARTIFACT_DAMAGED;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return ARTIFACT_FAILED;
    artifact_result_t taken = ARTIFACT_DAMAGED;
    if (fs_read(file, offset, data, size, &done) == FS_OK && done == size)
        taken = take(data, size, request, artifact);
    free(data);
    return taken;
}

/* The size of the artifact at `offset` of the bundle, and whether it is for the request; 0 where none can be there. */
static uint32_t look_at(fs_file_t *file, uint32_t offset, const char *request, bool *is_wanted) {
    header_t header;
    char text[REQUEST_SIZE];
    uint32_t done;
    if (fs_read(file, offset, &header, sizeof header, &done) != FS_OK || done != sizeof header ||
        header.request_size >= REQUEST_SIZE || header.object_size > ARTIFACT_OBJECT_MAX)
        return 0;
    if (fs_read(file, offset + (uint32_t)sizeof header, text, header.request_size, &done) != FS_OK)
        return 0;
    *is_wanted = header.request_size == strlen(request) && memcmp(text, request, header.request_size) == 0;
    return (uint32_t)sizeof header + header.request_size + header.object_size + SHA256_SIZE;
}

/* Looks through the bundle of the build: artifacts, one behind the other. */
static artifact_result_t read_built(fs_volume_t *volume, const char *request, artifact_t *artifact) {
    fs_file_t file;
    if (fs_open(volume, BUNDLE, &file) != FS_OK)
        return ARTIFACT_MISSING;
    for (uint32_t at = 0, size; at < file.size; at += size) {
        bool is_wanted = false;
        size = look_at(&file, at, request, &is_wanted);
        if (size == 0)
            return ARTIFACT_DAMAGED;
        if (is_wanted)
            return read_part(&file, at, size, request, artifact);
    }
    return ARTIFACT_MISSING;
}

artifact_result_t artifact_read(fs_volume_t *volume, const char *request, artifact_t *artifact) {
    char path[PATH_SIZE];
    fs_file_t file;
    path_of(request, path);
    fs_result_t result = fs_open(volume, path, &file);
    artifact_result_t taken = result == FS_NOT_FOUND ? ARTIFACT_MISSING : ARTIFACT_DAMAGED;
    if (result == FS_OK)
        taken = read_part(&file, 0, file.size, request, artifact);
    if (taken == ARTIFACT_OK || taken == ARTIFACT_FAILED)
        return taken;
    artifact_result_t built = read_built(volume, request, artifact);
    return built == ARTIFACT_MISSING ? taken : built;
}

typedef struct {
    char path[PATH_SIZE];
    uint32_t per_mille; /* the more, the less it saves */
    uint32_t count;
} least_useful_t;

/* A file that is none of ours goes first, then those that save nothing. */
enum { NOTHING_SAVED = UINT32_MAX - 1 };

static uint32_t per_mille_of(fs_volume_t *volume, const char *path) {
    fs_file_t file;
    header_t header;
    uint32_t done;
    if (fs_open(volume, path, &file) != FS_OK || fs_read(&file, 0, &header, sizeof header, &done) != FS_OK ||
        done != sizeof header || header.magic != MAGIC || header.version != VERSION)
        return UINT32_MAX;
    return header.object_size == 0 ? NOTHING_SAVED : header.per_mille;
}

static bool find_least_useful(fs_volume_t *volume, least_useful_t *least) {
    fs_directory_t directory;
    fs_entry_t entry;
    *least = (least_useful_t){0};
    if (fs_open_directory(volume, FOLDER, &directory) != FS_OK)
        return false;
    while (fs_next(&directory, &entry) == FS_OK) {
        char path[PATH_SIZE];
        if (entry.is_directory || strlen(entry.name) + strlen(FOLDER) + 2 > PATH_SIZE)
            continue;
        snprintf(path, sizeof path, "%s/%s", FOLDER, entry.name);
        uint32_t per_mille = per_mille_of(volume, path);
        if (least->count++ == 0 || per_mille > least->per_mille) {
            memcpy(least->path, path, sizeof path);
            least->per_mille = per_mille;
        }
    }
    return least->count > 0;
}

static void make_room(fs_volume_t *volume, const char *path) {
    fs_file_t file;
    least_useful_t least;
    if (fs_open(volume, path, &file) == FS_OK)
        return; /* it takes its own place */
    while (find_least_useful(volume, &least) && least.count >= ARTIFACTS_MAX)
        if (fs_remove(volume, least.path) != FS_OK)
            return;
}

/* Before the first artifact of a boot: what power cuts left would fill the volume in time. */
static void repair_once(fs_volume_t *volume) {
    static const fs_volume_t *repaired;
    if (repaired != volume)
        fs_repair(volume); /* where it cannot be, it is used as it is */
    repaired = volume;
}

artifact_result_t artifact_write(fs_volume_t *volume, const char *request, const artifact_t *artifact) {
    char path[PATH_SIZE];
    uint32_t request_size = (uint32_t)strlen(request);
    uint32_t object_size = artifact->object_size;
    uint32_t size = (uint32_t)sizeof(header_t) + request_size + object_size;
    uint8_t *data = malloc(size + SHA256_SIZE);
    if (data == NULL)
        return ARTIFACT_FAILED;
    header_t header = {
        .magic = MAGIC,
        .version = VERSION,
        .request_size = request_size,
        .object_size = object_size,
        .per_mille = artifact->per_mille,
        .before = artifact->before,
        .after = artifact->after,
    };
    memcpy(data, &header, sizeof header);
    memcpy(data + sizeof header, request, request_size);
    if (object_size > 0)
        memcpy(data + sizeof header + request_size, artifact->object, object_size);
    sha256(data, size, data + size);
    path_of(request, path);
    repair_once(volume);
    fs_make_directory(volume, PARENT); /* the first time; where one fails, so does what follows */
    fs_make_directory(volume, FOLDER);
    make_room(volume, path);
    fs_result_t result = fs_replace(volume, path, data, size + SHA256_SIZE);
    free(data);
    return result == FS_OK ? ARTIFACT_OK : ARTIFACT_FAILED;
}
