/*
 * runtime.h: the runtime library, from which a program reaches the machine. The index: each room has its own header.
 *
 *     io/io.h           screen, serial line, keyboard, formatted text, leaving the machine
 *     memory/memory.h   heap, bytes and strings
 *     cpu/cpu.h         features, cycles, interrupts, timer, memory map, panic
 *     fs/fs.h           files on the data partition
 *
 * A program defines app_main(). It runs in ring 0 with interrupts on, everything above initialised, on a stack that
 * ends where the kernel's own memory ends (the linker script keeps at least 32 KiB for it).
 */
#ifndef BF_RUNTIME_H
#define BF_RUNTIME_H

#include "cpu/cpu.h"
#include "fs/fs.h"
#include "io/io.h"
#include "memory/memory.h"

#include <stdbool.h>

/* The program. 0 means success; anything else is reported as a failure with this number. */
int app_main(void);

/* The line that whoever started the machine handed to the program; empty when there is none. */
const char *app_arguments(void);

/* Whoever started the machine wants measurements that can be compared, rather than a demonstration. */
bool app_wants_bench(void);

#endif
