/*
 * specialise.c: an app that has versions made of functions, for values of their arguments and outcomes of their
 * branches that dice choose, and code that counts branches; each computes what the build's code does, for arguments
 * that match and for others, and while it is swapped in.
 */
#include "check.h"
#include "jit/compiler_module.h"
#include "jit/jit.h"
#include "shapes.h"

enum { VERSIONS = 12, CALLS = 60, WORDS = 4, SIZE = 64, DIGITS_MAX = 64 };

typedef uint64_t words_function_t(uint32_t, uint32_t, uint32_t, uint32_t);

typedef struct {
    uint32_t word[WORDS];
} arguments_t;

static uint32_t dice = 12345;
static uint32_t values[SIZE];
static uint8_t bytes[SIZE];

static uint32_t throw_dice(uint32_t below) {
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % below;
}

/* Arguments that a function may be called with. Narrow ones are extended, as a C compiler does. */
static arguments_t choose(const char *name) {
    uint32_t small = throw_dice(6), any = throw_dice(1 << 20) * 4099;
    if (strcmp(name, "blend") == 0)
        return (arguments_t){{any & 0xFF, (uint32_t)(int32_t)(int16_t)any, any, 0}};
    if (strcmp(name, "count_above") == 0)
        return (arguments_t){{(uint32_t)(uintptr_t)values, throw_dice(SIZE), throw_dice(100), 1 + small}};
    if (strcmp(name, "power") == 0)
        return (arguments_t){{any, throw_dice(40), 0, 0}};
    if (strcmp(name, "shift_add") == 0)
        return (arguments_t){{any, ~any, small * 13, any / 3}};
    if (strcmp(name, "fill") == 0)
        return (arguments_t){{(uint32_t)(uintptr_t)bytes, throw_dice(SIZE), any & 0xFF, 0}};
    return (arguments_t){{small, any, any * 7, 0}};
}

static uint64_t call(const jit_function_t *function, const void *code, const arguments_t *given, uint8_t after[SIZE]) {
    uint64_t result =
        ((words_function_t *)(uintptr_t)code)(given->word[0], given->word[1], given->word[2], given->word[3]);
    memcpy(after, bytes, SIZE);
    memset(bytes, 0, SIZE);
    if (strcmp(function->name, "fill") == 0)
        return 0;
    return strcmp(function->name, "shift_add") == 0 ? result : (uint32_t)result;
}

/* The code's results are those of the build's; half of the arguments have the words of `mostly`, all or some. */
static int compare(const jit_function_t *function, const void *code, const arguments_t *mostly) {
    for (unsigned i = 0; i < CALLS; i++) {
        uint8_t wanted[SIZE], found[SIZE];
        arguments_t given = choose(function->name);
        uint32_t taken = i % 2 == 0 ? UINT32_MAX : throw_dice(1 << WORDS);
        for (unsigned word = 0; word < WORDS; word++)
            given.word[word] = (taken >> word & 1) != 0 ? mostly->word[word] : given.word[word];
        uint64_t expected = call(function, function->aot, &given, wanted);
        uint64_t result = call(function, code, &given, found);
        if (expected != result)
            terminal_printf("%s(%u, %u, %u, %u)\n", function->name, given.word[0], given.word[1], given.word[2],
                            given.word[3]);
        CHECK(expected == result && memcmp(wanted, found, SIZE) == 0);
    }
    return 0;
}

/* Whether word `word` is an argument of its own. */
static bool is_whole(const char *name, unsigned word) {
    return strcmp(name, "shift_add") != 0 || word >= 2;
}

static int make_version(jit_function_t *function, const branches_t *branches) {
    char digits[DIGITS_MAX + 1] = "";
    specialisation_t wanted = {.recursion = throw_dice(4)};
    arguments_t mostly = choose(function->name);
    for (unsigned word = 0; word < function->words; word++) {
        wanted.value[word] = mostly.word[word];
        if (is_whole(function->name, word) && throw_dice(2) == 0)
            wanted.known |= 1U << word;
    }
    CHECK(branches->count * 2 <= DIGITS_MAX);
    for (uint32_t i = 0; i < branches->count * 2; i++)
        digits[i] = "0123456789ABCDEF"[throw_dice(16)];
    if (branches->count > 0 && throw_dice(2) == 0)
        wanted.branches = digits;
    artifact_t artifact;
    code_t code;
    jit_result_t result = jit_make(jit_volume(), function, &wanted, &artifact, &code);
    if (result != JIT_OK)
        terminal_printf("%s\n", jit_message());
    CHECK(result == JIT_OK);
    artifact_free(&artifact);
    CHECK(compare(function, (const void *)(uintptr_t)code.entry, &mostly) == 0);
    jit_swap_function(function, &code);
    CHECK(compare(function, function->current, &mostly) == 0);
    jit_swap_function(function, NULL);
    return 0;
}

/* The branch of a loop that is known is taken once for each turn, and not taken at its end. */
static int check_counts(const code_t *code, const branches_t *branches) {
    memset(code->counters, 0, 2 * sizeof(uint32_t) * branches->count);
    ((words_function_t *)(uintptr_t)code->entry)((uint32_t)(uintptr_t)bytes, 10, 1, 0);
    ((words_function_t *)(uintptr_t)code->entry)((uint32_t)(uintptr_t)bytes, 5, 1, 0);
    CHECK(branches->count == 1 && code->counters[0] == 15 && code->counters[1] == 2);
    return 0;
}

/* Outcomes as digits, and values that are frequent enough to be said. */
static int check_usage(void) {
    static const struct {
        uint32_t taken, not_taken;
        char digits[3];
    } outcomes[] = {
        {0, 0, "00"},     {1, 0, "10"},      {2, 3, "12"},          {15, 2, "41"},         {65534, 65535, "FF"},
        {65536, 1, "F0"}, {262144, 8, "F1"}, {UINT32_MAX, 0, "F0"}, {3, UINT32_MAX, "0F"},
    };
    for (unsigned i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        char *digits = usage_branches(&outcomes[i].taken, 1);
        CHECK(digits != NULL && strcmp(digits, outcomes[i].digits) == 0);
        free(digits);
    }
    CHECK(usage_branches(NULL, 0) == NULL && usage_branches(NULL, 701) == NULL);
    const histogram_t words[JIT_WORDS] = {
        {{5, 6}, {899, 101}}, {{7, 8}, {100, 900}}, {{0}, {1000}}, {{0}, {0}}}; /* the last was never called */
    specialisation_t wanted = {0};
    usage_values(words, &wanted);
    CHECK(wanted.known == 6 && wanted.value[1] == 8 && wanted.value[2] == 0);
    return 0;
}

static int check(jit_function_t *function) {
    branches_t branches;
    code_t code = {0};
    CHECK(jit_make_counting(jit_volume(), function, &branches, &code) == JIT_OK);
    CHECK(branches.is_recursive == (strcmp(function->name, "power") == 0));
    CHECK((branches.count > 0) == (code.counters != NULL) && (branches.count > 0) == (code.size > 0));
    if (branches.count > 0) {
        arguments_t mostly = choose(function->name);
        CHECK(compare(function, (const void *)(uintptr_t)code.entry, &mostly) == 0);
        CHECK(strcmp(function->name, "fill") != 0 || check_counts(&code, &branches) == 0);
        code_unload(&code);
    }
    for (unsigned i = 0; i < VERSIONS; i++)
        CHECK(make_version(function, &branches) == 0);
    return 0;
}

int app_main(void) {
    for (unsigned i = 0; i < SIZE; i++)
        values[i] = throw_dice(100);
    CHECK(check_usage() == 0);
    CHECK(jit_start() == JIT_OK);
    size_t used = 0;
    for (jit_function_t *function = jit_functions(); function < jit_functions_end(); function++) {
        CHECK(check(function) == 0);
        CHECK(used == 0 || heap_statistics().used == used); /* after the first, which loads the compiler */
        used = heap_statistics().used;
        serial_record("specialised name=%s versions=%u", function->name, VERSIONS);
    }
    heap_check();
    return 0;
}
