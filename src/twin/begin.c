/*
 * begin.c: from Linux to the kernel's first C function: the words of the command line, and a stack.
 *
 *     TWIN [--keep] [--memory MIB] IMAGE [MODE [ARGUMENTS]]
 *
 * MODE is "run" (if none is given) or "bench". What the program writes to the image is thrown away, or with --keep not.
 */
#include "layout.h"
#include "linux.h"
#include "memory/memory.h"

void twin_begin(const uint32_t *stack);

enum { STATUS_UNUSABLE = 2, GUARD = 4096, MEMORY_LEAST = 2, MEMORY_MOST = BF_WINDOW_START >> 20 };

extern uint8_t bss_end[]; /* twin.ld */

words_t words = {.mode = "run", .arguments = "", .memory = 128};

int32_t map(uint32_t address, uint32_t size, uint32_t access, uint32_t how, int32_t file, uint32_t page) {
    return system_call(CALL_MMAP2, address, size, access, how, (uint32_t)file, page);
}

static void complain(const char *text) {
    system_call(CALL_WRITE, STANDARD_ERROR, (uint32_t)(uintptr_t)text, strlen(text), 0, 0, 0);
}

void give_up(const char *what, const char *why) {
    complain("twin: ");
    complain(what);
    complain(": ");
    complain(why);
    complain("\n");
    for (;;)
        system_call(CALL_EXIT_GROUP, STATUS_UNUSABLE, 0, 0, 0, 0, 0);
}

/* A number of digits alone, up to `most`; 0 for any other text. */
static uint32_t number(const char *text, uint32_t most) {
    uint32_t value = 0;
    for (; *text >= '0' && *text <= '9' && value <= most; text++)
        value = value * 10 + (uint32_t)(*text - '0');
    return *text || value > most ? 0 : value;
}

static void read_words(uint32_t count, char *const *word) {
    uint32_t at = 1;
    words.is_kept = count > at && strcmp(word[at], "--keep") == 0;
    at += words.is_kept;
    if (count > at + 1 && strcmp(word[at], "--memory") == 0) {
        words.memory = number(word[at + 1], MEMORY_MOST);
        at += 2;
    }
    if (count <= at || count > at + 3 || words.memory < MEMORY_LEAST)
        give_up("usage", "[--keep] [--memory MIB] IMAGE [run|bench [ARGUMENTS]]");
    words.image = word[at];
    words.mode = count > at + 1 ? word[at + 1] : words.mode;
    words.arguments = count > at + 2 ? word[at + 2] : words.arguments;
}

/* `stack` is what Linux gives a program: argc, argv, the environment. */
void twin_begin(const uint32_t *stack) {
    read_words(stack[0], (char *const *)(stack + 1));
    uint32_t start = (uint32_t)(uintptr_t)bss_end + GUARD;
    if (is_error(map(start, BF_STACK_TOP - start, MAP_CAN_READ | MAP_CAN_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_AT_FREE, MAP_NO_FILE, 0)))
        give_up("the stack", "Linux does not give its addresses");
}
