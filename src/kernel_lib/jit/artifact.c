/* artifact.c: see artifact.h. */
#include "jit/artifact.h"
#include "cpu/features.h"
#include "io/format.h"
#include "jit/artifact_file.h"
#include "jit/compiler/compiler.h"
#include "jit/request.h"
#include "memory/memory.h"

static const char *const BUNDLE = ARTIFACT_PARENT "/BUILT.ART";

enum { NAME_DIGITS = 16 };

/* Where an artifact begins in a file, and how many bytes from there on may be its own. */
typedef struct {
    fs_file_t *file;
    uint32_t at, size;
} place_t;

void artifact_free(artifact_t *artifact) {
    free(artifact->request);
    free(artifact->object);
    free(artifact->optimized);
    *artifact = (artifact_t){0};
}

static void path_of(const uint8_t key[SHA256_SIZE], char path[ARTIFACT_PATH_SIZE]) {
    char digits[SHA256_TEXT_SIZE];
    sha256_text(key, digits);
    digits[NAME_DIGITS] = '\0';
    snprintf(path, ARTIFACT_PATH_SIZE, "%s/%s.art", ARTIFACT_FOLDER, digits);
}

static bool read_exactly(const place_t *place, uint32_t offset, void *buffer, uint32_t size) {
    uint32_t done;
    return fs_read(place->file, place->at + offset, buffer, size, &done) == FS_OK && done == size;
}

/* The bytes that the first digest is about: header, request and object. */
static uint32_t digested_size(const artifact_header_t *header) {
    return (uint32_t)sizeof *header + header->request_size + header->object_size;
}

static uint32_t file_size(const artifact_header_t *header) {
    return digested_size(header) + SHA256_SIZE + header->optimized_size;
}

/* Reads a header as far as its sizes can be believed. */
static bool read_header(const place_t *place, artifact_header_t *header) {
    return read_exactly(place, 0, header, sizeof *header) && header->magic == ARTIFACT_MAGIC &&
           header->version == ARTIFACT_VERSION && header->request_size < REQUEST_SIZE &&
           header->object_size <= ARTIFACT_PART_MAX && header->optimized_size <= ARTIFACT_PART_MAX &&
           file_size(header) <= place->size;
}

static bool is_digest_of(const uint8_t *digest, const void *data, uint32_t size) {
    uint8_t found[SHA256_SIZE];
    sha256(data, size, found);
    return memcmp(found, digest, SHA256_SIZE) == 0;
}

/* How much of a request says which compiler, bitcode, function and processor it is about: all lines before recursion.
 */
static size_t subject_size(const char *request) {
    const char *end = strstr(request, "\nrecursion ");
    return end == NULL ? strlen(request) : (size_t)(end + 1 - request);
}

/* Whether a whole file is for this kernel and processor, and about what the query is about. */
static bool is_for_us(const artifact_header_t *header, const char *text, const artifact_query_t *query) {
    static const char version[ARTIFACT_LLVM_SIZE] = COMPILER_LLVM;
    uint8_t abi[SHA256_SIZE];
    size_t size = subject_size(query->request);
    return sha256_parse(query->abi, abi) && memcmp(header->abi, abi, SHA256_SIZE) == 0 &&
           memcmp(header->llvm, version, sizeof version) == 0 && header->features == cpu_feature_mask() &&
           header->request_size >= size && memcmp(text, query->request, size) == 0;
}

/* A copy of the heap, with a zero behind it; NULL of nothing. */
static bool copy_part(const uint8_t *part, uint32_t size, void **copy) {
    *copy = size == 0 ? NULL : calloc(1, size + 1);
    if (*copy != NULL)
        memcpy(*copy, part, size);
    return size == 0 || *copy != NULL;
}

/* Takes the bytes of a file apart. The name is a part of the key, so the key in the file decides. */
static artifact_result_t take(const uint8_t *data, const uint8_t key[SHA256_SIZE], const artifact_query_t *query,
                              artifact_t *artifact) {
    artifact_header_t header;
    memcpy(&header, data, sizeof header);
    const uint8_t *text = data + sizeof header, *object = text + header.request_size;
    const uint8_t *digest = object + header.object_size, *optimized = digest + SHA256_SIZE;
    if (!is_digest_of(digest, data, digested_size(&header)) || !is_digest_of(header.key, text, header.request_size) ||
        (query->with_bitcode && !is_digest_of(header.optimized_digest, optimized, header.optimized_size)))
        return ARTIFACT_DAMAGED;
    if (memcmp(header.key, key, SHA256_SIZE) != 0 || !is_for_us(&header, (const char *)text, query))
        return ARTIFACT_MISSING;
    *artifact = (artifact_t){
        .per_mille = header.per_mille,
        .before = header.before,
        .after = header.after,
        .object_size = header.object_size,
        .optimized_size = query->with_bitcode ? header.optimized_size : 0,
    };
    memcpy(artifact->better, header.better, SHA256_SIZE);
    void *parts[3] = {NULL};
    bool is_copied = copy_part(text, header.request_size, &parts[0]) &&
                     copy_part(object, artifact->object_size, &parts[1]) &&
                     copy_part(optimized, artifact->optimized_size, &parts[2]);
    artifact->request = parts[0];
    artifact->object = parts[1];
    artifact->optimized = parts[2];
    if (!is_copied)
        artifact_free(artifact);
    return is_copied ? ARTIFACT_OK : ARTIFACT_FAILED;
}

/* Reads as much of an artifact as is wanted, and takes it apart. */
static artifact_result_t read_at(const place_t *place, const uint8_t key[SHA256_SIZE], const artifact_query_t *query,
                                 artifact_t *artifact) {
    artifact_header_t header;
    if (!read_header(place, &header) || file_size(&header) != place->size)
        return ARTIFACT_DAMAGED;
    uint32_t size = query->with_bitcode ? place->size : digested_size(&header) + SHA256_SIZE;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return ARTIFACT_FAILED;
    bool is_read = read_exactly(place, 0, data, size) && memcmp(data, &header, sizeof header) == 0;
    artifact_result_t result = is_read ? take(data, key, query, artifact) : ARTIFACT_DAMAGED;
    free(data);
    return result;
}

/* Looks through the bundle of the build: artifacts, one behind the other. */
static artifact_result_t read_built(fs_volume_t *volume, const uint8_t key[SHA256_SIZE], const artifact_query_t *query,
                                    artifact_t *artifact) {
    fs_file_t file;
    artifact_header_t header;
    if (fs_open(volume, BUNDLE, &file) != FS_OK)
        return ARTIFACT_MISSING;
    for (place_t place = {&file, 0, 0}; place.at < file.size; place.at += place.size) {
        place.size = file.size - place.at;
        if (!read_header(&place, &header))
            return ARTIFACT_DAMAGED;
        place.size = file_size(&header);
        if (memcmp(header.key, key, SHA256_SIZE) == 0)
            return read_at(&place, key, query, artifact);
    }
    return ARTIFACT_MISSING;
}

artifact_result_t artifact_read(fs_volume_t *volume, const artifact_query_t *query, artifact_t *artifact) {
    char path[ARTIFACT_PATH_SIZE];
    fs_file_t file;
    uint8_t key[SHA256_SIZE];
    sha256(query->request, strlen(query->request), key);
    if (query->key != NULL)
        memcpy(key, query->key, SHA256_SIZE);
    path_of(key, path);
    fs_result_t result = fs_open(volume, path, &file);
    artifact_result_t taken = result == FS_NOT_FOUND ? ARTIFACT_MISSING : ARTIFACT_DAMAGED;
    if (result == FS_OK)
        taken = read_at(&(place_t){&file, 0, file.size}, key, query, artifact);
    if (taken == ARTIFACT_OK || taken == ARTIFACT_FAILED)
        return taken;
    artifact_result_t built = read_built(volume, key, query, artifact);
    return built == ARTIFACT_MISSING ? taken : built;
}

/* The bytes of a file; false where `abi` is no digest. */
static bool describe(artifact_header_t *header, const char *abi, const artifact_t *artifact) {
    *header = (artifact_header_t){
        .magic = ARTIFACT_MAGIC,
        .version = ARTIFACT_VERSION,
        .features = cpu_feature_mask(),
        .llvm = COMPILER_LLVM,
        .request_size = (uint32_t)strlen(artifact->request),
        .object_size = artifact->object_size,
        .optimized_size = artifact->optimized_size,
        .per_mille = artifact->per_mille,
        .before = artifact->before,
        .after = artifact->after,
    };
    sha256(artifact->request, header->request_size, header->key);
    sha256(artifact->optimized, artifact->optimized_size, header->optimized_digest);
    memcpy(header->better, artifact->better, SHA256_SIZE);
    return sha256_parse(abi, header->abi);
}

static void *put(void *to, const void *from, uint32_t size) {
    if (size > 0)
        memcpy(to, from, size);
    return (uint8_t *)to + size;
}

/* Before the first artifact of a boot: what power cuts left would fill the volume in time. */
static void repair_once(fs_volume_t *volume) {
    static const fs_volume_t *repaired;
    if (repaired != volume)
        fs_repair(volume); /* where it cannot be, it is used as it is */
    repaired = volume;
}

artifact_result_t artifact_write(fs_volume_t *volume, const char *abi, const artifact_t *artifact) {
    char path[ARTIFACT_PATH_SIZE];
    artifact_header_t header;
    if (!describe(&header, abi, artifact))
        return ARTIFACT_FAILED;
    uint8_t *data = malloc(file_size(&header));
    if (data == NULL)
        return ARTIFACT_FAILED;
    uint8_t *next = put(data, &header, sizeof header);
    next = put(next, artifact->request, header.request_size);
    next = put(next, artifact->object, header.object_size);
    sha256(data, digested_size(&header), next);
    put(next + SHA256_SIZE, artifact->optimized, header.optimized_size);
    path_of(header.key, path);
    repair_once(volume);
    fs_make_directory(volume, ARTIFACT_PARENT); /* the first time; where one fails, so does what follows */
    fs_make_directory(volume, ARTIFACT_FOLDER);
    artifact_make_room(volume, path);
    fs_result_t result = fs_replace(volume, path, data, file_size(&header));
    free(data);
    return result == FS_OK ? ARTIFACT_OK : ARTIFACT_FAILED;
}
