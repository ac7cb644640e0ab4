/* splitter.c: see splitter.h. The pattern's alternatives are tried in its order. */
#include "splitter.h"

#include "chat/unicode.h"

#include <stdbool.h>

typedef enum { OTHER, LETTER, DIGIT, SPACE } class_t;

static bool is_in(const uint32_t ranges[][2], size_t count, uint32_t character) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (character > ranges[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && character >= ranges[low][0];
}

static bool is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
           c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static class_t class_of(uint32_t character) {
    if (character == UINT32_MAX)
        return OTHER;
    if (is_space(character))
        return SPACE;
    if (is_in(unicode_letters, sizeof unicode_letters / sizeof *unicode_letters, character))
        return LETTER;
    return is_in(unicode_digits, sizeof unicode_digits / sizeof *unicode_digits, character) ? DIGIT : OTHER;
}

/* How many bytes a character has by its first one, and the least character that needs as many. */
static size_t length_of(uint8_t first, uint32_t *least) {
    *least = first < 0xE0 ? 0x80 : first < 0xF0 ? 0x800 : 0x10000;
    return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

size_t splitter_character(const uint8_t *text, size_t size, uint32_t *character) {
    uint32_t least, code = text[0];
    size_t length = length_of(text[0], &least);
    *character = length == 1 ? code : UINT32_MAX;
    if (length < 2 || length > size)
        return 1;
    code &= 0xFFU >> (length + 1);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 1;
        code = code << 6 | (text[i] & 0x3F);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return 1;
    *character = code;
    return length;
}

static size_t step(const splitter_t *splitter, size_t at, class_t *class) {
    uint32_t character;
    size_t length = splitter_character(splitter->text + at, splitter->size - at, &character);
    *class = class_of(character);
    return length;
}

/* Where a run of one class ends that begins at `at`; `*last` is where its last character begins. */
static size_t run_end(const splitter_t *splitter, size_t at, class_t wanted, size_t *last) {
    class_t class;
    while (at < splitter->limit) {
        size_t length = step(splitter, at, &class);
        if (class != wanted)
            break;
        *last = at;
        at += length;
    }
    return at;
}

static bool begins(const splitter_t *splitter, const char *part, size_t length) {
    if (splitter->limit - splitter->at < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (splitter->text[splitter->at + i] != (uint8_t)part[i])
            return false;
    return true;
}

static size_t contraction(const splitter_t *splitter) {
    static const char parts[][4] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t length = parts[i][2] == '\0' ? 2 : 3;
        if (begins(splitter, parts[i], length))
            return length;
    }
    return 0;
}

/* The word's size by GPT-2's pattern. */
static size_t match(const splitter_t *splitter) {
    size_t at = splitter->at, last = at, length = contraction(splitter);
    class_t class, next = SPACE;
    if (length > 0)
        return length;
    length = step(splitter, at, &class);
    if (class != SPACE)
        return run_end(splitter, at, class, &last) - at;
    if (splitter->text[at] == ' ' && at + 1 < splitter->limit)
        step(splitter, at + 1, &next);
    if (next != SPACE) /* one space belongs to what follows it */
        return run_end(splitter, at + 1, next, &last) - at;
    size_t end = run_end(splitter, at, SPACE, &last);
    if (end == splitter->limit || last == at)
        return end - at;
    return last - at; /* the last space of many stands apart: it may belong to what follows */
}

/* With single digits, each stands alone, and words end before them. */
static void set_limit(splitter_t *splitter) {
    class_t class;
    size_t at = splitter->at, length = 0;
    for (; at < splitter->size; at += length) {
        length = step(splitter, at, &class);
        if (class == DIGIT)
            break;
    }
    splitter->limit = at == splitter->at ? at + length : at;
}

splitter_t splitter_start(const uint8_t *text, size_t size, uint32_t kind) {
    splitter_t splitter = {text, size, 0, kind == SPLITTER_SINGLE_DIGITS ? 0 : size, kind};
    return splitter;
}

size_t splitter_next(splitter_t *splitter) {
    if (splitter->at == splitter->size)
        return 0;
    if (splitter->at == splitter->limit)
        set_limit(splitter);
    size_t length = splitter->kind == SPLITTER_NONE ? splitter->size : match(splitter);
    splitter->at += length;
    return length;
}
