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

/* Asks the compiler. */
static jit_result_t compile(fs_volume_t *volume, const jit_function_t *function, const char *request,
                            artifact_t *artifact) {
    compiler_result_t result = compiler_load(volume, COMPILER_PATH);
    if (result != COMPILER_OK)
        return jit_fail(JIT_NO_COMPILER, compiler_result_text(result), compiler_message());
    uint32_t bitcode_size;
    uint8_t *bitcode = read_bitcode(volume, function, &bitcode_size);
    if (bitcode == NULL)
        return jit_fail(JIT_NO_BITCODE, function->name, function->source->path);
    compiled_t compiled;
    jit_event("compile", function->name);
    result = compiler_run(request, bitcode, bitcode_size, &compiled);
    jit_event("compiled", function->name);
    free(bitcode);
    if (result == COMPILER_NO_MEMORY)
        return jit_fail(JIT_NO_MEMORY, function->name, compiler_result_text(result));
    if (result != COMPILER_OK)
        return jit_fail(JIT_REFUSED, function->name, compiler_message());
    *artifact = (artifact_t){
        .object = compiled.object,
        .object_size = compiled.object_size,
        .optimized = compiled.optimized,
        .optimized_size = compiled.optimized_size,
    };
    return JIT_OK;
}

jit_result_t jit_load(const jit_function_t *function, const artifact_t *artifact, code_t *code) {
    code_result_t result = code_load(artifact->object, artifact->object_size, function->name, code);
    if (result == CODE_NO_MEMORY)
        return jit_fail(JIT_NO_MEMORY, function->name, code_result_text(result));
    if (result == CODE_UNKNOWN)
        return jit_fail(JIT_BAD_OBJECT, function->name, code_missing());
    return result == CODE_OK ? JIT_OK : jit_fail(JIT_BAD_OBJECT, function->name, code_result_text(result));
}

static bool is_zero(const uint8_t key[SHA256_SIZE]) {
    static const uint8_t zeros[SHA256_SIZE];
    return memcmp(key, zeros, SHA256_SIZE) == 0;
}

bool jit_read_artifact(fs_volume_t *volume, const jit_function_t *function, artifact_t *artifact) {
    char request[REQUEST_SIZE];
    artifact_t better;
    artifact_query_t query = {.abi = function->source->abi, .request = request};
    if (request_text(function, request) == 0 || artifact_read(volume, &query, artifact) != ARTIFACT_OK)
        return false;
    query.key = artifact->better;
    if (!is_zero(artifact->better) && artifact_read(volume, &query, &better) == ARTIFACT_OK) {
        artifact_free(artifact);
        *artifact = better;
    }
    if (artifact->object == NULL || artifact->per_mille != 0)
        return true;
    artifact_free(artifact);
    query.key = NULL;
    query.with_bitcode = true;
    return artifact_read(volume, &query, artifact) == ARTIFACT_OK;
}

jit_result_t jit_make(fs_volume_t *volume, const jit_function_t *function, artifact_t *artifact, code_t *code) {
    char request[REQUEST_SIZE];
    if (jit_read_artifact(volume, function, artifact) && artifact->object != NULL) {
        if (jit_load(function, artifact, code) == JIT_OK)
            return JIT_OK;
        artifact_free(artifact);
    }
    if (request_text(function, request) == 0)
        return jit_fail(JIT_REFUSED, function->name, "its request is too long");
    jit_result_t result = compile(volume, function, request, artifact);
    if (result != JIT_OK)
        return result;
    result = jit_load(function, artifact, code);
    if (result != JIT_OK)
        artifact_free(artifact);
    return result;
}
