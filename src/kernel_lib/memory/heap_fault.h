/* heap_fault.h: how the heap reports misuse; never returns. */
#ifndef BF_HEAP_FAULT_H
#define BF_HEAP_FAULT_H

#include <stddef.h>

/* Panics with "heap: OPERATION of WHAT: block 0xADDRESS, SIZE bytes". */
_Noreturn void heap_fault(const char *operation, const char *what, const void *block, size_t size);

#endif
