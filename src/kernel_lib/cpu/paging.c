/* paging.c: see paging.h. Tables of PAE: a pointer table of four directories, with pages of 2 MiB or tables of 4 KiB.
 */
#include "cpu/paging.h"
#include "cpu/memory_map.h"
#include "cpu/panic.h"
#include "layout.h"
#include "memory/memory.h"

#include <cpuid.h>

enum { ENTRIES = 512, DIRECTORIES = 4, LARGE = 1 << 21 };
enum { PRESENT = 1 << 0, WRITABLE = 1 << 1, IS_LARGE = 1 << 7 };
enum { CR0_WRITE_PROTECT = 1 << 16, CR4_PAE = 1 << 5, EFER = 0xC0000080, EFER_NX = 1 << 11 };

static const uint32_t CR0_PAGING = 1U << 31;
static const uint64_t ADDRESS = 0xFFFFFF000ULL;

extern const uint8_t text_start[], text_end[]; /* kernel.ld */

typedef uint64_t table_t[ENTRIES];

static uint64_t pointers[DIRECTORIES] __attribute__((aligned(32)));
static table_t directories[DIRECTORIES] __attribute__((aligned(PAGE_SIZE)));
static table_t first_table __attribute__((aligned(PAGE_SIZE)));
static uint64_t no_execute; /* the bit for it, where the processor has it */
static bool on;

_Static_assert(BF_WINDOW_START % LARGE == 0 && BF_WINDOW_END % LARGE == 0, "the window is made of whole tables");

static void load_pointers(void) {
    __asm__ volatile("mov %0, %%cr3" : : "r"(pointers) : "memory");
}

static void allow_no_execute(void) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(EFER));
    __asm__ volatile("wrmsr" : : "c"(EFER), "a"(low | EFER_NX), "d"(high));
}

static void turn_on(void) {
    uint32_t cr0, cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_PAE));
    load_pointers();
    if (no_execute != 0)
        allow_no_execute();
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_PAGING | CR0_WRITE_PROTECT) : "memory");
}

static bool in_window(uint64_t address) {
    return address >= BF_WINDOW_START && address < BF_WINDOW_END;
}

/* A PC has its devices there, of which we use none. */
static bool window_is_free(void) {
    size_t count;
    const memory_region_t *regions = memory_map(&count);
    return count == 0 || regions[count - 1].base + regions[count - 1].length <= BF_WINDOW_START;
}

/* The first directory entry, page by page: there code, data and devices lie close together. */
static void divide_first(void) {
    for (uint32_t i = 0; i < ENTRIES; i++) {
        uint32_t address = i * PAGE_SIZE;
        bool is_code = address + PAGE_SIZE > (uint32_t)text_start && address < (uint32_t)text_end;
        first_table[i] = address | PRESENT | (is_code ? 0 : WRITABLE | no_execute);
    }
    directories[0][0] = (uintptr_t)first_table | PRESENT | WRITABLE;
}

bool paging_init(void) {
    unsigned eax, ebx, ecx, edx;
    if (on)
        return true;
    if (!window_is_free() || !__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(edx & bit_PAE))
        return false;
    if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && edx & 1 << 20)
        no_execute = 1ULL << 63;
    for (uint32_t i = 0; i < DIRECTORIES * ENTRIES; i++) {
        uint64_t address = (uint64_t)i * LARGE;
        uint64_t entry = address | PRESENT | WRITABLE | IS_LARGE | no_execute;
        directories[i / ENTRIES][i % ENTRIES] = in_window(address) ? 0 : entry;
    }
    divide_first();
    for (uint32_t i = 0; i < DIRECTORIES; i++)
        pointers[i] = (uintptr_t)directories[i] | PRESENT;
    turn_on();
    on = true;
    return true;
}

/* The entry of a page in the window; NULL where it has no table and none can be made. A table stays for good. */
static uint64_t *entry_of(uint32_t address) {
    assert(on && in_window(address));
    uint32_t large = address / LARGE;
    uint64_t *slot = &directories[large / ENTRIES][large % ENTRIES];
    if (!(*slot & PRESENT)) {
        char *memory = malloc(2 * PAGE_SIZE);
        if (memory == NULL)
            return NULL;
        uintptr_t table = ((uintptr_t)memory + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
        memset((void *)table, 0, PAGE_SIZE);
        *slot = table | PRESENT | WRITABLE;
    }
    table_t *table = (table_t *)(uintptr_t)(*slot & ADDRESS);
    return &(*table)[address / PAGE_SIZE % ENTRIES];
}

/* The processor remembers what it has read of the tables. */
static void forget(uint32_t address) {
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

bool paging_map(uint32_t address, uint32_t physical, uint32_t size, unsigned access) {
    assert((address | physical | size) % PAGE_SIZE == 0);
    uint64_t bits = PRESENT | (access & PAGE_WRITE ? WRITABLE : 0U);
    if (!(access & PAGE_EXECUTE))
        bits |= no_execute;
    for (uint32_t at = 0; at < size; at += PAGE_SIZE) {
        uint64_t *entry = entry_of(address + at);
        if (entry == NULL)
            return false;
        *entry = (physical + at) | bits;
        forget(address + at);
    }
    return true;
}

void paging_unmap(uint32_t address, uint32_t size) {
    for (uint32_t at = 0; at < size; at += PAGE_SIZE) {
        uint64_t *entry = entry_of(address + at);
        if (entry != NULL)
            *entry = 0;
        forget(address + at);
    }
}
