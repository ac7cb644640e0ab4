/*
 * tokenizer.c: see tokenizer.h.
 *
 * The symbols of a word are a list; every pair of neighbours that has a merge waits in a heap, the best on top. A pair
 * that another merge has taken apart meanwhile is found out when its turn comes, by its two tokens.
 */
#include "tokenizer.h"

#include "memory/memory.h"
#include "splitter.h"

#define NONE UINT32_MAX

typedef struct {
    uint32_t token, previous, next;
} symbol_t;

typedef struct {
    uint32_t rank, place, left, right, merged;
} pair_t;

typedef struct {
    const model_vocabulary_t *words;
    symbol_t *symbols;
    pair_t *heap;
    uint32_t symbol_count, heap_count;
} work_t;

static void append(token_list_t *list, uint32_t token) {
    if (list->count < list->capacity)
        list->tokens[list->count] = token;
    list->count++;
}

static const model_merge_t *find_merge(const model_vocabulary_t *words, uint32_t left, uint32_t right) {
    uint32_t low = 0, high = words->merge_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const model_merge_t *merge = words->merges + middle;
        if (merge->left < left || (merge->left == left && merge->right < right))
            low = middle + 1;
        else
            high = middle;
    }
    const model_merge_t *found = words->merges + low;
    return low < words->merge_count && found->left == left && found->right == right ? found : NULL;
}

static uint32_t find_character(const model_vocabulary_t *words, uint32_t character) {
    uint32_t low = 0, high = words->character_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (words->characters[middle].character < character)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < words->character_count && words->characters[low].character == character;
    return is_found ? words->characters[low].token : NONE;
}

static bool is_before(const pair_t *one, const pair_t *other) {
    return one->rank < other->rank || (one->rank == other->rank && one->place < other->place);
}

static void push(work_t *work, pair_t pair) {
    uint32_t at = work->heap_count++;
    for (uint32_t parent; at > 0 && is_before(&pair, work->heap + (parent = (at - 1) / 2)); at = parent)
        work->heap[at] = work->heap[parent];
    work->heap[at] = pair;
}

static pair_t pop(work_t *work) {
    pair_t top = work->heap[0], last = work->heap[--work->heap_count];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < work->heap_count; at = child) {
        if (child + 1 < work->heap_count && is_before(work->heap + child + 1, work->heap + child))
            child++;
        if (!is_before(work->heap + child, &last))
            break;
        work->heap[at] = work->heap[child];
    }
    work->heap[at] = last;
    return top;
}

/* Considers the symbol at `place` and the next one. */
static void consider(work_t *work, uint32_t place) {
    if (place == NONE || work->symbols[place].next == NONE)
        return;
    uint32_t left = work->symbols[place].token, right = work->symbols[work->symbols[place].next].token;
    const model_merge_t *merge = find_merge(work->words, left, right);
    if (merge)
        push(work, (pair_t){merge->rank, place, left, right, merge->merged});
}

static void merge_all(work_t *work) {
    symbol_t *symbols = work->symbols;
    for (uint32_t place = 0; place < work->symbol_count; place++)
        consider(work, place);
    while (work->heap_count > 0) {
        pair_t pair = pop(work);
        symbol_t *left = symbols + pair.place;
        if (left->token != pair.left || left->next == NONE || symbols[left->next].token != pair.right)
            continue;
        symbol_t *right = symbols + left->next;
        left->token = pair.merged;
        right->token = NONE;
        left->next = right->next;
        if (left->next != NONE)
            symbols[left->next].previous = pair.place;
        consider(work, left->previous);
        consider(work, pair.place);
    }
}

static void add_symbol(work_t *work, uint32_t token) {
    uint32_t place = work->symbol_count;
    if (token == MODEL_NO_TOKEN)
        token = work->words->unknown;
    if (token == MODEL_NO_TOKEN)
        return;
    work->symbols[place] = (symbol_t){token, place > 0 ? place - 1 : NONE, NONE};
    if (place > 0)
        work->symbols[place - 1].next = place;
    work->symbol_count++;
}

static void encode_word(work_t *work, const uint8_t *word, size_t size, token_list_t *list) {
    uint32_t character;
    work->symbol_count = work->heap_count = 0;
    for (size_t at = 0, length; at < size; at += length) {
        length = splitter_character(word + at, size - at, &character);
        uint32_t token = find_character(work->words, character);
        if (token != NONE)
            add_symbol(work, token);
        for (size_t i = 0; token == NONE && i < length; i++)
            add_symbol(work, work->words->byte_tokens[word[at + i]]);
    }
    merge_all(work);
    for (uint32_t place = work->symbol_count > 0 ? 0 : NONE; place != NONE; place = work->symbols[place].next)
        append(list, work->symbols[place].token);
}

static size_t longest_word(const model_vocabulary_t *words, const uint8_t *text, size_t size) {
    splitter_t splitter = splitter_start(text, size, words->splitter);
    size_t longest = 0;
    for (size_t length; (length = splitter_next(&splitter)) > 0;)
        longest = length > longest ? length : longest;
    return longest;
}

bool tokenizer_encode(const model_vocabulary_t *words, const char *text, size_t size, token_list_t *list) {
    const uint8_t *bytes = (const uint8_t *)text;
    size_t longest = longest_word(words, bytes, size);
    /* A pair for each neighbour at first, and at most two new ones for each merge. */
    uint64_t heap_bytes = (uint64_t)longest * 3 * sizeof(pair_t), all = heap_bytes + longest * sizeof(symbol_t);
    if (longest == 0)
        return true;
    uint8_t *memory = all > INT32_MAX ? NULL : malloc((size_t)all);
    if (!memory)
        return false;
    work_t work = {words, (symbol_t *)(void *)(memory + heap_bytes), (pair_t *)(void *)memory, 0, 0};
    splitter_t splitter = splitter_start(bytes, size, words->splitter);
    for (size_t length; (length = splitter_next(&splitter)) > 0;)
        encode_word(&work, bytes + splitter.at - length, length, list);
    free(memory);
    return true;
}

void tokenizer_begin(const model_vocabulary_t *words, token_list_t *list) {
    if (words->adds_bos)
        append(list, words->bos);
}

const char *tokenizer_text(const model_vocabulary_t *words, uint32_t token, size_t *size) {
    *size = words->controls[token] ? 0 : words->starts[token + 1] - words->starts[token];
    return (const char *)words->bytes + words->starts[token];
}

/* The token that is no text and whose text stands here, the longest if there are several; NONE if there is none. */
static uint32_t marked(const model_vocabulary_t *words, const char *text, size_t size, size_t *length) {
    uint32_t found = NONE;
    *length = 0;
    for (uint32_t token = 0; token < words->size; token++) {
        size_t own = words->starts[token + 1] - words->starts[token];
        if (words->controls[token] && own > *length && own <= size &&
            memcmp(words->bytes + words->starts[token], text, own) == 0) {
            found = token;
            *length = own;
        }
    }
    return found;
}

bool tokenizer_encode_marked(const model_vocabulary_t *words, const char *text, size_t size, token_list_t *list) {
    size_t start = 0, length;
    for (size_t at = 0; at < size;) {
        uint32_t token = marked(words, text + at, size - at, &length);
        if (token == NONE) {
            at++;
            continue;
        }
        if (!tokenizer_encode(words, text + start, at - start, list))
            return false;
        append(list, token);
        start = at += length;
    }
    return tokenizer_encode(words, text + start, size - start, list);
}
