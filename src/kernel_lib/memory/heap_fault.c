/* heap_fault.c: words for the panic; the text lies in static memory because the heap is what broke. */
#include "memory/heap_fault.h"

#include "cpu/panic.h"
#include "io/format.h"

_Noreturn void heap_fault(const char *operation, const char *what, const void *block, size_t size) {
    static char message[128];
    snprintf(message, sizeof(message), "heap: %s of %s: block %p, %zu bytes", operation, what, block, size);
    panic(message);
}
