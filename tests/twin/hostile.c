/*
 * hostile.c: an app that damages what the JIT reads, and looks whether that does harm.
 *
 *     artifacts SEED TIMES   bits of files of the cache, of each function in turn; half of them get a right digest
 * again bitcode SEED TIMES     bits of the bitcode that the compiler module gets
 *
 * Each time the answer is a result, and all memory comes back; in the end the undamaged bytes still do what they did.
 */
#include "../native/random.h"
#include "check.h"
#include "jit/artifact_file.h"
#include "jit/compiler_module.h"
#include "jit/jit.h"
#include "jit/request.h"

enum { FLIPS_MAX = 8, CALL_LIMIT = 300 /* ms */, HEAP = 24 << 20 };

typedef struct {
    uint8_t *bytes;
    uint32_t size;
} content_t;

static fs_volume_t *volume;
static uint64_t seed;

static content_t read_file(const char *path) {
    fs_file_t file;
    content_t content = {0};
    if (fs_open(volume, path, &file) != FS_OK || (content.bytes = malloc(file.size)) == NULL ||
        fs_read(&file, 0, content.bytes, file.size, &content.size) != FS_OK)
        panic("a file cannot be read");
    return content;
}

static content_t damaged(const content_t *content) {
    content_t copy = {malloc(content->size), content->size};
    memcpy(copy.bytes, content->bytes, copy.size);
    for (uint32_t flips = 1 + random_below(&seed, FLIPS_MAX); flips > 0; flips--)
        copy.bytes[random_below(&seed, copy.size)] ^= (uint8_t)(1U << random_below(&seed, 8));
    return copy;
}

/* Makes the digest right that stands where the sizes say. */
static void seal(const content_t *file) {
    artifact_header_t header;
    memcpy(&header, file->bytes, sizeof header);
    uint64_t end = sizeof header + (uint64_t)header.request_size + header.object_size;
    if (end + SHA256_SIZE <= file->size)
        sha256(file->bytes, (size_t)end, file->bytes + end);
}

static void path_of(const jit_function_t *function, char path[ARTIFACT_PATH_SIZE]) {
    char request[REQUEST_SIZE], digits[SHA256_TEXT_SIZE];
    uint8_t key[SHA256_SIZE];
    sha256(request, request_general(function, request), key);
    sha256_text(key, digits);
    snprintf(path, ARTIFACT_PATH_SIZE, "%s/%.16s.art", ARTIFACT_FOLDER, digits);
}

/* Whether an artifact of the function is read, and its code, if it has any, loaded. */
static bool is_taken(const jit_function_t *function) {
    artifact_t artifact;
    code_t code;
    if (!jit_read_artifact(volume, function, NULL, &artifact))
        return false;
    bool is_loaded = artifact.object == NULL || jit_load(function, &artifact, &code) == JIT_OK;
    if (is_loaded && artifact.object != NULL)
        code_unload(&code);
    artifact_free(&artifact);
    return is_loaded;
}

static int damage_artifact(const jit_function_t *function, bool is_sealed, uint32_t *taken) {
    char path[ARTIFACT_PATH_SIZE];
    path_of(function, path);
    content_t right = read_file(path), wrong = damaged(&right);
    if (is_sealed)
        seal(&wrong);
    CHECK(fs_replace(volume, path, wrong.bytes, wrong.size) == FS_OK);
    *taken += is_taken(function);
    CHECK(fs_replace(volume, path, right.bytes, right.size) == FS_OK);
    CHECK(is_taken(function));
    free(right.bytes);
    free(wrong.bytes);
    return 0;
}

/* The next one that the disk has an artifact of. */
static const jit_function_t *next_known(const jit_function_t *function) {
    do
        function = function + 1 < jit_functions_end() ? function + 1 : jit_functions();
    while (!jit_status(function).is_from_disk);
    return function;
}

static int damage_artifacts(uint32_t times) {
    uint32_t taken[2] = {0};
    const jit_function_t *function = next_known(jit_functions());
    for (uint32_t i = 0; i < times; i++) {
        size_t used = heap_statistics().used;
        CHECK(damage_artifact(function, i % 2 == 1, &taken[i % 2]) == 0);
        CHECK(heap_statistics().used == used);
        function = next_known(function);
    }
    serial_record("artifacts times=%u taken=%u taken_sealed=%u", times, taken[0], taken[1]);
    return 0;
}

static int damage_bitcode(uint32_t times) {
    const jit_function_t *function = jit_functions();
    char request[REQUEST_SIZE];
    uint32_t results[COMPILER_REFUSED + 1] = {0};
    compiled_t right, made;
    content_t bitcode = read_file(function->source->path);
    compiler_limit(HEAP, CALL_LIMIT);
    CHECK(request_general(function, request) != 0 && compiler_load(volume, "JIT/COMPILER.ELF") == COMPILER_OK);
    CHECK(compiler_run(request, bitcode.bytes, bitcode.size, &right) == COMPILER_OK);
    for (uint32_t i = 0; i < times; i++) {
        size_t used = heap_statistics().used;
        content_t wrong = damaged(&bitcode);
        compiler_result_t result = compiler_run(request, wrong.bytes, wrong.size, &made);
        results[result]++;
        free(wrong.bytes);
        if (result == COMPILER_OK) {
            free(made.object);
            free(made.optimized);
        }
        CHECK(heap_statistics().used == used);
    }
    CHECK(compiler_run(request, bitcode.bytes, bitcode.size, &made) == COMPILER_OK);
    CHECK(made.object_size == right.object_size && memcmp(made.object, right.object, right.object_size) == 0);
    serial_record("bitcode times=%u done=%u refused=%u failed=%u", times, results[COMPILER_OK],
                  results[COMPILER_REFUSED], results[COMPILER_FAILED]);
    return 0;
}

static uint32_t number(const char **text) {
    uint32_t value = 0;
    while (**text == ' ')
        (*text)++;
    for (; **text >= '0' && **text <= '9'; (*text)++)
        value = value * 10 + (uint32_t)(**text - '0');
    return value;
}

int app_main(void) {
    const char *text = app_arguments();
    bool is_bitcode = text[0] == 'b';
    text += is_bitcode ? strlen("bitcode") : strlen("artifacts");
    seed = number(&text);
    uint32_t times = number(&text);
    CHECK(seed != 0 && times != 0 && fs_mount_disk(&volume) == FS_OK && jit_start() == JIT_OK);
    CHECK((is_bitcode ? damage_bitcode(times) : damage_artifacts(times)) == 0);
    heap_check();
    return 0;
}
