/*
 * heap_stress.c: blocks never overlap, keep their bytes, and all memory comes back; misuse ends in a panic that says
 * so.
 *
 *     heap_stress SEED STEPS
 *
 * Built with BF_DEBUG and rename.h. The heap gets three pieces of memory with gaps between them.
 */
#include "memory/memory.h"
#include "random.h"

#include <stdbool.h>

enum { MEMORY = 1 << 20, SLOTS = 300, LARGEST = 20000 };

static _Alignas(16) unsigned char memory[MEMORY];
static struct {
    unsigned char *block;
    size_t size;
    unsigned char fill;
} slots[SLOTS];

static jmp_buf panicked;
static const char *panic_message;

_Noreturn void panic(const char *message);

_Noreturn void panic(const char *message) {
    panic_message = message;
    longjmp(panicked, 1);
}

static void expect(bool holds, const char *what) {
    if (!holds) {
        printf("%s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void check_bytes(unsigned slot, size_t size) {
    for (size_t i = 0; i < size; i++) {
        expect(slots[slot].block[i] == slots[slot].fill, "a block lost its bytes");
    }
}

static void fill(unsigned slot, size_t size, uint64_t *seed) {
    slots[slot].size = size;
    slots[slot].fill = (unsigned char)random_next(seed);
    memset(slots[slot].block, slots[slot].fill, size);
}

/* Small sizes mostly, as programs ask for them. */
static size_t random_size(uint64_t *seed) {
    return random_below(seed, random_below(seed, 10) ? 200 : LARGEST);
}

static void step(uint64_t *seed) {
    unsigned slot = random_below(seed, SLOTS);
    size_t size = random_size(seed);
    if (!slots[slot].block) {
        slots[slot].block = random_below(seed, 2) ? malloc(size) : calloc(1, size);
        if (slots[slot].block) {
            expect((uintptr_t)slots[slot].block % 16 == 0, "a block is not aligned");
            fill(slot, size, seed);
        }
    } else if (random_below(seed, 2)) {
        check_bytes(slot, slots[slot].size);
        unsigned char *block = realloc(slots[slot].block, size);
        if (block) {
            slots[slot].block = block;
            check_bytes(slot, size < slots[slot].size ? size : slots[slot].size);
            fill(slot, size, seed);
        }
    } else {
        check_bytes(slot, slots[slot].size);
        free(slots[slot].block);
        slots[slot].block = NULL;
    }
}

static void free_everything(size_t largest) {
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        free(slots[slot].block);
    }
    heap_check();
    heap_statistics_t statistics = heap_statistics();
    expect(statistics.used == 0, "memory is still in use");
    expect(statistics.largest == largest, "freed blocks were not merged");
    void *all = malloc(largest);
    expect(all != NULL, "the largest block cannot be had");
    free(all);
}

/* volatile: the compiler knows malloc by heart and would warn, or drop the misuse. */
static void misuse(int kind) {
    unsigned char *volatile block = malloc(24);
    if (kind == 0) {
        free(block);
        free(block);
    } else if (kind == 1) {
        block[24] = 0;
        free(block);
    } else if (kind == 2) {
        free(block + 16);
    } else {
        free(block + 1);
    }
}

static void expect_panic(int kind, const char *words) {
    panic_message = NULL;
    if (!setjmp(panicked)) {
        misuse(kind);
    }
    expect(panic_message && strstr(panic_message, words), words);
}

static void check_limits(void) {
    expect(!malloc(SIZE_MAX) && !malloc(SIZE_MAX - 40) && !malloc(MEMORY), "more was given than there is");
    expect(!calloc(SIZE_MAX / 2, 3), "an overflowing product was given");
    unsigned char *block = malloc(100);
    expect(!realloc(block, SIZE_MAX - 8), "more was given than there is, by realloc");
    free(block);
    free(NULL);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: heap_stress SEED STEPS\n");
        return EXIT_FAILURE;
    }
    uint64_t seed = strtoull(arguments[1], NULL, 10) * 2 + 1;
    heap_add(memory + 3, MEMORY / 2);
    heap_add(memory + MEMORY / 2 + 4096, 70000);
    heap_add(memory + MEMORY / 2 + 100000, 40);
    heap_add(memory + MEMORY / 2 + 200000, 150001);
    size_t largest = heap_statistics().largest;
    expect(largest > MEMORY / 2 - 200, "heap_add took too little");
    if (setjmp(panicked)) {
        expect(false, panic_message);
    }
    for (unsigned long i = strtoul(arguments[2], NULL, 10); i > 0; i--) {
        step(&seed);
        if (i % 64 == 0) {
            heap_check();
        }
    }
    free_everything(largest);
    check_limits();
    expect_panic(0, "double free");
    expect_panic(1, "overrun");
    expect_panic(2, "never gave");
    expect_panic(3, "never gave");
    return EXIT_SUCCESS;
}
