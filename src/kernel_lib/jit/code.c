/* code.c: see code.h. */
#include "jit/code.h"
#include "cpu/backtrace.h"
#include "cpu/paging.h"
#include "cpu/panic.h"
#include "jit/object.h"
#include "jit/window.h"
#include "layout.h"
#include "memory/memory.h"

enum { PAGES = CODE_WINDOW_SIZE / PAGE_SIZE };

static uint8_t used[PAGES]; /* of the code's part of the window */
static char missing[OBJECT_NAME_MAX];

const char *code_missing(void) {
    return missing;
}

const char *code_result_text(code_result_t result) {
    static const char *const texts[] = {
        [CODE_OK] = "done",
        [CODE_MALFORMED] = "this is no object that can be loaded",
        [CODE_UNKNOWN] = "the object calls a function that the kernel does not have",
        [CODE_NO_MEMORY] = "there is no memory for code",
    };
    return texts[result];
}

/* The first run of free pages, which it takes; PAGES where there is none. */
static uint32_t take_pages(uint32_t count) {
    uint32_t run = 0;
    for (uint32_t i = 0; i < PAGES; i++) {
        run = used[i] ? 0 : run + 1;
        if (run == count) {
            memset(used + i + 1 - count, 1, count);
            return i + 1 - count;
        }
    }
    return PAGES;
}

static bool take_memory(code_t *code, uint32_t bytes) {
    uint32_t count = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
    count = count == 0 ? 1 : count;
    code->size = count * PAGE_SIZE;
    code->memory = malloc(code->size + PAGE_SIZE);
    uint32_t first = code->memory == NULL ? PAGES : take_pages(count);
    if (first == PAGES) {
        free(code->memory);
        return false;
    }
    code->start = CODE_WINDOW_START + first * PAGE_SIZE;
    return true;
}

static uint8_t *page_memory(const code_t *code) {
    return (uint8_t *)code->memory + (PAGE_SIZE - (uintptr_t)code->memory % PAGE_SIZE);
}

code_result_t code_load(const uint8_t *bytes, uint32_t size, const char *function, code_t *code) {
    object_t object;
    if (object_open(&object, bytes, size) != OBJECT_OK)
        return CODE_MALFORMED;
    if (!take_memory(code, object.code_size))
        return CODE_NO_MEMORY;
    uint8_t *memory = page_memory(code);
    memset(memory, 0xCC, code->size);
    object_result_t result = object_link(&object, memory, code->start, function, symbol_address, &code->entry);
    if (result == OBJECT_OK && paging_map(code->start, (uintptr_t)memory, code->size, PAGE_EXECUTE))
        return CODE_OK;
    code_unload(code);
    if (result != OBJECT_UNKNOWN)
        return result == OBJECT_OK ? CODE_NO_MEMORY : CODE_MALFORMED;
    strncpy(missing, object.missing, sizeof missing - 1);
    return CODE_UNKNOWN;
}

void code_unload(code_t *code) {
    paging_unmap(code->start, code->size);
    memset(used + (code->start - CODE_WINDOW_START) / PAGE_SIZE, 0, code->size / PAGE_SIZE);
    free(code->memory);
    *code = (code_t){0};
}

/* Words that are nobody's variables are looked at, too. */
__attribute__((no_sanitize("kernel-address"))) bool code_is_in_use(const code_t *code) {
    for (const uint32_t *word = __builtin_frame_address(0); word < (const uint32_t *)BF_STACK_TOP; word++)
        if (*word - code->start < code->size)
            return true;
    return false;
}
