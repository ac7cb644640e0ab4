/* A file that is saved again and again is there with one of its contents, whole, whenever the power went. */
#include "check.h"

enum { SAVES = 3, SMALLEST = 1000, LARGEST = 61000 };

static const char *const DIRECTORY = "saved by a guest";
static const char *const PATH = "saved by a guest/The state of a program.bin";

static uint8_t state[LARGEST];
static uint8_t found[LARGEST];

/* The content number `generation`; test_storage.py knows it too. Returns its size. */
static uint32_t make_state(uint32_t generation) {
    uint32_t size = SMALLEST + generation * 7919 % (LARGEST - SMALLEST);
    for (uint32_t i = 0; i < size; i++) {
        state[i] = (uint8_t)(generation + i * 11 + i / 256);
    }
    memcpy(state, &generation, sizeof(generation));
    return size;
}

static int check_state(fs_volume_t *volume, uint32_t *generation) {
    fs_file_t file;
    uint32_t size;
    fs_result_t result = fs_open(volume, PATH, &file);
    if (result == FS_NOT_FOUND) {
        *generation = 0;
        return 0;
    }
    CHECK(result == FS_OK && file.size >= SMALLEST && file.size <= LARGEST);
    CHECK(fs_read(&file, 0, found, LARGEST, &size) == FS_OK && size == file.size);
    memcpy(generation, found, sizeof(*generation));
    CHECK(make_state(*generation) == size && memcmp(found, state, size) == 0);
    return 0;
}

static uint32_t number_of_saves(void) {
    uint32_t number = 0;
    for (const char *digit = app_arguments(); *digit >= '0' && *digit <= '9'; digit++) {
        number = number * 10 + (uint32_t)(*digit - '0');
    }
    return number > 0 ? number : SAVES;
}

/* Started with a number, it saves as often; each time the content is on the disk when the record says so. */
int app_main(void) {
    fs_volume_t *volume;
    uint32_t last;
    CHECK(fs_mount_disk(&volume) == FS_OK);
    fs_result_t made = fs_make_directory(volume, DIRECTORY);
    CHECK(made == FS_OK || made == FS_EXISTS);
    if (check_state(volume, &last)) {
        return 1;
    }
    for (uint32_t count = number_of_saves(); count > 0; count--) {
        last++;
        CHECK(fs_replace(volume, PATH, state, make_state(last)) == FS_OK);
        serial_record("saved generation=%u", last);
    }
    return check_state(volume, &last);
}
