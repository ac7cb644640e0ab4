/*
 * artifact.h: what became of a request, kept on the disk. FORMAT.md describes the file bit by bit.
 *
 * The build may put a bundle of artifacts on the disk too, of code that nobody has measured yet.
 *
 * A file is whole or does not count: the last thing in it is a digest of all before. It is replaced as a whole, so a
 * power cut leaves the old state or the new. There are at most ARTIFACTS_MAX; who comes then takes the place of the one
 * that saves least, first of all of one that says that there is nothing to save.
 */
#ifndef BF_ARTIFACT_H
#define BF_ARTIFACT_H

#include "fs/fs.h"

#include <stdint.h>

enum { ARTIFACTS_MAX = 64, ARTIFACT_OBJECT_MAX = 1 << 20 };

typedef struct {
    uint32_t per_mille;     /* the cost of the new code by that of the build's; 0 where nobody measured it yet */
    uint64_t before, after; /* cycles of a call, on average */
    uint8_t *object;        /* of the heap; NULL where the code is not used */
    uint32_t object_size;
} artifact_t;

typedef enum {
    ARTIFACT_OK,
    ARTIFACT_MISSING,
    ARTIFACT_DAMAGED, /* as good as missing: the next one takes its place */
    ARTIFACT_FAILED,  /* the disk, or the heap */
} artifact_result_t;

/* Reads what is known of a request (its text), here or from the build; artifact->object is the caller's. */
artifact_result_t artifact_read(fs_volume_t *volume, const char *request, artifact_t *artifact);

artifact_result_t artifact_write(fs_volume_t *volume, const char *request, const artifact_t *artifact);

#endif
