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

/* Asks the compiler for the object of a function. */
static jit_result_t compile_object(fs_volume_t *volume, const jit_function_t *function, uint8_t **object,
                                   uint32_t *size) {
    char features[REQUEST_FEATURES_SIZE];
    compiler_result_t result = compiler_load(volume, COMPILER_PATH);
    if (result != COMPILER_OK)
        return jit_fail(JIT_NO_COMPILER, compiler_result_text(result), compiler_message());
    uint32_t bitcode_size;
    uint8_t *bitcode = read_bitcode(volume, function, &bitcode_size);
    if (bitcode == NULL)
        return jit_fail(JIT_NO_BITCODE, function->name, function->source->path);
    request_features(features);
    const compiler_request_t request = {function->name, features, bitcode, bitcode_size, REQUEST_RECURSION};
    result = compiler_run(&request, object, size);
    free(bitcode);
    if (result == COMPILER_NO_MEMORY)
        return jit_fail(JIT_NO_MEMORY, function->name, compiler_result_text(result));
    return result == COMPILER_OK ? JIT_OK : jit_fail(JIT_REFUSED, function->name, compiler_message());
}

jit_result_t jit_load(const jit_function_t *function, const uint8_t *object, uint32_t size, code_t *code) {
    code_result_t result = code_load(object, size, function, code);
    if (result == CODE_NO_MEMORY)
        return jit_fail(JIT_NO_MEMORY, function->name, code_result_text(result));
    if (result == CODE_UNKNOWN)
        return jit_fail(JIT_BAD_OBJECT, function->name, code_missing());
    return result == CODE_OK ? JIT_OK : jit_fail(JIT_BAD_OBJECT, function->name, code_result_text(result));
}

bool jit_read_artifact(fs_volume_t *volume, const jit_function_t *function, artifact_t *artifact) {
    char request[REQUEST_SIZE];
    return request_text(function, request) != 0 && artifact_read(volume, request, artifact) == ARTIFACT_OK;
}

jit_result_t jit_make(fs_volume_t *volume, const jit_function_t *function, uint8_t **object, uint32_t *size,
                      code_t *code) {
    artifact_t artifact;
    if (jit_read_artifact(volume, function, &artifact) && artifact.object != NULL) {
        *object = artifact.object;
        *size = artifact.object_size;
        if (jit_load(function, *object, *size, code) == JIT_OK)
            return JIT_OK;
        free(artifact.object);
    }
    jit_result_t result = compile_object(volume, function, object, size);
    if (result != JIT_OK)
        return result;
    result = jit_load(function, *object, *size, code);
    if (result != JIT_OK)
        free(*object);
    return result;
}
