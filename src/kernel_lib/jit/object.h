/* object.h: an ELF object in memory, read with every number checked. code.c uses it; tests do on hostile bytes. */
#ifndef BF_OBJECT_H
#define BF_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

enum { OBJECT_SECTIONS = 64, OBJECT_CODE_MAX = 1 << 20, OBJECT_NAME_MAX = 128 };

/* Holds constants whose addresses others may keep, so that they must stay where they are for good. */
#define OBJECT_KEPT_SECTION ".rodata.kept"

/* Finds what an object does not have itself; 0 where there is no such thing. */
typedef struct {
    uint32_t (*find)(const void *where, const char *name);
    const void *where;
} object_resolver_t;

typedef struct {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t section_count;
    uint32_t places[OBJECT_SECTIONS]; /* where each loaded section will lie, from the start; UINT32_MAX for others */
    uint32_t code_size;               /* of all loaded sections together, with what lies between them */
    bool is_kept;                     /* it has OBJECT_KEPT_SECTION */
    const char *missing;              /* the name that object_link() did not find */
} object_t;

typedef enum { OBJECT_OK, OBJECT_MALFORMED, OBJECT_UNKNOWN } object_result_t;

/* Looks at an object and plans where its sections will lie: code first, then constants. `object` keeps `bytes`. */
object_result_t object_open(object_t *object, const uint8_t *bytes, uint32_t size);

/*
 * Writes the loaded sections to `memory`, which has code_size bytes, linked for being run at `address`, and says where
 * `function` begins.
 */
object_result_t object_link(object_t *object, uint8_t *memory, uint32_t address, const char *function,
                            const object_resolver_t *resolver, uint32_t *entry);

#endif
