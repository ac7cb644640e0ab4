/*
 * artifact_check.c: what is kept of optimized functions comes back whole or not at all.
 *
 *     artifact_check IMAGE
 *
 * IMAGE is an empty volume. Each check ends the program with its line when it does not hold.
 */
#include "jit/artifact.h"
#include "jit/request.h"
#include "ram_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

enum { OBJECT_SIZE = 700, BITCODE_SIZE = 333, FILE_SIZE_MAX = 4096, OTHERS = 80, CUTS_MAX = 2000 };

static const char *const ABI = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char *const REQUEST =
    "bareflow-request 2\ncompiler c\nbitcode b\nfunction f\nfeatures none\nrecursion 3\n";

static ram_disk_t disk;
static fs_volume_t *volume;
static uint8_t object[OBJECT_SIZE], bitcode[BITCODE_SIZE];

static void mount(void) {
    CHECK(fs_mount(&disk.device, &volume) == FS_OK);
}

static artifact_t made(uint32_t per_mille, uint32_t size) {
    artifact_t artifact = {.per_mille = per_mille, .before = 1000, .after = per_mille};
    if (size != 0) {
        artifact.object = object;
        artifact.object_size = size;
        artifact.optimized = bitcode;
        artifact.optimized_size = BITCODE_SIZE;
    }
    return artifact;
}

static artifact_result_t read(const char *request, artifact_t *found) {
    return artifact_read(volume, &(artifact_query_t){.abi = ABI, .request = request}, found);
}

static artifact_result_t read_with_bitcode(const char *request, artifact_t *found) {
    return artifact_read(volume, &(artifact_query_t){.abi = ABI, .request = request, .with_bitcode = true}, found);
}

static bool has(const uint8_t *part, uint32_t size, const uint8_t *wanted, uint32_t wanted_size) {
    return size == wanted_size && (size == 0 ? part == NULL : memcmp(part, wanted, size) == 0);
}

static bool is_read_as(const char *request, uint32_t per_mille, uint32_t size) {
    artifact_t found;
    for (unsigned whole = 0; whole < 2; whole++) {
        if ((whole ? read_with_bitcode : read)(request, &found) != ARTIFACT_OK)
            return false;
        bool same = strcmp(found.request, request) == 0 && found.per_mille == per_mille && found.before == 1000 &&
                    found.after == per_mille && has(found.object, found.object_size, object, size) &&
                    has(found.optimized, found.optimized_size, bitcode, whole && size != 0 ? BITCODE_SIZE : 0);
        artifact_free(&found);
        if (!same)
            return false;
    }
    return true;
}

static artifact_result_t try_to_write(const char *request, const artifact_t *artifact) {
    artifact_t named = *artifact;
    named.request = (char *)(uintptr_t)request;
    return artifact_write(volume, ABI, &named);
}

static void write(const char *request, const artifact_t *artifact) {
    CHECK(try_to_write(request, artifact) == ARTIFACT_OK);
}

static void path_of(const char *request, char path[64]) {
    uint8_t key[SHA256_SIZE];
    char digits[SHA256_TEXT_SIZE];
    sha256(request, strlen(request), key);
    sha256_text(key, digits);
    snprintf(path, 64, "JIT/CACHE/%.16s.art", digits);
}

static uint32_t load(const char *request, fs_file_t *file, uint8_t whole[FILE_SIZE_MAX]) {
    char path[64];
    uint32_t size;
    path_of(request, path);
    CHECK(fs_open(volume, path, file) == FS_OK && fs_read(file, 0, whole, FILE_SIZE_MAX, &size) == FS_OK);
    return size;
}

/* A bit of the bitcode is noticed by who reads it, any other bit by everybody; and any byte that is missing. */
static void check_damage(void) {
    static uint8_t whole[FILE_SIZE_MAX];
    char path[64];
    fs_file_t file;
    artifact_t found, artifact = made(500, OBJECT_SIZE);
    write(REQUEST, &artifact);
    CHECK(is_read_as(REQUEST, 500, OBJECT_SIZE));
    path_of(REQUEST, path);
    uint32_t size = load(REQUEST, &file, whole);
    for (uint32_t bit = 0; bit < size * 8; bit += bit < 192 * 8 ? 1 : 9) {
        uint32_t at = bit / 8;
        uint8_t damaged = whole[at] ^ (uint8_t)(1 << bit % 8);
        CHECK(fs_write(&file, at, &damaged, 1) == FS_OK);
        artifact_result_t wanted = at < size - BITCODE_SIZE ? ARTIFACT_DAMAGED : ARTIFACT_OK;
        CHECK(read(REQUEST, &found) == wanted);
        if (wanted == ARTIFACT_OK) {
            CHECK(has(found.object, found.object_size, object, OBJECT_SIZE));
            artifact_free(&found);
        }
        CHECK(read_with_bitcode(REQUEST, &found) == ARTIFACT_DAMAGED);
        CHECK(fs_write(&file, at, whole + at, 1) == FS_OK);
    }
    CHECK(is_read_as(REQUEST, 500, OBJECT_SIZE));
    for (uint32_t i = 0; i < size; i++) {
        CHECK(fs_replace(volume, path, whole, i) == FS_OK);
        CHECK(read(REQUEST, &found) == ARTIFACT_DAMAGED);
    }
    CHECK(fs_replace(volume, path, whole, size + 1) == FS_OK && read(REQUEST, &found) == ARTIFACT_DAMAGED);
    write(REQUEST, &artifact); /* takes the place of what is damaged */
    CHECK(is_read_as(REQUEST, 500, OBJECT_SIZE));
}

/* Changes `size` bytes of a file, and lets its digest fit again; says what reading it comes to then. */
static artifact_result_t read_with(uint32_t offset, const void *bytes, uint32_t size) {
    static uint8_t whole[FILE_SIZE_MAX];
    char path[64];
    fs_file_t file;
    artifact_t found;
    artifact_t artifact = made(500, OBJECT_SIZE);
    write(REQUEST, &artifact);
    path_of(REQUEST, path);
    uint32_t all = load(REQUEST, &file, whole), digest = all - BITCODE_SIZE - SHA256_SIZE;
    memcpy(whole + offset, bytes, size);
    sha256(whole, digest, whole + digest);
    CHECK(fs_replace(volume, path, whole, all) == FS_OK);
    artifact_result_t result = read(REQUEST, &found);
    if (result == ARTIFACT_OK)
        artifact_free(&found);
    return result;
}

/* Artifacts that are whole, but of something else: FORMAT.md has the offsets. */
static void check_other_kernels(void) {
    uint8_t key[SHA256_SIZE] = {1};
    uint64_t features = 1;
    uint32_t version = 3, large = 4096;
    CHECK(read_with(4, &version, sizeof version) == ARTIFACT_DAMAGED);
    CHECK(read_with(8, key, sizeof key) == ARTIFACT_DAMAGED);
    CHECK(read_with(40, key, sizeof key) == ARTIFACT_MISSING);
    CHECK(read_with(72, &features, sizeof features) == ARTIFACT_MISSING);
    CHECK(read_with(80, "19.1.8", 6) == ARTIFACT_MISSING);
    CHECK(read_with(96, &large, sizeof large) == ARTIFACT_DAMAGED);
    CHECK(read_with(100, &large, sizeof large) == ARTIFACT_DAMAGED);
    CHECK(read_with(104, &large, sizeof large) == ARTIFACT_DAMAGED);
    CHECK(read_with(160, key, sizeof key) == ARTIFACT_OK); /* of the bitcode, which is not read */
    CHECK(read_with(192, "C", 1) == ARTIFACT_DAMAGED);     /* a request of another key */
    CHECK(read_with(40, key, 0) == ARTIFACT_OK && is_read_as(REQUEST, 500, OBJECT_SIZE));
}

/* The one that an artifact names as better is found by its key, if it is about the same function and processor. */
static void check_better(void) {
    static const char *const others[][2] = {
        {"compiler c", "compiler d"}, {"bitcode b", "bitcode c"}, {"function f", "function g"}, {"none", "+mmx"}};
    char request[REQUEST_SIZE];
    uint8_t key[SHA256_SIZE];
    artifact_t found, better = made(400, 64), general = made(500, OBJECT_SIZE);
    artifact_query_t query = {.abi = ABI, .request = REQUEST, .key = key};
    snprintf(request, sizeof request, "%sconstant 0 5\n", REQUEST);
    sha256(request, strlen(request), general.better);
    write(REQUEST, &general);
    write(request, &better);
    CHECK(read(REQUEST, &found) == ARTIFACT_OK && memcmp(found.better, general.better, SHA256_SIZE) == 0);
    memcpy(key, found.better, SHA256_SIZE);
    artifact_free(&found);
    CHECK(artifact_read(volume, &query, &found) == ARTIFACT_OK && found.object_size == 64);
    artifact_free(&found);
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(request, sizeof request, "%sconstant 0 5\n", REQUEST);
        memcpy(strstr(request, others[i][0]), others[i][1], strlen(others[i][1]));
        write(request, &better);
        sha256(request, strlen(request), key);
        CHECK(artifact_read(volume, &query, &found) == ARTIFACT_MISSING && is_read_as(request, 400, 64));
    }
    memset(key, 0x11, SHA256_SIZE);
    CHECK(artifact_read(volume, &query, &found) == ARTIFACT_MISSING);
}

static void check_other_requests(void) {
    artifact_t found;
    char request[REQUEST_SIZE];
    static const char *const others[] = {"compiler d", "bitcode c", "function g", "features +sse2", "recursion 2"};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(request, sizeof request, "bareflow-request 2\n%s\n", others[i]);
        CHECK(read(request, &found) == ARTIFACT_MISSING);
    }
    artifact_t rejected = made(1001, 0); /* that code was not worth it is known too */
    write(request, &rejected);
    CHECK(is_read_as(request, 1001, 0) && is_read_as(REQUEST, 500, OBJECT_SIZE));
    char from[64], to[64]; /* a file under another's name */
    path_of(REQUEST, from);
    path_of("another", to);
    CHECK(fs_rename(volume, from, to) == FS_OK && read("another", &found) == ARTIFACT_MISSING);
    CHECK(fs_rename(volume, to, from) == FS_OK);
}

static unsigned count_files(void) {
    fs_directory_t directory;
    fs_entry_t entry;
    unsigned count = 0;
    CHECK(fs_open_directory(volume, "JIT/CACHE", &directory) == FS_OK);
    while (fs_next(&directory, &entry) == FS_OK)
        count++;
    return count;
}

static void check_limit(void) {
    char request[REQUEST_SIZE];
    for (unsigned i = 0; i < OTHERS; i++) {
        snprintf(request, sizeof request, "request %u\n", i);
        artifact_t artifact = i == 7 ? made(999, 0) : made(100 + i * 10, 64);
        write(request, &artifact);
        CHECK(count_files() <= ARTIFACTS_MAX);
    }
    for (unsigned i = 0; i < 40; i++) { /* those that save most are there, and the one that saves nothing is not */
        snprintf(request, sizeof request, "request %u\n", i);
        CHECK(is_read_as(request, 100 + i * 10, 64) == (i != 7));
    }
}

static void check_power_cuts(void) {
    uint64_t seed = 1;
    unsigned old = 0, new = 0;
    for (unsigned cut = 0; cut < CUTS_MAX && new < 3; cut++) {
        artifact_t first = made(300, OBJECT_SIZE), second = made(400, OBJECT_SIZE / 2);
        write(REQUEST, &first);
        disk.power_until = disk.writes + cut;
        try_to_write(REQUEST, &second);
        disk.power_until = UINT64_MAX;
        if (ram_disk_is_dead(&disk))
            ram_disk_restart(&disk, &seed);
        fs_unmount(volume);
        mount();
        bool is_old = is_read_as(REQUEST, 300, OBJECT_SIZE), is_new = is_read_as(REQUEST, 400, OBJECT_SIZE / 2);
        CHECK(is_old || is_new);
        old += is_old;
        new += is_new;
    }
    CHECK(old >= 3 && new == 3);
}

static void check_full_disk(void) {
    artifact_t artifact = made(200, OBJECT_SIZE), found;
    uint32_t size = (uint32_t)fs_free_bytes(volume);
    uint8_t *filler = calloc(1, size);
    CHECK(filler != NULL && fs_replace(volume, "filler", filler, size) == FS_OK);
    CHECK(try_to_write("no room for this", &artifact) == ARTIFACT_FAILED);
    CHECK(read("no room for this", &found) == ARTIFACT_MISSING);
    CHECK(is_read_as("request 0\n", 100, 64));
    free(filler);
}

/* The build's bundle is asked where the guest has nothing of its own, and harms nobody when it is damaged. */
static void check_bundle(void) {
    static uint8_t bundle[2 * FILE_SIZE_MAX], damaged[2 * FILE_SIZE_MAX];
    static const char *const requests[] = {"built 0\n", "built 1\n"};
    uint32_t size = 0, part;
    artifact_t found;
    for (unsigned i = 0; i < 2; i++) {
        char path[64];
        fs_file_t file;
        artifact_t artifact = made(0, OBJECT_SIZE / (i + 1));
        artifact.before = 1000;
        write(requests[i], &artifact);
        path_of(requests[i], path);
        CHECK(fs_open(volume, path, &file) == FS_OK && fs_read(&file, 0, bundle + size, FILE_SIZE_MAX, &part) == FS_OK);
        CHECK(fs_remove(volume, path) == FS_OK && read(requests[i], &found) == ARTIFACT_MISSING);
        size += part;
    }
    CHECK(fs_replace(volume, "JIT/BUILT.ART", bundle, size) == FS_OK);
    CHECK(is_read_as(requests[0], 0, OBJECT_SIZE) && is_read_as(requests[1], 0, OBJECT_SIZE / 2));
    CHECK(read("built 2\n", &found) == ARTIFACT_MISSING);
    artifact_t own = made(600, 64);
    write(requests[1], &own);
    CHECK(is_read_as(requests[1], 600, 64));
    for (uint32_t i = 0; i < size; i += 3) {
        memcpy(damaged, bundle, size);
        damaged[i] ^= 0x81;
        CHECK(fs_replace(volume, "JIT/BUILT.ART", damaged, i % 2 == 0 ? size : i) == FS_OK);
        artifact_result_t result = read(requests[0], &found);
        CHECK(result != ARTIFACT_FAILED);
        if (result == ARTIFACT_OK) {
            CHECK(found.object_size == OBJECT_SIZE && memcmp(found.object, object, OBJECT_SIZE) == 0);
            artifact_free(&found);
        }
    }
    CHECK(fs_remove(volume, "JIT/BUILT.ART") == FS_OK);
}

int main(int count, char **arguments) {
    if (count != 2)
        return 2;
    for (unsigned i = 0; i < OBJECT_SIZE; i++)
        object[i] = (uint8_t)(i * 31 + 7);
    for (unsigned i = 0; i < BITCODE_SIZE; i++)
        bitcode[i] = (uint8_t)(i * 17 + 1);
    ram_disk_load(&disk, arguments[1]);
    mount();
    check_damage();
    check_other_kernels();
    check_better();
    check_other_requests();
    check_power_cuts();
    check_limit();
    check_bundle();
    check_full_disk();
    CHECK(disk.out_of_range == 0);
    ram_disk_save(&disk, arguments[1]);
    fs_unmount(volume);
    ram_disk_free(&disk);
    return 0;
}
