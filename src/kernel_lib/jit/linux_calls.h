/*
 * linux_calls.h: the system calls of Linux (i386) that a statically linked program makes to compute and to end.
 *
 * It has memory from brk, a thread area, and two files that it can write: what it writes is kept as text. There is
 * nothing to read, no other thread and no signal. What is not known here fails with -ENOSYS and is counted.
 */
#ifndef BF_LINUX_CALLS_H
#define BF_LINUX_CALLS_H

#include "cpu/interrupts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why the program is not gone on with. */
typedef enum { PROGRAM_RUNS, PROGRAM_OFFERS, PROGRAM_ENDS } program_state_t;

typedef struct {
    uint32_t break_start, break_end, break_limit; /* of its heap; break_end moves */
    uint32_t break_most;
    const void *offer; /* what it gave with COMPILER_OFFER */
    char text[512];    /* what it wrote, ended by 0; cut where it is more */
    size_t text_size;
    uint32_t calls, refused;
} linux_program_t;

/* Answers a call: the registers say which one, eax becomes the answer. */
program_state_t linux_call(linux_program_t *program, interrupt_frame_t *frame);

#endif
