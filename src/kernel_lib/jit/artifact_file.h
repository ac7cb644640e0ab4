/* artifact_file.h: the files of artifact.h, by their bytes: what artifact.c and artifact_limit.c share. */
#ifndef BF_ARTIFACT_FILE_H
#define BF_ARTIFACT_FILE_H

#include "fs/fs.h"
#include "jit/sha256.h"

#include <stdint.h>

#define ARTIFACT_PARENT "JIT"
#define ARTIFACT_FOLDER ARTIFACT_PARENT "/CACHE"

enum { ARTIFACT_MAGIC = 0x414A4642, ARTIFACT_VERSION = 2, ARTIFACT_PATH_SIZE = 64, ARTIFACT_LLVM_SIZE = 16 };

/* The start of a file: FORMAT.md. The request's text, the object, a SHA-256 of all that and the bitcode follow. */
typedef struct {
    uint32_t magic;
    uint32_t version;
    uint8_t key[SHA256_SIZE];
    uint8_t abi[SHA256_SIZE];
    uint64_t features;
    char llvm[ARTIFACT_LLVM_SIZE];
    uint32_t request_size;
    uint32_t object_size;
    uint32_t optimized_size;
    uint32_t per_mille;
    uint64_t before;
    uint64_t after;
    uint8_t better[SHA256_SIZE];
    uint8_t optimized_digest[SHA256_SIZE];
} artifact_header_t;

_Static_assert(sizeof(artifact_header_t) == 192, "FORMAT.md");

/* Makes room for a file at `path` where there are as many as there may be. */
void artifact_make_room(fs_volume_t *volume, const char *path);

#endif
