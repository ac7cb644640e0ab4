/*
 * sanitizer.c: what code that AddressSanitizer and UndefinedBehaviorSanitizer watch calls, in a twin.
 *
 * The compiler asks before each access whether it may be (-fsanitize=kernel-address, as the Linux kernel does it), and
 * keeps the surroundings of variables poisoned. Each eight bytes of the address space have a byte of shadow: 0, all may
 * be used; 1 to 7, the first so many; more, none. The heap's part is here: blocks lie between poison, and what is free
 * is poisoned. What is found is a panic. This file itself is not watched, nor are the heap and the copying of bytes,
 * which are called through here (--wrap).
 */
#include "cpu/panic.h"
#include "io/format.h"
#include "layout.h"
#include "linux.h"
#include "memory/memory.h"

#define SHADOW 0x20000000U
#define SHADOW_SIZE 0x20000000U

enum { GRAIN = 8, REDZONE = 16, POISON_HEAP = 0xFA, POISON_FREED = 0xFD, POISON_GLOBAL = 0xF9 };

static uint8_t *shadow_of(uintptr_t address) {
    return (uint8_t *)(SHADOW + address / GRAIN);
}

static void poison(uintptr_t start, uintptr_t end, uint8_t how) {
    for (uintptr_t at = start; at < end; at += GRAIN)
        *shadow_of(at) = how;
}

/* `start` is a multiple of GRAIN. */
static void unpoison(uintptr_t start, size_t size) {
    poison(start, start + size / GRAIN * GRAIN, 0);
    if (size % GRAIN != 0)
        *shadow_of(start + size) = (uint8_t)(size % GRAIN);
}

static bool may_use(uintptr_t address) {
    uint8_t shadow = *shadow_of(address);
    return shadow == 0 || (shadow < GRAIN && address % GRAIN < shadow);
}

static void check(uintptr_t address, size_t size, const char *what) {
    static char message[96];
    for (uintptr_t at = address, end = address + size; at < end;) {
        uintptr_t next = (at / GRAIN + 1) * GRAIN, last = (next < end ? next : end) - 1;
        if (!may_use(last)) { /* what may be used of a grain is its first bytes */
            snprintf(message, sizeof message, "AddressSanitizer: %s of %zu bytes at %x, shadow %x", what, size, address,
                     *shadow_of(last));
            panic(message);
        }
        at = next;
    }
}

/* Before all other constructors, and before anything that is watched. */
static void begin(void) {
    if (is_error(map(SHADOW, SHADOW_SIZE, MAP_CAN_READ | MAP_CAN_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NO_RESERVE | MAP_AT_FREE, MAP_NO_FILE, 0)))
        give_up("the shadow", "Linux does not give its addresses");
}

__attribute__((section(".init_array.0"), used)) static void (*const first_constructor)(void) = begin;

#define ACCESSES(size)                                                                                                 \
    void __asan_load##size(uintptr_t address);                                                                         \
    void __asan_load##size(uintptr_t address) {                                                                        \
        check(address, size, "a read");                                                                                \
    }                                                                                                                  \
    void __asan_store##size(uintptr_t address);                                                                        \
    void __asan_store##size(uintptr_t address) {                                                                       \
        check(address, size, "a write");                                                                               \
    }
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __asan_loadN(uintptr_t address, size_t size);
void __asan_loadN(uintptr_t address, size_t size) {
    check(address, size, "a read");
}

void __asan_storeN(uintptr_t address, size_t size);
void __asan_storeN(uintptr_t address, size_t size) {
    check(address, size, "a write");
}

/* Variables outside of functions: `size_with_poison` is a multiple of the grain. */
typedef struct {
    uintptr_t start;
    size_t size, size_with_poison;
    const char *name, *module;
    size_t has_constructor;
    const void *location;
    uintptr_t indicator;
} variable_t;

void __asan_register_globals(const variable_t *variables, size_t count);
void __asan_register_globals(const variable_t *variables, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uintptr_t end = variables[i].start + variables[i].size;
        poison((end + GRAIN - 1) / GRAIN * GRAIN, variables[i].start + variables[i].size_with_poison, POISON_GLOBAL);
        if (end % GRAIN != 0)
            *shadow_of(end) = (uint8_t)(end % GRAIN);
    }
}

void __asan_unregister_globals(const variable_t *variables, size_t count);
void __asan_unregister_globals(const variable_t *variables, size_t count) {
    (void)variables;
    (void)count;
}

/* Variables of functions: the compiler sets most shadow itself; long runs of it by these. */
#define SET_SHADOW(value)                                                                                              \
    void __asan_set_shadow_##value(uint8_t *shadow, size_t size);                                                      \
    void __asan_set_shadow_##value(uint8_t *shadow, size_t size) {                                                     \
        for (size_t i = 0; i < size; i++)                                                                              \
            shadow[i] = 0x##value;                                                                                     \
    }
SET_SHADOW(00)
SET_SHADOW(f1)
SET_SHADOW(f2)
SET_SHADOW(f3)
SET_SHADOW(f5)
SET_SHADOW(f8)

/* What is called does not return: the frames of all callers are gone with their variables. */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {
    enum { IS_USED = 1 };
    struct {
        uint32_t start, flags, size;
    } of_signals = {0};
    system_call(CALL_SIGALTSTACK, 0, (uint32_t)(uintptr_t)&of_signals, 0, 0, 0, 0);
    uintptr_t end = of_signals.flags & IS_USED ? of_signals.start + of_signals.size : BF_STACK_TOP;
    poison((uintptr_t)__builtin_frame_address(0), end, 0);
}

/* The heap. A block is a redzone that knows the size, the caller's bytes, and poison up to its end. */
void *__real_malloc(size_t size);
void __real_free(void *block);
void __real_heap_add(void *start, size_t length);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
void __wrap_heap_add(void *start, size_t length);

void __wrap_heap_add(void *start, size_t length) {
    poison((uintptr_t)start, (uintptr_t)start + length, POISON_HEAP);
    __real_heap_add(start, length);
}

void *__wrap_malloc(size_t size) {
    if (size > SIZE_MAX - 2 * REDZONE)
        return NULL;
    uint8_t *block = __real_malloc(size + 2 * REDZONE);
    if (block == NULL)
        return NULL;
    *(size_t *)(uintptr_t)block = size;
    poison((uintptr_t)block, (uintptr_t)block + REDZONE + size + REDZONE, POISON_HEAP);
    unpoison((uintptr_t)block + REDZONE, size);
    return block + REDZONE;
}

static size_t size_of(const void *block) {
    return *(const size_t *)((uintptr_t)block - REDZONE);
}

void __wrap_free(void *block) {
    if (block == NULL)
        return;
    check((uintptr_t)block, 1, "a release");
    poison((uintptr_t)block, (uintptr_t)block + size_of(block), POISON_FREED);
    __real_free((uint8_t *)block - REDZONE);
}

void *__wrap_calloc(size_t count, size_t size) {
    size_t bytes;
    void *block = __builtin_mul_overflow(count, size, &bytes) ? NULL : __wrap_malloc(bytes);
    return block == NULL ? NULL : memset(block, 0, bytes);
}

void *__wrap_realloc(void *block, size_t size) {
    void *moved = __wrap_malloc(size);
    if (moved == NULL || block == NULL)
        return moved;
    size_t old = size_of(block);
    memcpy(moved, block, old < size ? old : size);
    __wrap_free(block);
    return moved;
}

/* The bytes: they are copied by instructions that the compiler does not see. */
void *__real_memcpy(void *restrict to, const void *restrict from, size_t count);
void *__real_memmove(void *to, const void *from, size_t count);
void *__real_memset(void *to, int value, size_t count);
void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t count);
void *__wrap_memmove(void *to, const void *from, size_t count);
void *__wrap_memset(void *to, int value, size_t count);

void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t count) {
    check((uintptr_t)from, count, "a read");
    check((uintptr_t)to, count, "a write");
    return __real_memcpy(to, from, count);
}

void *__wrap_memmove(void *to, const void *from, size_t count) {
    check((uintptr_t)from, count, "a read");
    check((uintptr_t)to, count, "a write");
    return __real_memmove(to, from, count);
}

void *__wrap_memset(void *to, int value, size_t count) {
    check((uintptr_t)to, count, "a write");
    return __real_memset(to, value, count);
}

/* Undefined behaviour: whatever it is, the first thing that is told of it is where. */
typedef struct {
    const char *file;
    uint32_t line, column;
} location_t;

_Noreturn static void complain(const char *what, const location_t *where) {
    static char message[160];
    snprintf(message, sizeof message, "UndefinedBehaviorSanitizer: %s, %s:%u:%u", what, where->file, where->line,
             where->column);
    panic(message);
}

#define UNDEFINED(name, handler)                                                                                       \
    _Noreturn void __ubsan_handle_##handler(const location_t *where);                                                  \
    _Noreturn void __ubsan_handle_##handler(const location_t *where) {                                                 \
        complain(name, where);                                                                                         \
    }
UNDEFINED("an addition that overflows", add_overflow_abort)
UNDEFINED("a subtraction that overflows", sub_overflow_abort)
UNDEFINED("a multiplication that overflows", mul_overflow_abort)
UNDEFINED("a negation that overflows", negate_overflow_abort)
UNDEFINED("a division that has no result", divrem_overflow_abort)
UNDEFINED("a shift by too much", shift_out_of_bounds_abort)
UNDEFINED("an index out of bounds", out_of_bounds_abort)
UNDEFINED("a pointer that overflows", pointer_overflow_abort)
UNDEFINED("an address that is none, or not aligned", type_mismatch_v1_abort)
UNDEFINED("a number too large for its type", float_cast_overflow_abort)
UNDEFINED("a place that cannot be reached", builtin_unreachable)
UNDEFINED("a function without a result", missing_return)
UNDEFINED("a value that its type does not have", load_invalid_value_abort)
UNDEFINED("an array of no length", vla_bound_not_positive_abort)
UNDEFINED("zero where a built-in function takes none", invalid_builtin_abort)
UNDEFINED("a null argument", nonnull_arg_abort)
UNDEFINED("a null result", nonnull_return_v1_abort)
UNDEFINED("an assumption about alignment", alignment_assumption_abort)
