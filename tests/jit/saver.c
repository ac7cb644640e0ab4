/*
 * saver.c: an app that saves artifacts without end, to be killed while it does. First it looks at what an earlier boot
 * left: every artifact is whole and what was once written, or not there. It tells each that it found or has saved.
 */
#include "check.h"
#include "io/format.h"
#include "jit/artifact.h"

enum { REQUESTS = 8, ROUNDS = 12, OBJECT_MOST = 6000 };

static const char *const ABI = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static fs_volume_t *volume;
static uint8_t object[OBJECT_MOST];

/* What is saved for request `number` at its round `round`: the size differs, and every byte. */
static uint32_t make(uint32_t number, uint32_t round) {
    uint32_t size = 4 + (number * 977 + round * 3331) % (OBJECT_MOST - 4), dice = number << 16 ^ round;
    for (uint32_t i = 0; i < size; i++)
        object[i] = (uint8_t)((dice = dice * 1664525 + 1013904223) >> 24);
    memcpy(object, &round, sizeof round);
    return size;
}

/* Which round's artifact is there; 0 where there is none. */
static int look(uint32_t number, uint32_t *round) {
    char request[32];
    artifact_t found;
    *round = 0;
    snprintf(request, sizeof request, "request %u\n", number);
    artifact_result_t result = artifact_read(volume, &(artifact_query_t){.abi = ABI, .request = request}, &found);
    CHECK(result == ARTIFACT_OK || result == ARTIFACT_MISSING);
    if (result == ARTIFACT_MISSING)
        return 0;
    CHECK(found.object_size >= sizeof *round);
    memcpy(round, found.object, sizeof *round);
    CHECK(found.object_size == make(number, *round) && memcmp(found.object, object, found.object_size) == 0);
    CHECK(found.per_mille == *round % 900 + 1);
    artifact_free(&found);
    serial_record("found number=%u round=%u", number, *round);
    return 0;
}

static int save(uint32_t number, uint32_t round) {
    char request[32];
    snprintf(request, sizeof request, "request %u\n", number);
    const artifact_t artifact = {.request = request,
                                 .per_mille = round % 900 + 1,
                                 .before = 10,
                                 .after = 5,
                                 .object = object,
                                 .object_size = make(number, round)};
    CHECK(artifact_write(volume, ABI, &artifact) == ARTIFACT_OK);
    serial_record("saved number=%u round=%u", number, round);
    return 0;
}

int app_main(void) {
    uint32_t last[REQUESTS], most = 0;
    CHECK(fs_mount_disk(&volume) == FS_OK);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        CHECK(look(i, &last[i]) == 0);
        most = last[i] > most ? last[i] : most;
    }
    for (uint32_t round = most + 1; round <= most + ROUNDS; round++)
        for (uint32_t i = 0; i < REQUESTS; i++)
            CHECK(save(i, round) == 0);
    return 0;
}
