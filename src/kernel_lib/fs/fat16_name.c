/*
 * fat16_name.c: names, and the sets of entries that carry them.
 *
 * Every file has an 8.3 name (its alias). Two bits of the entry can show the alias in lower case; a name for which that
 * is not enough is stored besides, in UTF-16, in entries before the 8.3 entry that count down to 1 and carry a checksum
 * of the alias. The alias of such a name is made of two of its letters, a hash and "~1".
 */
#include "fs/fat16.h"
#include "memory/memory.h"

enum { BASE_LENGTH = 8, EXTENSION_LENGTH = 3, PIECES_MAX = 20 };

/* Where the 13 UTF-16 units of a piece lie in its 32 bytes, and its checksum. */
static const uint8_t UNIT_OFFSETS[FAT16_UNITS_PER_ENTRY] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
enum { PIECE_NUMBER = 0, PIECE_ATTRIBUTES = 11, PIECE_CHECKSUM = 13 };

static char upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool fat16_names_equal(const char *left, const char *right) {
    while (*left && upper(*left) == upper(*right)) {
        left++;
        right++;
    }
    return upper(*left) == upper(*right);
}

static bool is_long_character(char c) {
    return c >= ' ' && c <= '~' && !strchr("\"*/:<>?\\|", c);
}

static bool is_short_character(char c) {
    return is_long_character(c) && c != ' ' && !strchr("+,.;=[]", c);
}

/* One part of the alias, without its padding. What we could not write, or the reader not type, shows as '?'. */
static char *part_text(const uint8_t *part, size_t length, bool in_lower_case, char *text) {
    while (length && part[length - 1] == ' ') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        char c = (char)part[i];
        bool plain = c > ' ' && c <= '~' && c != '/';
        *text++ = plain ? (in_lower_case ? lower(c) : c) : '?';
    }
    return text;
}

void fat16_alias_text(const fat16_entry_t *entry, char text[13]) {
    const uint8_t *extension = entry->name + BASE_LENGTH;
    char *end = part_text(entry->name, BASE_LENGTH, entry->name_case & CASE_LOWER_BASE, text);
    char *dot = end;
    *end++ = '.';
    end = part_text(extension, EXTENSION_LENGTH, entry->name_case & CASE_LOWER_EXTENSION, end);
    *(end == dot + 1 ? dot : end) = '\0';
}

static uint8_t alias_checksum(const fat16_entry_t *entry) {
    uint8_t sum = 0;
    for (int i = 0; i < FAT16_SHORT_NAME; i++) {
        sum = (uint8_t)((sum >> 1 | sum << 7) + entry->name[i]);
    }
    return sum;
}

void fat16_long_name_add(fat16_long_name_t *name, const fat16_entry_t *piece) {
    const uint8_t *bytes = (const uint8_t *)piece;
    uint32_t number = bytes[PIECE_NUMBER];
    if (number & FAT16_FIRST_PIECE) {
        name->expected = number & ~(uint32_t)FAT16_FIRST_PIECE;
        name->checksum = bytes[PIECE_CHECKSUM];
        name->valid = name->expected && name->expected <= PIECES_MAX;
        if (name->valid) {
            name->units[name->expected * FAT16_UNITS_PER_ENTRY] = 0;
        }
    } else if (number != name->expected || !number || bytes[PIECE_CHECKSUM] != name->checksum) {
        name->valid = false;
    }
    if (!name->valid) {
        return;
    }
    name->expected--;
    uint16_t *units = name->units + name->expected * FAT16_UNITS_PER_ENTRY;
    for (int i = 0; i < FAT16_UNITS_PER_ENTRY; i++) {
        units[i] = (uint16_t)(bytes[UNIT_OFFSETS[i]] | bytes[UNIT_OFFSETS[i] + 1] << 8);
    }
}

/* One character of UTF-16 at *units, which moves behind it; half a pair counts as '?'. */
static uint32_t decode_utf16(const uint16_t **units) {
    uint32_t unit = *(*units)++;
    if (unit < 0xD800 || unit > 0xDFFF) {
        return unit;
    }
    if (unit < 0xDC00 && **units >= 0xDC00 && **units <= 0xDFFF) {
        return 0x10000 + ((unit - 0xD800) << 10) + (*(*units)++ - 0xDC00U);
    }
    return '?';
}

static size_t encode_utf8(uint32_t character, uint8_t bytes[4]) {
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t LEADS[] = {0x00, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    bytes[0] = (uint8_t)(LEADS[length] | character);
    return length;
}

bool fat16_long_name_text(const fat16_long_name_t *name, const fat16_entry_t *entry, char text[FS_NAME_SIZE]) {
    if (!name->valid || name->expected || name->checksum != alias_checksum(entry)) {
        return false;
    }
    size_t length = 0;
    for (const uint16_t *units = name->units; *units;) {
        uint8_t bytes[4];
        uint32_t character = decode_utf16(&units);
        size_t more = encode_utf8(character, bytes);
        if (character < ' ' || character == '/' || length + more >= FS_NAME_SIZE) {
            return false;
        }
        memcpy(text + length, bytes, more);
        length += more;
    }
    text[length] = '\0';
    return length > 0;
}

static bool is_writable_name(const char *name) {
    size_t length = strnlen(name, FS_WRITTEN_NAME_MAX + 1);
    if (!length || length > FS_WRITTEN_NAME_MAX || name[length - 1] == '.' || name[length - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_long_character(name[i])) {
            return false;
        }
    }
    return true;
}

/* Puts a part into its field if it fits there as it is; letters of both cases do not. */
static bool store_part(const char *part, size_t length, size_t limit, uint8_t *field, bool *in_lower_case) {
    bool any_upper = false;
    *in_lower_case = false;
    for (size_t i = 0; i < length; i++) {
        if (i == limit || !is_short_character(part[i])) {
            return false;
        }
        any_upper |= part[i] != lower(part[i]);
        *in_lower_case |= part[i] != upper(part[i]);
        field[i] = (uint8_t)upper(part[i]);
    }
    return !(any_upper && *in_lower_case);
}

/* True when the alias alone can carry the name. */
static bool store_plain_name(const char *name, fat16_entry_t *entry) {
    const char *dot = strchr(name, '.');
    size_t length = strlen(name);
    size_t base = dot ? (size_t)(dot - name) : length;
    size_t extension = dot ? length - base - 1 : 0;
    bool lower_base;
    bool lower_extension;
    if (!base || !store_part(name, base, BASE_LENGTH, entry->name, &lower_base) ||
        (extension && !store_part(dot + 1, extension, EXTENSION_LENGTH, entry->name + BASE_LENGTH, &lower_extension))) {
        return false;
    }
    entry->name_case =
        (uint8_t)((lower_base ? CASE_LOWER_BASE : 0) | (extension && lower_extension ? CASE_LOWER_EXTENSION : 0));
    return true;
}

static void store_letters(const char *from, size_t limit, uint8_t *field) {
    for (size_t used = 0; *from && used < limit; from++) {
        if (is_short_character(*from)) {
            field[used++] = (uint8_t)upper(*from);
        }
    }
}

/* FNV-1a over the name without regard to case, folded to 16 bits. */
static uint32_t name_hash(const char *name, uint32_t attempt) {
    uint32_t hash = 0x811C9DC5U + attempt;
    for (; *name; name++) {
        hash = (hash ^ (uint8_t)upper(*name)) * 0x01000193U;
    }
    return (hash ^ hash >> 16) & 0xFFFF;
}

static void store_made_alias(const char *name, uint32_t attempt, fat16_entry_t *entry) {
    enum { LETTERS = 2, DIGITS = 4 };
    memset(entry->name, ' ', FAT16_SHORT_NAME);
    memset(entry->name, '_', LETTERS);
    store_letters(name, LETTERS, entry->name);
    uint32_t hash = name_hash(name, attempt);
    for (uint32_t i = 0; i < DIGITS; i++) {
        entry->name[LETTERS + i] = (uint8_t)"0123456789ABCDEF"[hash >> (12 - 4 * i) & 0xF];
    }
    entry->name[LETTERS + DIGITS] = '~';
    entry->name[LETTERS + DIGITS + 1] = '1';
    const char *dot = strrchr(name, '.');
    if (dot) {
        store_letters(dot + 1, EXTENSION_LENGTH, entry->name + BASE_LENGTH);
    }
    entry->name_case = 0;
}

/* Piece `number` counts from 1; behind the name's end comes one 0 and then padding. */
static void store_piece(const char *name, uint32_t number, uint8_t checksum, uint8_t *bytes) {
    size_t length = strlen(name);
    memset(bytes, 0, FAT16_ENTRY_SIZE);
    bytes[PIECE_NUMBER] = (uint8_t)(number | (number * FAT16_UNITS_PER_ENTRY >= length ? FAT16_FIRST_PIECE : 0));
    bytes[PIECE_ATTRIBUTES] = ATTRIBUTE_LONG;
    bytes[PIECE_CHECKSUM] = checksum;
    for (uint32_t i = 0; i < FAT16_UNITS_PER_ENTRY; i++) {
        size_t at = (number - 1) * FAT16_UNITS_PER_ENTRY + i;
        bytes[UNIT_OFFSETS[i]] = at < length ? (uint8_t)name[at] : at == length ? 0 : 0xFF;
        bytes[UNIT_OFFSETS[i] + 1] = at <= length ? 0 : 0xFF;
    }
}

fs_result_t fat16_make_set(const char *name, uint32_t attempt, fat16_set_t *set) {
    if (!is_writable_name(name)) {
        return FS_BAD_NAME;
    }
    fat16_entry_t alias = {.cluster = 0};
    memset(alias.name, ' ', FAT16_SHORT_NAME);
    set->count = 1;
    if (!store_plain_name(name, &alias)) {
        store_made_alias(name, attempt, &alias);
        uint32_t pieces = (uint32_t)(strlen(name) + FAT16_UNITS_PER_ENTRY - 1) / FAT16_UNITS_PER_ENTRY;
        set->count += pieces;
        for (uint32_t i = 0; i < pieces; i++) {
            store_piece(name, pieces - i, alias_checksum(&alias), (uint8_t *)&set->entries[i]);
        }
    }
    set->entries[set->count - 1] = alias;
    return FS_OK;
}
