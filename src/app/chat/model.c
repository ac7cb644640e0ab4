/* model.c: see model.h. Every offset is checked before it is followed, and every count before it is multiplied. */
#include "model.h"

#include "memory/memory.h"

enum { MAGIC = 0x4D4C4642, VERSION = 2, CHECKED_FROM = 16, TILE = 16, BLOCK = 32, CHAT_MOST = 1 << 16 };
enum { BYTES_SIZE = 576, HALF_BYTES_SIZE = 320 }; /* of a tile's blocks */
enum { EMBEDDING, NORM, CLASSIFIER, FIRST_LAYER };
enum { NORM_ATTENTION, QUERY, KEY, VALUE, OUTPUT, NORM_HIDDEN, GATE, DOWN, UP, LAYER_MATRICES };

typedef struct {
    uint32_t magic, version, size, crc;
    uint32_t dim, hidden, layers, heads, kv_heads, head_size, vocabulary, context;
    float epsilon;
    uint32_t bos, eos, unknown, splitter, flags, merges, characters;
    uint32_t starts_at, bytes_at, controls_at, byte_tokens_at, merges_at, characters_at, chat_at, frequencies_at,
        table_at;
    uint32_t zeros[3];
} header_t;

_Static_assert(sizeof(header_t) == 128, "FORMAT.md");

typedef struct {
    uint32_t type, rows, columns, at;
} entry_t;

static bool is_between(uint32_t value, uint32_t least, uint32_t most) {
    return value >= least && value <= most;
}

/* All counts are small enough that a product of two of them, in bytes, fits 64 bits with ease. */
static const char *check_header(const header_t *header, size_t size) {
    if (header->magic != MAGIC)
        return "it is no model";
    if (header->version != VERSION)
        return "it has another version";
    if (header->size != size || size > INT32_MAX)
        return "it has not the size that its header says";
    if (!is_between(header->dim, 1, 1 << 15) || !is_between(header->hidden, 1, 1 << 16) ||
        !is_between(header->layers, 1, 1 << 10) || !is_between(header->heads, 1, 1 << 10) ||
        !is_between(header->kv_heads, 1, 1 << 10) || !is_between(header->head_size, 2, 1 << 10) ||
        !is_between(header->vocabulary, 1, MODEL_LARGEST) || !is_between(header->context, 1, 1 << 20))
        return "its shape is none that we know";
    if (header->heads % header->kv_heads || header->head_size % 2 || !(header->epsilon >= 0 && header->epsilon < 1))
        return "its shape is none that we know";
    if (header->splitter > 2 || header->flags > 3 || header->merges > INT32_MAX || header->characters > INT32_MAX)
        return "its vocabulary is of a kind that we do not know";
    return NULL;
}

/* A run of `count` elements of so many bytes at an offset, or NULL where the file does not hold it. */
static const void *run(const model_t *model, uint32_t size, uint32_t at, uint64_t count, uint32_t bytes) {
    bool fits = at % MODEL_ALIGNMENT == 0 && at <= size && count <= (size - at) / bytes;
    return fits ? model->file + at : NULL;
}

static bool is_token(const model_vocabulary_t *words, uint32_t token) {
    return token < words->size || token == MODEL_NO_TOKEN;
}

static bool are_tokens_sound(const model_vocabulary_t *words, uint32_t room) {
    if (words->starts[0] != 0 || words->starts[words->size] > room)
        return false;
    for (uint32_t i = 0; i < words->size; i++)
        if (words->starts[i + 1] < words->starts[i])
            return false;
    for (uint32_t i = 0; i < 256; i++)
        if (!is_token(words, words->byte_tokens[i]))
            return false;
    for (uint32_t i = 0; i < words->merge_count; i++)
        if (words->merges[i].merged >= words->size || words->merges[i].left >= words->size)
            return false;
    for (uint32_t i = 0; i < words->character_count; i++)
        if (words->characters[i].token >= words->size)
            return false;
    return is_token(words, words->bos) && is_token(words, words->eos) && is_token(words, words->unknown) &&
           !(words->adds_bos && words->bos == MODEL_NO_TOKEN);
}

static bool open_chat(model_t *model, uint32_t size, uint32_t at) {
    const uint32_t *sizes = run(model, size, at, CHAT_PARTS, sizeof *sizes);
    if (!sizes)
        return false;
    uint32_t room = size - at - CHAT_PARTS * sizeof *sizes;
    const char *text = (const char *)(sizes + CHAT_PARTS);
    for (unsigned part = 0; part < CHAT_PARTS; part++) {
        if (sizes[part] > room || sizes[part] > CHAT_MOST)
            return false;
        model->vocabulary.chat[part] = text;
        model->vocabulary.chat_sizes[part] = sizes[part];
        text += sizes[part];
        room -= sizes[part];
    }
    return true;
}

static bool open_vocabulary(model_t *model, const header_t *header) {
    model_vocabulary_t *words = &model->vocabulary;
    uint32_t size = header->size;
    *words = (model_vocabulary_t){
        .size = header->vocabulary,
        .starts = run(model, size, header->starts_at, (uint64_t)header->vocabulary + 1, sizeof *words->starts),
        .bytes = run(model, size, header->bytes_at, 0, 1),
        .controls = run(model, size, header->controls_at, header->vocabulary, 1),
        .byte_tokens = run(model, size, header->byte_tokens_at, 256, sizeof *words->byte_tokens),
        .merges = run(model, size, header->merges_at, header->merges, sizeof *words->merges),
        .merge_count = header->merges,
        .characters = run(model, size, header->characters_at, header->characters, sizeof *words->characters),
        .character_count = header->characters,
        .bos = header->bos,
        .eos = header->eos,
        .unknown = header->unknown,
        .splitter = header->splitter,
        .adds_bos = header->flags & 1,
        .adds_space = header->flags & 2,
    };
    return words->starts && words->bytes && words->controls && words->byte_tokens && words->merges &&
           words->characters && are_tokens_sound(words, size - header->bytes_at) &&
           open_chat(model, size, header->chat_at);
}

static uint64_t tile_bytes(const entry_t *entry) {
    uint64_t blocks = entry->columns / BLOCK;
    return TILE * sizeof(float) + blocks * (entry->type == MATRIX_Q8 ? BYTES_SIZE : HALF_BYTES_SIZE);
}

static uint64_t matrix_bytes(const entry_t *entry) {
    switch (entry->type) {
    case MATRIX_F32:
        return (uint64_t)entry->rows * entry->columns * 4;
    case MATRIX_F16:
        return (uint64_t)entry->rows * entry->columns * 2;
    default:
        return (entry->rows + TILE - 1) / TILE * tile_bytes(entry);
    }
}

static bool is_matrix(const model_t *model, uint32_t size, uint32_t index, uint32_t rows, uint32_t columns) {
    const entry_t *entry = (const entry_t *)model->table + index;
    bool is_tiled = entry->type == MATRIX_Q8 || entry->type == MATRIX_Q4;
    return entry->type <= (rows == 1 ? MATRIX_F32 : MATRIX_Q4) && entry->rows == rows && entry->columns == columns &&
           !(is_tiled && columns % BLOCK) && run(model, size, entry->at, matrix_bytes(entry), 1);
}

static bool open_weights(model_t *model, const header_t *header) {
    uint32_t size = header->size, dim = header->dim, hidden = header->hidden;
    uint32_t query = header->heads * header->head_size, key = header->kv_heads * header->head_size;
    uint32_t count = FIRST_LAYER + header->layers * LAYER_MATRICES;
    const uint32_t rows[LAYER_MATRICES] = {1, query, key, key, dim, 1, hidden, dim, hidden};
    const uint32_t columns[LAYER_MATRICES] = {dim, dim, dim, dim, query, dim, dim, hidden, dim};
    model->table = run(model, size, header->table_at, count, sizeof(entry_t));
    model->weights.frequencies = run(model, size, header->frequencies_at, header->head_size / 2, sizeof(float));
    if (!model->table || !model->weights.frequencies)
        return false;
    bool is_sound = is_matrix(model, size, EMBEDDING, header->vocabulary, dim) &&
                    is_matrix(model, size, NORM, 1, dim) && is_matrix(model, size, CLASSIFIER, header->vocabulary, dim);
    for (uint32_t i = FIRST_LAYER; i < count; i++) {
        uint32_t which = (i - FIRST_LAYER) % LAYER_MATRICES;
        is_sound = is_sound && is_matrix(model, size, i, rows[which], columns[which]);
    }
    for (uint32_t i = 0; i < header->head_size / 2; i++)
        is_sound = is_sound && model->weights.frequencies[i] > 0 && model->weights.frequencies[i] <= 1;
    return is_sound;
}

static bool are_numbers(const void *floats, size_t count) {
    enum { EXPONENT = 0x7F800000 }; /* all of it: infinite, or no number */
    const uint32_t *bits = floats;
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all &= (bits[i] & EXPONENT) != EXPONENT;
    return all;
}

/* Half-precision numbers are read so that all are numbers; a tile's floats are its rows' worths. */
static bool holds_numbers(const model_t *model, const entry_t *entry) {
    const uint8_t *data = model->file + entry->at;
    bool all = true;
    if (entry->type == MATRIX_F32)
        return are_numbers(data, (size_t)entry->rows * entry->columns);
    for (uint64_t at = 0; entry->type != MATRIX_F16 && at < matrix_bytes(entry); at += tile_bytes(entry))
        all &= are_numbers(data + at, TILE);
    return all;
}

static bool are_weights_numbers(const model_t *model) {
    const entry_t *entries = model->table;
    bool all = true;
    for (uint32_t i = 0; i < FIRST_LAYER + model->config.layers * LAYER_MATRICES; i++)
        all = all && holds_numbers(model, entries + i);
    return all;
}

static matrix_t matrix_of(const model_t *model, uint32_t index) {
    const entry_t *entry = (const entry_t *)model->table + index;
    return (matrix_t){(matrix_type_t)entry->type, entry->rows, entry->columns, model->file + entry->at};
}

const char *model_open(model_t *model, const void *file, size_t size) {
    const header_t *header = file;
    if (size < sizeof *header)
        return "it is no model";
    const char *wrong = check_header(header, size);
    if (wrong)
        return wrong;
    if (model_checksum(0, (const uint8_t *)file + CHECKED_FROM, size - CHECKED_FROM) != header->crc)
        return "its checksum is wrong: it is damaged";
    *model = (model_t){.file = file,
                       .config = {header->dim, header->hidden, header->layers, header->heads, header->kv_heads,
                                  header->head_size, header->vocabulary, header->context, header->epsilon}};
    if (!open_vocabulary(model, header))
        return "its vocabulary contradicts itself";
    if (!open_weights(model, header))
        return "its matrices are not those of its shape";
    if (!are_weights_numbers(model))
        return "some of its weights are infinite or no numbers";
    model->weights.embedding = matrix_of(model, EMBEDDING);
    model->weights.norm = matrix_of(model, NORM).data;
    model->weights.classifier = matrix_of(model, CLASSIFIER);
    return NULL;
}

model_layer_t model_layer(const model_t *model, uint32_t layer) {
    uint32_t first = FIRST_LAYER + layer * LAYER_MATRICES;
    return (model_layer_t){
        .norm_attention = matrix_of(model, first + NORM_ATTENTION).data,
        .query = matrix_of(model, first + QUERY),
        .key = matrix_of(model, first + KEY),
        .value = matrix_of(model, first + VALUE),
        .output = matrix_of(model, first + OUTPUT),
        .norm_hidden = matrix_of(model, first + NORM_HIDDEN).data,
        .gate = matrix_of(model, first + GATE),
        .down = matrix_of(model, first + DOWN),
        .up = matrix_of(model, first + UP),
    };
}
