/* fw_cfg.c: see fw_cfg.h. The device is QEMU's (docs/specs/fw_cfg): a selector port and a port to read bytes from. */
#include "io/fw_cfg.h"
#include "io/port.h"

#include <stdbool.h>
#include <stdint.h>

#include "memory/memory.h"

enum { SELECTOR = 0x510, DATA = 0x511, ITEM_SIGNATURE = 0x0000, ITEM_DIRECTORY = 0x0019, NAME_SIZE = 56 };

/* As it lies in the directory; numbers have their highest byte first. */
typedef struct {
    uint32_t size;
    uint16_t item;
    uint16_t reserved;
    char name[NAME_SIZE];
} file_t;

_Static_assert(sizeof(file_t) == 64, "an entry of the directory has 64 bytes");

static void read_bytes(void *buffer, size_t count) {
    __asm__ volatile("rep insb" : "+D"(buffer), "+c"(count) : "d"(DATA) : "memory");
}

static bool is_present(void) {
    char signature[4];
    outw(SELECTOR, ITEM_SIGNATURE);
    read_bytes(signature, sizeof signature);
    return memcmp(signature, "QEMU", sizeof signature) == 0;
}

static bool find(const char *name, file_t *file) {
    uint32_t count;
    outw(SELECTOR, ITEM_DIRECTORY);
    read_bytes(&count, sizeof count);
    for (count = __builtin_bswap32(count); count > 0; count--) {
        read_bytes(file, sizeof *file);
        if (strncmp(file->name, name, NAME_SIZE) == 0)
            return true;
    }
    return false;
}

size_t fw_cfg_read(const char *name, char *buffer, size_t capacity) {
    file_t file;
    size_t size = 0;
    if (is_present() && find(name, &file)) {
        size = __builtin_bswap32(file.size);
        if (size > capacity - 1)
            size = capacity - 1;
        outw(SELECTOR, __builtin_bswap16(file.item));
        read_bytes(buffer, size);
    }
    buffer[size] = '\0';
    return size;
}
