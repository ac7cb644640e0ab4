/*
 * objects.c: an app that compiles every function of kernels.c for several processors, some for the use that is made of
 * them, the first ones once more at the end, and says which bytes came out.
 */
#include "jit/compiler_module.h"
#include "jit/request.h"
#include "jit/sha256.h"
#include "runtime.h"

static const char *const functions[] = {
    "ackermann",    "call_another", "classify",     "collatz", "copy_words",   "count_bytes",    "crc32",  "dot",
    "energy",       "fibonacci",    "find_string",  "gcd",     "horner",       "insertion_sort", "matmul", "mix",
    "popcount_all", "power_mod",    "scale_floats", "sieve",   "sum_products", "xor_stream",
};

static const char *const processors[] = {
    "none",
    "+cmov,+mmx,+fxsr,+sse,+sse2",
    "+cmov,+mmx,+fxsr,+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+xsave,+avx,+fma,+f16c,+bmi,+bmi2,+avx2",
};

/* What requests say of a function's use. */
static const struct {
    const char *function, *lines;
} uses[] = {
    {"fibonacci", "count branches\n"},        {"find_string", "count branches\n"},
    {"fibonacci", "constant 0 20\n"},         {"matmul", "constant 0 1052672\nconstant 3 16\n"},
    {"dot", "constant 2 100\nbranches F3\n"}, {"crc32", "branches C5F9\n"},
    {"insertion_sort", "branches F6E9D8\n"},
};

enum { USES = sizeof uses / sizeof *uses };
enum { PROCESSORS = sizeof processors / sizeof *processors, AGAIN = 3 };
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void *read_file(fs_volume_t *volume, const char *path, uint32_t *size) {
    fs_file_t file;
    if (fs_open(volume, path, &file) != FS_OK)
        return NULL;
    void *data = malloc(file.size);
    if (data == NULL || fs_read(&file, 0, data, file.size, size) != FS_OK)
        return NULL;
    return data;
}

static void digest_of(const void *data, uint32_t size, char text[SHA256_TEXT_SIZE]) {
    uint8_t digest[SHA256_SIZE];
    sha256(data, size, digest);
    sha256_text(digest, text);
}

/* Lines as one word of a record. */
static void as_word(const char *lines, char word[REQUEST_SIZE]) {
    snprintf(word, REQUEST_SIZE, "%s", lines[0] == '\0' ? "general" : lines);
    for (char *letter = word; *letter != '\0'; letter++)
        *letter = *letter == ' ' ? ',' : *letter == '\n' ? ';' : *letter;
}

static bool compile(const char *function, const char *features, const char *use, const void *bitcode, uint32_t size) {
    compiled_t compiled;
    char request[REQUEST_SIZE], source[SHA256_TEXT_SIZE], object[SHA256_TEXT_SIZE], optimized[SHA256_TEXT_SIZE];
    digest_of(bitcode, size, source);
    snprintf(request, sizeof request,
             "bareflow-request 2\ncompiler %s\nbitcode %s\nfunction %s\nfeatures %s\nrecursion 0\n%s", source, source,
             function, features, use);
    compiler_result_t result = compiler_run(request, bitcode, size, &compiled);
    if (result != COMPILER_OK) {
        terminal_printf("%s: %s: %s\n", function, compiler_result_text(result), compiler_message());
        return false;
    }
    digest_of(compiled.object, compiled.object_size, object);
    digest_of(compiled.optimized, compiled.optimized_size, optimized);
    as_word(use, request);
    serial_record("object function=%s features=%s use=%s size=%u sha256=%s optimized=%s", function, features, request,
                  compiled.object_size, object, optimized);
    free(compiled.object);
    free(compiled.optimized);
    return true;
}

static bool compile_all(const void *bitcode, uint32_t size) {
    bool is_done = true;
    for (unsigned i = 0; i < PROCESSORS * USES; i++)
        is_done &= compile(uses[i % USES].function, processors[i / USES], uses[i % USES].lines, bitcode, size);
    for (unsigned i = 0; i < PROCESSORS * FUNCTIONS + AGAIN; i++)
        is_done &= compile(functions[i % FUNCTIONS], processors[i / FUNCTIONS % PROCESSORS], "", bitcode, size);
    return is_done;
}

int app_main(void) {
    fs_volume_t *volume;
    uint32_t size;
    if (fs_mount_disk(&volume) != FS_OK)
        return 1;
    void *bitcode = read_file(volume, "JIT/KERNELS.BC", &size);
    compiler_result_t result = compiler_load(volume, "JIT/COMPILER.ELF");
    if (bitcode == NULL || result != COMPILER_OK) {
        terminal_printf("%s: %s\n", compiler_result_text(result), compiler_message());
        return 2;
    }
    bool is_done = compile_all(bitcode, size);
    compiler_statistics_t statistics = compiler_statistics();
    serial_record("module image=%u heap=%u snapshot=%u calls=%u system_calls=%u refused=%u load=%llu start=%llu",
                  statistics.image_bytes, statistics.heap_bytes, statistics.snapshot_bytes, statistics.calls,
                  statistics.system_calls, statistics.refused_calls, statistics.load_cycles, statistics.start_cycles);
    return is_done ? 0 : 3;
}
