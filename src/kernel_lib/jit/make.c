/* make.c: from a function to its code: from the disk, or by the compiler; see jit.h. */
#include "io/format.h"
#include "jit/compiler_module.h"
#include "jit/jit.h"
#include "jit/request.h"
#include "memory/memory.h"

static const char *const COMPILER_PATH = "JIT/COMPILER.ELF";

static char message[256];

const char *jit_message(void) {
    return message;
}

jit_result_t jit_fail(jit_result_t result, const char *function, const char *why) {
    snprintf(message, sizeof message, "%s: %s", function, why);
    return result;
}

static uint8_t *read_bitcode(fs_volume_t *volume, const jit_function_t *function, uint32_t *size) {
    fs_file_t file;
    uint8_t digest[SHA256_SIZE];
    char text[SHA256_TEXT_SIZE];
    if (fs_open(volume, function->source->path, &file) != FS_OK)
        return NULL;
    uint8_t *bitcode = malloc(file.size);
    if (bitcode == NULL)
        return NULL;
    if (fs_read(&file, 0, bitcode, file.size, size) == FS_OK) {
        sha256(bitcode, *size, digest);
        sha256_text(digest, text);
        if (strcmp(text, function->source->digest) == 0)
            return bitcode;
    }
    free(bitcode);
    return NULL;
}

/* Loads the compiler, and what it is to be asked about. */
static jit_result_t prepare(fs_volume_t *volume, const jit_function_t *function, uint8_t **bitcode, uint32_t *size) {
    compiler_result_t result = compiler_load(volume, COMPILER_PATH);
    if (result != COMPILER_OK)
        return jit_fail(JIT_NO_COMPILER, compiler_result_text(result), compiler_message());
    *bitcode = read_bitcode(volume, function, size);
    return *bitcode != NULL ? JIT_OK : jit_fail(JIT_NO_BITCODE, function->name, function->source->path);
}

jit_result_t jit_read_bitcode(const jit_function_t *function, uint8_t **bitcode, uint32_t *size) {
    return prepare(jit_volume(), function, bitcode, size);
}

static jit_result_t compile(fs_volume_t *volume, const jit_function_t *function, const char *request,
                            compiled_t *compiled) {
    uint8_t *bitcode;
    uint32_t bitcode_size;
    jit_result_t prepared = prepare(volume, function, &bitcode, &bitcode_size);
    if (prepared != JIT_OK)
        return prepared;
    jit_event("compile", function->name);
    compiler_result_t result = compiler_run(request, bitcode, bitcode_size, compiled);
    jit_event("compiled", function->name);
    free(bitcode);
    if (result == COMPILER_NO_MEMORY)
        return jit_fail(JIT_NO_MEMORY, function->name, compiler_result_text(result));
    return result == COMPILER_OK ? JIT_OK : jit_fail(JIT_REFUSED, function->name, compiler_message());
}

static jit_result_t load_result(const jit_function_t *function, code_result_t result) {
    if (result == CODE_NO_MEMORY)
        return jit_fail(JIT_NO_MEMORY, function->name, code_result_text(result));
    if (result == CODE_UNKNOWN)
        return jit_fail(JIT_BAD_OBJECT, function->name, code_missing());
    return result == CODE_OK ? JIT_OK : jit_fail(JIT_BAD_OBJECT, function->name, code_result_text(result));
}

jit_result_t jit_load(const jit_function_t *function, const artifact_t *artifact, code_t *code) {
    return load_result(function, code_load(artifact->object, artifact->object_size, function, code));
}

bool jit_read_artifact(fs_volume_t *volume, const jit_function_t *function, const uint8_t *key, artifact_t *artifact) {
    char request[REQUEST_SIZE];
    artifact_query_t query = {.abi = function->source->abi, .request = request, .key = key};
    if (request_general(function, request) == 0 || artifact_read(volume, &query, artifact) != ARTIFACT_OK)
        return false;
    if (artifact->object == NULL || artifact->per_mille != 0)
        return true;
    artifact_free(artifact);
    query.with_bitcode = true; /* which is kept again with what a trial shows */
    return artifact_read(volume, &query, artifact) == ARTIFACT_OK;
}

void jit_keep_better(fs_volume_t *volume, const jit_function_t *function, const char *better) {
    char request[REQUEST_SIZE];
    artifact_t artifact;
    const artifact_query_t query = {.abi = function->source->abi, .request = request, .with_bitcode = true};
    if (request_general(function, request) == 0 || artifact_read(volume, &query, &artifact) != ARTIFACT_OK)
        return;
    better = better == NULL ? request : better;
    sha256(better, strlen(better), artifact.better);
    if (artifact_write(volume, function->source->abi, &artifact) != ARTIFACT_OK)
        jit_fail(JIT_OK, function->name, "what was found out cannot be kept on the disk");
    artifact_free(&artifact);
}

static char *copy_of(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    return copy == NULL ? NULL : strcpy(copy, text);
}

jit_result_t jit_make(fs_volume_t *volume, const jit_function_t *function, const specialisation_t *wanted,
                      artifact_t *artifact, code_t *code) {
    char request[REQUEST_SIZE];
    compiled_t compiled;
    *artifact = (artifact_t){0};
    if (request_text(function, wanted, request) == 0)
        return jit_fail(JIT_REFUSED, function->name, "its request is too long");
    jit_result_t result = compile(volume, function, request, &compiled);
    if (result != JIT_OK)
        return result;
    artifact->object = compiled.object;
    artifact->object_size = compiled.object_size;
    artifact->optimized = compiled.optimized;
    artifact->optimized_size = compiled.optimized_size;
    artifact->request = copy_of(request);
    if (artifact->request == NULL)
        result = jit_fail(JIT_NO_MEMORY, function->name, "there is no memory for its request");
    else
        result = jit_load(function, artifact, code);
    if (result != JIT_OK)
        artifact_free(artifact);
    return result;
}

jit_result_t jit_make_counting(fs_volume_t *volume, const jit_function_t *function, branches_t *branches,
                               code_t *code) {
    char request[REQUEST_SIZE];
    compiled_t compiled;
    if (request_text(function, &(specialisation_t){.counts_branches = true}, request) == 0)
        return jit_fail(JIT_REFUSED, function->name, "its request is too long");
    jit_result_t result = compile(volume, function, request, &compiled);
    if (result != JIT_OK)
        return result;
    *branches = (branches_t){compiled.branches, compiled.is_recursive};
    if (branches->count > 0)
        result = load_result(
            function, code_load_counting(compiled.object, compiled.object_size, function, branches->count, code));
    free(compiled.object);
    free(compiled.optimized);
    return result;
}
