/*
 * artifact.h: what became of a request, kept on the disk. FORMAT.md describes the file byte by byte.
 *
 * The build may put a bundle of artifacts on the disk too, of code that nobody has measured yet.
 *
 * A file is whole or does not count: behind what a boot needs of it there is a digest of all that. It is replaced as a
 * whole, so a power cut leaves the old state or the new. There are at most ARTIFACTS_MAX; who comes then takes the
 * place of the one that saves least, first of all of one that says that there is nothing to save.
 */
#ifndef BF_ARTIFACT_H
#define BF_ARTIFACT_H

#include "fs/fs.h"
#include "jit/sha256.h"

#include <stdint.h>

enum { ARTIFACTS_MAX = 64, ARTIFACT_PART_MAX = 1 << 20 };

typedef struct {
    char *request;          /* text, of the heap */
    uint32_t per_mille;     /* the cost of the new code by that of the build's; 0 where nobody measured it yet */
    uint64_t before, after; /* cycles of a call, on average */
    uint8_t *object;        /* of the heap; NULL where the code is not used */
    uint32_t object_size;
    uint8_t
        *optimized; /* the bitcode that the object was made from; NULL where there is no object or it was not read */
    uint32_t optimized_size;
    uint8_t better[SHA256_SIZE]; /* the key of the best request that is known; all 0 where nobody looked for one */
} artifact_t;

typedef struct {
    const char *abi;     /* the digest of the rules that the kernel was built by (abi.txt), in hexadecimal digits */
    const char *request; /* text */
    const uint8_t *key;  /* of a better request for the same function, bitcode, compiler and processor; or NULL */
    bool with_bitcode;   /* reads the optimized bitcode too */
} artifact_query_t;

typedef enum {
    ARTIFACT_OK,
    ARTIFACT_MISSING, /* there is none, or it is for another kernel, compiler or processor */
    ARTIFACT_DAMAGED, /* as good as missing: the next one takes its place */
    ARTIFACT_FAILED,  /* the disk, or the heap */
} artifact_result_t;

/* Reads what is known of a request, here or from the build. The caller gives what was read to artifact_free(). */
artifact_result_t artifact_read(fs_volume_t *volume, const artifact_query_t *query, artifact_t *artifact);

artifact_result_t artifact_write(fs_volume_t *volume, const char *abi, const artifact_t *artifact);

/* Frees the request, the object and the bitcode. */
void artifact_free(artifact_t *artifact);

#endif
