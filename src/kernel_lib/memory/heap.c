/*
 * heap.c: malloc, calloc, realloc and free over any number of memory regions.
 *
 * A region is a row of blocks without gaps, closed by a header of size zero that is always in use. Each header knows
 * its own size and that of the block before it, so a freed block finds both neighbours and merges with them at once.
 *
 * Invariants (heap_check() walks them):
 *   - a block's size is a multiple of HEAP_ALIGN, and the next header repeats it as `previous`;
 *   - no two free blocks are neighbours;
 *   - a free block hangs in exactly one bin: bin n holds the free blocks of size [2^n, 2^(n+1));
 *   - bit n of `occupied` is set exactly when bin n is not empty.
 */
#include "memory/heap_fault.h"
#include "memory/memory.h"

enum {
    HEAP_ALIGN = 16,
    HEAP_BINS = sizeof(size_t) * 8,
    HEAP_GUARD_BYTE = 0xFD,
#ifdef BF_DEBUG
    HEAP_GUARD = 8, /* bytes behind each block that nobody may write */
#else
    HEAP_GUARD = 0,
#endif
};

/* Neither value is likely in data, so a wild pointer is told from a block. */
enum block_state { BLOCK_LIVE = 0x4556494C, BLOCK_FREE = 0x45455246 };

typedef struct block {
    size_t size;      /* bytes from this header to the next; 0 closes a region */
    size_t previous;  /* size of the block before; 0 opens a region */
    size_t requested; /* bytes that the caller asked for; the rest of a live block is guard */
    size_t state;     /* enum block_state; kept after a merge, so a second free() is still seen */
} block_t;

typedef struct free_block {
    block_t header;
    struct free_block *next;
    struct free_block *prior;
} free_block_t;

_Static_assert(sizeof(block_t) % HEAP_ALIGN == 0, "a header keeps the blocks behind it aligned");

enum { HEAP_SMALLEST = (sizeof(free_block_t) + HEAP_ALIGN - 1) / HEAP_ALIGN * HEAP_ALIGN, HEAP_REGIONS = 32 };

static struct {
    free_block_t *bins[HEAP_BINS];
    size_t occupied;
    size_t total;
    size_t used;
    block_t *regions[HEAP_REGIONS]; /* the first block of each */
    size_t region_count;
} heap;

static block_t *block_after(const block_t *block) {
    return (block_t *)((uintptr_t)block + block->size);
}

static block_t *block_before(const block_t *block) {
    return (block_t *)((uintptr_t)block - block->previous);
}

static void *block_payload(const block_t *block) {
    return (void *)((uintptr_t)block + sizeof(block_t));
}

static block_t *payload_block(const void *payload) {
    return (block_t *)((uintptr_t)payload - sizeof(block_t));
}

static unsigned bin_of(size_t size) {
    return (unsigned)(HEAP_BINS - 1) - (unsigned)__builtin_clzl(size);
}

/* The size of the block that serves a request; 0 when no size can. */
static size_t size_for(size_t request) {
    size_t overhead = sizeof(block_t) + HEAP_GUARD;
    if (request > SIZE_MAX - overhead - HEAP_ALIGN) {
        return 0;
    }
    size_t size = (request + overhead + HEAP_ALIGN - 1) / HEAP_ALIGN * HEAP_ALIGN;
    return size < HEAP_SMALLEST ? HEAP_SMALLEST : size;
}

static void bin_insert(block_t *block) {
    unsigned bin = bin_of(block->size);
    free_block_t *entry = (free_block_t *)block;
    block->state = BLOCK_FREE;
    entry->prior = NULL;
    entry->next = heap.bins[bin];
    if (entry->next) {
        entry->next->prior = entry;
    }
    heap.bins[bin] = entry;
    heap.occupied |= (size_t)1 << bin;
}

static void bin_remove(block_t *block) {
    unsigned bin = bin_of(block->size);
    free_block_t *entry = (free_block_t *)block;
    if (entry->next) {
        entry->next->prior = entry->prior;
    }
    if (entry->prior) {
        entry->prior->next = entry->next;
    } else {
        heap.bins[bin] = entry->next;
        if (!entry->next) {
            heap.occupied &= ~((size_t)1 << bin);
        }
    }
}

/* First fit in the size's own bin; after that any block of a larger bin fits. */
static block_t *find_free(size_t size) {
    unsigned bin = bin_of(size);
    for (free_block_t *entry = heap.bins[bin]; entry; entry = entry->next) {
        if (entry->header.size >= size) {
            return &entry->header;
        }
    }
    size_t larger = heap.occupied & ~(((size_t)2 << bin) - 1);
    return larger ? &heap.bins[__builtin_ctzl(larger)]->header : NULL;
}

static void set_size(block_t *block, size_t size) {
    block->size = size;
    block_after(block)->previous = size;
}

/* Hangs a block that is in no bin into one, merged with its free neighbours. */
static void release(block_t *block) {
    block_t *after = block_after(block);
    block->state = BLOCK_FREE;
    if (after->state == BLOCK_FREE) {
        bin_remove(after);
        set_size(block, block->size + after->size);
    }
    if (block->previous && block_before(block)->state == BLOCK_FREE) {
        block_t *before = block_before(block);
        bin_remove(before);
        set_size(before, before->size + block->size);
        block = before;
    }
    bin_insert(block);
}

/* Makes `block`, which is in no bin, a live block of `size` bytes, and gives back what is left over. */
static void *occupy(block_t *block, size_t size, size_t request) {
    block->state = BLOCK_LIVE;
    block->requested = request;
    if (block->size - size >= HEAP_SMALLEST) {
        size_t rest = block->size - size;
        set_size(block, size);
        block_t *remainder = block_after(block);
        set_size(remainder, rest);
        release(remainder);
    }
    heap.used += block->size;
    if (HEAP_GUARD > 0) {
        size_t payload = block->size - sizeof(block_t);
        memset((char *)block_payload(block) + request, HEAP_GUARD_BYTE, payload - request);
    }
    return block_payload(block);
}

static bool guard_intact(const block_t *block) {
    const unsigned char *payload = block_payload(block);
    size_t end = block->size - sizeof(block_t);
    for (size_t i = HEAP_GUARD > 0 ? block->requested : end; i < end; i++) {
        if (payload[i] != HEAP_GUARD_BYTE) {
            return false;
        }
    }
    return block_after(block)->previous == block->size;
}

/* The block of a pointer that the caller hands back; panics unless it is live and whole. */
static block_t *live_block(const void *payload, const char *operation) {
    if ((uintptr_t)payload % HEAP_ALIGN) {
        heap_fault(operation, "address that malloc never gave", payload, 0);
    }
    block_t *block = payload_block(payload);
    if (block->state == BLOCK_FREE) {
        heap_fault(operation, "block that is already free (double free)", payload, block->requested);
    }
    if (block->state != BLOCK_LIVE) {
        heap_fault(operation, "address that malloc never gave", payload, 0);
    }
    if (!guard_intact(block)) {
        heap_fault(operation, "block that was written past its end (overrun)", payload, block->requested);
    }
    return block;
}

void heap_add(void *start, size_t length) {
    uintptr_t first = ((uintptr_t)start + HEAP_ALIGN - 1) & ~(uintptr_t)(HEAP_ALIGN - 1);
    uintptr_t end = ((uintptr_t)start + length) & ~(uintptr_t)(HEAP_ALIGN - 1);
    if (end < first || end - first < HEAP_SMALLEST + sizeof(block_t) || heap.region_count == HEAP_REGIONS) {
        return;
    }
    block_t *block = (block_t *)first;
    block->previous = 0;
    block->requested = 0;
    block->size = end - first - sizeof(block_t);
    block_t *close = block_after(block);
    close->size = 0;
    close->previous = block->size;
    close->requested = 0;
    close->state = BLOCK_LIVE;
    heap.regions[heap.region_count++] = block;
    heap.total += block->size;
    release(block);
}

void *malloc(size_t request) {
    size_t size = size_for(request);
    block_t *block = size ? find_free(size) : NULL;
    if (!block) {
        return NULL;
    }
    bin_remove(block);
    return occupy(block, size, request);
}

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *block = malloc(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void free(void *payload) {
    if (!payload) {
        return;
    }
    block_t *block = live_block(payload, "free");
    heap.used -= block->size;
    release(block);
}

void *realloc(void *payload, size_t request) {
    if (!payload) {
        return malloc(request);
    }
    block_t *block = live_block(payload, "realloc");
    block_t *after = block_after(block);
    size_t size = size_for(request);
    size_t room = block->size + (after->state == BLOCK_FREE ? after->size : 0);
    if (size && size <= room) {
        heap.used -= block->size;
        if (size > block->size) {
            bin_remove(after);
            set_size(block, room);
        }
        return occupy(block, size, request);
    }
    void *moved = malloc(request);
    if (moved) {
        memcpy(moved, payload, block->requested);
        free(payload);
    }
    return moved;
}

heap_statistics_t heap_statistics(void) {
    heap_statistics_t result = {.total = heap.total, .used = heap.used, .largest = 0};
    if (heap.occupied) {
        size_t largest = 0;
        for (free_block_t *entry = heap.bins[bin_of(heap.occupied)]; entry; entry = entry->next) {
            largest = entry->header.size > largest ? entry->header.size : largest;
        }
        result.largest = largest - sizeof(block_t) - HEAP_GUARD;
    }
    return result;
}

static size_t check_region(const block_t *first) {
    const block_t *block = first;
    size_t live = 0;
    for (size_t previous = 0; block->size; previous = block->size, block = block_after(block)) {
        bool is_free = block->state == BLOCK_FREE;
        if (block->previous != previous || block->size % HEAP_ALIGN || (!is_free && block->state != BLOCK_LIVE)) {
            heap_fault("heap_check", "broken header", block_payload(block), block->requested);
        }
        if (is_free ? block_after(block)->state == BLOCK_FREE : !guard_intact(block)) {
            heap_fault("heap_check", is_free ? "unmerged block" : "overrun block", block_payload(block),
                       block->requested);
        }
        live += is_free ? 0 : block->size;
    }
    return live;
}

void heap_check(void) {
    size_t live = 0;
    for (size_t i = 0; i < heap.region_count; i++) {
        live += check_region(heap.regions[i]);
    }
    for (unsigned bin = 0; bin < HEAP_BINS; bin++) {
        for (free_block_t *entry = heap.bins[bin]; entry; entry = entry->next) {
            if (entry->header.state != BLOCK_FREE || bin_of(entry->header.size) != bin) {
                heap_fault("heap_check", "block in a wrong bin", block_payload(&entry->header), 0);
            }
        }
    }
    if (live != heap.used) {
        heap_fault("heap_check", "sum that disagrees with the counter", NULL, live);
    }
}
