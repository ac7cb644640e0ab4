/*
 * program.h: a statically linked i386 program in the window of virtual memory.
 *
 * Its file is believed in nothing: every number is checked before it is used, so a file that is damaged or something
 * else is refused, or is a program that does something else.
 */
#ifndef BF_PROGRAM_H
#define BF_PROGRAM_H

#include "fs/fs.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t entry;
    uint32_t headers, header_size, header_count; /* of its program headers, in memory */
    uint32_t end;                                /* of its image; a multiple of PAGE_SIZE */
    uint32_t writable_start, writable_end;       /* from its first writable segment to the end of the last */
} program_t;

typedef enum {
    PROGRAM_OK,
    PROGRAM_UNREADABLE, /* the file */
    PROGRAM_MALFORMED,  /* no static program for the window */
    PROGRAM_NO_MEMORY,
} program_result_t;

/* Brings a program to BF_WINDOW_START; what its segments do not say may not be done there. Needs paging_init(). */
program_result_t program_load(fs_volume_t *volume, const char *path, program_t *program);

/*
 * Writes what a program finds on its stack below `top` (arguments, an empty environment, what it is told of itself);
 * returns its first stack pointer.
 */
uint32_t program_stack(const program_t *program, uint32_t top, const char *const *arguments, uint32_t count);

#endif
