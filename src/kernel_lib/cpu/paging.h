/*
 * paging.h: virtual memory, for code that must not be written and for programs with an address of their own.
 *
 * Without paging_init() there is none of it. With it all memory stays where it is: the kernel's code can be read and
 * run, everything else read and written, but for the window [BF_WINDOW_START, BF_WINDOW_END), where only what was
 * mapped is. A write to a page without PAGE_WRITE faults, in ring 0 too; where the processor can (NX), so does running
 * one without PAGE_EXECUTE.
 */
#ifndef BF_PAGING_H
#define BF_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_SIZE = 4096 };
enum { PAGE_READ = 0, PAGE_WRITE = 1, PAGE_EXECUTE = 2 };

/* Turns paging on; later calls do nothing. False where the processor cannot (PAE), or memory lies in the window. */
bool paging_init(void);

/*
 * Lets [address, address + size) of the window mean the memory at `physical`, and be used as `access` says. All three
 * are multiples of PAGE_SIZE. False where the heap has no memory for a table. Not for interrupt handlers.
 */
bool paging_map(uint32_t address, uint32_t physical, uint32_t size, unsigned access);

/* Lets it mean nothing again. */
void paging_unmap(uint32_t address, uint32_t size);

#endif
