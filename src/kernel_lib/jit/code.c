/* code.c: see code.h. */
#include "jit/code.h"
#include "cpu/backtrace.h"
#include "cpu/paging.h"
#include "cpu/panic.h"
#include "jit/compiler/compiler.h"
#include "jit/object.h"
#include "jit/window.h"
#include "layout.h"
#include "memory/memory.h"

enum { PAGES = CODE_WINDOW_SIZE / PAGE_SIZE };

static uint8_t used[PAGES]; /* of the code's part of the window */
static char missing[OBJECT_NAME_MAX];
static uint32_t *counters; /* of the object that is being loaded */

const char *code_missing(void) {
    return missing;
}

const char *code_result_text(code_result_t result) {
    static const char *const texts[] = {
        [CODE_OK] = "done",
        [CODE_MALFORMED] = "this is no object that can be loaded",
        [CODE_UNKNOWN] = "the object needs what the kernel does not have",
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

/* Names that compilers use by themselves; of all others only the source can say which ones are meant. */
static bool is_of_compilers(const char *name) {
    static const char *const names[] = {"memcpy", "memmove", "memset", "memcmp"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '_' && name[1] == '_';
}

uint32_t code_find(const void *source, const char *name) {
    if (counters != NULL && strcmp(name, COMPILER_COUNTERS) == 0)
        return (uint32_t)(uintptr_t)counters;
    for (const jit_symbol_t *symbol = ((const jit_source_t *)source)->symbols; symbol->name != NULL; symbol++)
        if (strcmp(symbol->name, name) == 0)
            return symbol->address;
    return is_of_compilers(name) ? symbol_address(name) : 0;
}

code_result_t code_load(const uint8_t *bytes, uint32_t size, const jit_function_t *function, code_t *code) {
    object_t object;
    *code = (code_t){0};
    if (object_open(&object, bytes, size) != OBJECT_OK)
        return CODE_MALFORMED;
    if (!take_memory(code, object.code_size))
        return CODE_NO_MEMORY;
    uint8_t *memory = page_memory(code);
    memset(memory, 0xCC, code->size);
    const object_resolver_t resolver = {code_find, function->source};
    code->is_kept = object.is_kept;
    object_result_t result = object_link(&object, memory, code->start, function->name, &resolver, &code->entry);
    if (result == OBJECT_OK && paging_map(code->start, (uintptr_t)memory, code->size, PAGE_EXECUTE))
        return CODE_OK;
    code_unload(code);
    if (result != OBJECT_UNKNOWN)
        return result == OBJECT_OK ? CODE_NO_MEMORY : CODE_MALFORMED;
    strncpy(missing, object.missing, sizeof missing - 1);
    return CODE_UNKNOWN;
}

code_result_t code_load_counting(const uint8_t *bytes, uint32_t size, const jit_function_t *function, uint32_t branches,
                                 code_t *code) {
    counters = calloc(branches, 2 * sizeof *counters);
    if (counters == NULL)
        return CODE_NO_MEMORY;
    code_result_t result = code_load(bytes, size, function, code);
    if (result == CODE_OK)
        code->counters = counters;
    else
        free(counters);
    counters = NULL;
    return result;
}

void code_unload(code_t *code) {
    paging_unmap(code->start, code->size);
    memset(used + (code->start - CODE_WINDOW_START) / PAGE_SIZE, 0, code->size / PAGE_SIZE);
    free(code->memory);
    free(code->counters);
    *code = (code_t){0};
}

/* Words that are nobody's variables are looked at, too. */
__attribute__((no_sanitize("kernel-address"))) bool code_is_in_use(const code_t *code) {
    for (const uint32_t *word = __builtin_frame_address(0); word < (const uint32_t *)BF_STACK_TOP; word++)
        if (*word - code->start < code->size)
            return true;
    return false;
}
