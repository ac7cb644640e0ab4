/*
 * hostile_model.c: an app that damages the model on its disk, loads it as the chat program does, and uses what is
 * taken.
 *
 *     SEED TIMES
 *
 * Each time something of it is changed (the table below); all kinds but one then get a size and a checksum that fit, so
 * that what comes behind these is reached. The answer is a model that goes on with a text, or a sentence.
 */
#include "../native/random.h"
#include "check.h"
#include "conversation.h"
#include "cpu/vectors.h"
#include "load.h"

#define PATH "MODEL.BIN"
#define TEXT                                                                                                           \
    "aabbccddeeffgghh adbecfdgeh hagfedcb <|im_end|> \xC3\xA9\xFF" /* many merges, a mark, a letter, no letter */

enum { SIZE_AT = 8, CHECKSUM_AT = 12, CHECKED_FROM = 16, HEADER = 128, TABLE_AT = 112, FLIPS_MAX = 8, SAID = 3 };

typedef struct {
    uint8_t *bytes;
    uint32_t size;
} content_t;

static uint64_t seed;

static uint32_t word_at(const content_t *file, uint32_t at) {
    uint32_t word;
    memcpy(&word, file->bytes + at, sizeof word);
    return word;
}

static void set_word(const content_t *file, uint32_t at, uint32_t word) {
    memcpy(file->bytes + at, &word, sizeof word);
}

/* The word at `at` becomes one that is likely to be wrong: a limit, near what it was, no number, anything. */
static void change_word(const content_t *file, uint32_t at) {
    static const uint32_t words[] = {0,          1,          16,         32,         64,         0x7FFFFFFF,
                                     0x80000000, 0xFFFFFFFF, 0xFFFFFFC0, 0x10000,    0x7F800000, 0xFF800000,
                                     0x7FC00000, 0x7F7FFFFF, 0x3F800000, 0x00010001, 0x7C007C00, 0x7E007E00};
    enum { WORDS = sizeof words / sizeof *words };
    uint32_t old = word_at(file, at), which = random_below(&seed, WORDS + 4);
    if (which < WORDS)
        set_word(file, at, words[which]);
    else if (which == WORDS)
        set_word(file, at, (uint32_t)random_next(&seed));
    else
        set_word(file, at, old + (which == WORDS + 1 ? 1 : which == WORDS + 2 ? UINT32_MAX : 64));
}

static void change_between(const content_t *file, uint32_t start, uint32_t end) {
    change_word(file, start + random_below(&seed, (end - start) / 4) * 4);
}

static void flip_bits(content_t *file) {
    for (uint32_t flips = 1 + random_below(&seed, FLIPS_MAX); flips > 0; flips--)
        file->bytes[random_below(&seed, file->size)] ^= (uint8_t)(1U << random_below(&seed, 8));
}

static void change_header(content_t *file) {
    change_between(file, CHECKED_FROM, HEADER - 12);
}

/* Offsets of the vocabulary's parts, of the frequencies and of the table come one behind the other. */
static void change_offset(content_t *file) {
    change_between(file, 80, TABLE_AT + 4);
}

static void change_table(content_t *file) {
    uint32_t start = word_at(file, TABLE_AT);
    change_between(file, start, start + 16 * 21); /* of two layers */
}

static void change_vocabulary(content_t *file) {
    change_between(file, HEADER, word_at(file, TABLE_AT));
}

static void change_weights(content_t *file) {
    for (uint32_t i = 0; i < 4; i++)
        change_between(file, word_at(file, TABLE_AT), file->size);
}

static void cut(content_t *file) {
    file->size = HEADER + random_below(&seed, file->size - HEADER);
}

static void (*const kinds[])(content_t *) = {
    flip_bits, flip_bits, change_header, change_offset, change_table, change_vocabulary, change_weights, cut,
};

enum { UNSEALED, KINDS = sizeof kinds / sizeof *kinds };

static void seal(const content_t *file) {
    set_word(file, SIZE_AT, file->size);
    set_word(file, CHECKSUM_AT, model_checksum(0, file->bytes + CHECKED_FROM, file->size - CHECKED_FROM));
}

/* Returns what was wrong, or NULL. */
static const char *use(const model_t *model) {
    conversation_t talk;
    const char *wrong = "there is no memory";
    if (conversation_init(&talk, model)) {
        wrong = conversation_go_on(&talk, TEXT, SAID);
        talk.sampler.temperature = 1;
        conversation_reset(&talk);
        if (!wrong)
            wrong = conversation_ask(&talk, "why?", SAID);
        if (wrong)
            terminal_printf("%s\n", wrong);
    }
    sampler_free(&talk.sampler);
    transformer_free(&talk.transformer);
    free(talk.tokens);
    return wrong;
}

static uint32_t number(const char **text) {
    uint32_t value = 0;
    while (**text == ' ')
        (*text)++;
    for (; **text >= '0' && **text <= '9'; (*text)++)
        value = value * 10 + (uint32_t)(**text - '0');
    return value;
}

int app_main(void) {
    const char *text = app_arguments();
    fs_volume_t *volume;
    fs_file_t file;
    model_t model;
    uint32_t taken = 0, used = 0;
    seed = number(&text);
    uint32_t times = number(&text);
    vectors_init();
    CHECK(seed != 0 && times != 0 && fs_mount_disk(&volume) == FS_OK && fs_open(volume, PATH, &file) == FS_OK);
    content_t right = {malloc(file.size), file.size}, wrong = {malloc(file.size), 0};
    CHECK(right.bytes && wrong.bytes && fs_read(&file, 0, right.bytes, file.size, &right.size) == FS_OK);
    CHECK(load_model(&model, PATH) && use(&model) == NULL);
    for (uint32_t i = 0; i < times; i++) {
        uint32_t kind = i % KINDS;
        memcpy(wrong.bytes, right.bytes, wrong.size = right.size);
        kinds[kind](&wrong);
        if (kind != UNSEALED)
            seal(&wrong);
        CHECK(fs_replace(volume, PATH, wrong.bytes, wrong.size) == FS_OK);
        if (load_model(&model, PATH)) { /* its memory is not given back: a program loads one */
            taken++;
            used += use(&model) == NULL;
        }
    }
    serial_record("models times=%u taken=%u used=%u", times, taken, used);
    heap_check();
    return 0;
}
