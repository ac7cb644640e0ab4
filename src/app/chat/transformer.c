/* transformer.c: see transformer.h. The order below is that of a layer. */
#include "transformer.h"

#include "kernels.h"
#include "memory/memory.h"
#include "numbers.h"

typedef struct {
    uint32_t query, key, scores, past; /* numbers of a token, and bytes of the past */
    size_t element;                    /* bytes of a number of the past */
} sizes_t;

static sizes_t sizes_of(const model_config_t *config, uint32_t context, bool is_exact) {
    sizes_t sizes = {.query = config->heads * config->head_size, .key = config->kv_heads * config->head_size};
    sizes.scores = config->heads / config->kv_heads * context;
    sizes.element = is_exact ? sizeof(float) : sizeof(uint16_t);
    return sizes;
}

static uint32_t widest(const model_config_t *config) {
    uint32_t query = config->heads * config->head_size,
             most = config->dim > config->hidden ? config->dim : config->hidden;
    return query > most ? query : most;
}

/* Hands out aligned pieces of one block; with no block it only counts. */
typedef struct {
    uint8_t *start;
    uint64_t used;
} pieces_t;

static void *piece(pieces_t *pieces, uint64_t count, size_t size) {
    uint64_t at = pieces->used;
    pieces->used += (count * size + MODEL_ALIGNMENT - 1) / MODEL_ALIGNMENT * MODEL_ALIGNMENT;
    return pieces->start ? pieces->start + at : NULL;
}

static void lay_out(transformer_state_t *state, pieces_t *pieces, const model_config_t *config, uint32_t context,
                    uint32_t logits_count, bool is_exact) {
    enum { B = PRODUCT_BATCH };
    sizes_t sizes = sizes_of(config, context, is_exact);
    uint32_t wide = widest(config);
    state->x = piece(pieces, B * product_padded(config->dim), sizeof(float));
    state->normed = piece(pieces, B * product_padded(config->dim), sizeof(float));
    state->query = piece(pieces, B * product_padded(sizes.query), sizeof(float));
    state->key = piece(pieces, B * product_padded(sizes.key), sizeof(float));
    state->value = piece(pieces, B * product_padded(sizes.key), sizeof(float));
    state->added = piece(pieces, B * product_padded(config->dim), sizeof(float));
    state->gate = piece(pieces, B * product_padded(config->hidden), sizeof(float));
    state->up = piece(pieces, B * product_padded(config->hidden), sizeof(float));
    state->scores = piece(pieces, sizes.scores, sizeof(float));
    state->turns = piece(pieces, B * config->head_size, sizeof(float));
    state->logits = piece(pieces, (uint64_t)logits_count * product_padded(config->vocabulary), sizeof(float));
    state->wide = piece(pieces, config->head_size, sizeof(float));
    state->keys = piece(pieces, (uint64_t)config->layers * context * sizes.key, sizes.element);
    state->values = piece(pieces, (uint64_t)config->layers * context * sizes.key, sizes.element);
    void *room = piece(pieces, product_room_bytes(wide), 1);
    if (room)
        state->room = product_room(room, wide);
}

uint64_t transformer_bytes(const model_config_t *config, uint32_t context, uint32_t logits_count, bool is_exact) {
    transformer_state_t state;
    pieces_t pieces = {NULL, MODEL_ALIGNMENT};
    lay_out(&state, &pieces, config, context, logits_count, is_exact);
    return pieces.used;
}

bool transformer_init(transformer_t *transformer, const model_t *model, uint32_t context, uint32_t logits_count,
                      bool is_exact) {
    uint64_t bytes = transformer_bytes(&model->config, context, logits_count, is_exact);
    *transformer = (transformer_t){model, context, logits_count, is_exact, {0}};
    transformer_state_t *state = &transformer->state;
    state->memory = bytes > INT32_MAX ? NULL : malloc((size_t)bytes);
    if (!state->memory)
        return false;
    uintptr_t start = ((uintptr_t)state->memory + MODEL_ALIGNMENT - 1) / MODEL_ALIGNMENT * MODEL_ALIGNMENT;
    pieces_t pieces = {(uint8_t *)start, 0};
    lay_out(state, &pieces, &model->config, context, logits_count, is_exact);
    return true;
}

void transformer_free(transformer_t *transformer) {
    free(transformer->state.memory);
    transformer->state.memory = NULL;
}

/* Root of the mean square, RMSNorm: every token's numbers get the same size, then each its own factor. */
static void norm(float *results, const float *numbers, const float *factors, uint32_t dim, uint32_t count,
                 float epsilon) {
    for (uint32_t t = 0; t < count; t++, results += dim, numbers += dim) {
        float square;
        product_floats(&square, numbers, numbers, dim);
        float size = 1 / number_square_root(square / (float)dim + epsilon);
        for (uint32_t i = 0; i < dim; i++)
            results[i] = numbers[i] * size * factors[i];
    }
}

static void round_once(transformer_t *transformer, const float *vectors, uint32_t columns, uint32_t count,
                       bool is_fine) {
    if (!transformer->is_exact)
        product_round(vectors, columns, count, is_fine, &transformer->state.room);
}

static bool is_fine(const matrix_t *matrix) {
    return matrix->type == MATRIX_Q4;
}

/* Needs round_once() with these vectors. */
static void multiply(transformer_t *transformer, float *results, uint32_t stride, const matrix_t *matrix,
                     const float *vectors, uint32_t count) {
    product_room_t *room = &transformer->state.room;
    if (transformer->is_exact)
        product_exact(results, stride, matrix, vectors, count, room);
    else
        product_fast(results, stride, matrix, vectors, count, room);
}

/* Results lie without gaps, though a product's last tile may have written behind a token's numbers. */
static void multiply_dense(transformer_t *transformer, float *results, const matrix_t *matrix, const float *vectors,
                           uint32_t count) {
    multiply(transformer, results, product_padded(matrix->rows), matrix, vectors, count);
    if (matrix->rows % PRODUCT_ROWS)
        for (uint32_t t = 1; t < count; t++)
            memmove(results + t * matrix->rows, results + t * product_padded(matrix->rows),
                    matrix->rows * sizeof(float));
}

static void prepare_turns(transformer_t *transformer, uint32_t position, uint32_t count) {
    const model_config_t *config = &transformer->model->config;
    float *turn = transformer->state.turns;
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t i = 0; i < config->head_size / 2; i++, turn += 2)
            number_turn((float)(position + t) * transformer->model->weights.frequencies[i], turn + 1, turn);
}

/* Rotary position embedding: pairs of neighbours are turned, the further the later a token stands. */
static void turn(float *numbers, uint32_t heads, uint32_t head_size, const float *turns) {
    for (uint32_t head = 0; head < heads; head++, numbers += head_size) {
        for (uint32_t i = 0; i < head_size; i += 2) {
            float first = numbers[i], second = numbers[i + 1];
            numbers[i] = first * turns[i] - second * turns[i + 1];
            numbers[i + 1] = first * turns[i + 1] + second * turns[i];
        }
    }
}

static size_t place_in_past(const transformer_t *transformer, uint32_t layer, uint32_t position) {
    const model_config_t *config = &transformer->model->config;
    return ((size_t)layer * transformer->context + position) * config->kv_heads * config->head_size;
}

static void remember(const transformer_t *transformer, void *past, size_t place, const float *numbers, uint32_t count) {
    if (transformer->is_exact) {
        memcpy((float *)past + place, numbers, count * sizeof(float));
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        ((uint16_t *)past)[place + i] = number_to_half(numbers[i]);
}

static const float *recall(transformer_t *transformer, const void *past, size_t place) {
    if (transformer->is_exact)
        return (const float *)past + place;
    product_widen(transformer->state.wide, (const uint16_t *)past + place, transformer->model->config.head_size);
    return transformer->state.wide;
}

static void soften(float *scores, uint32_t count) {
    float most = scores[0], sum = 0;
    for (uint32_t i = 1; i < count; i++)
        most = scores[i] > most ? scores[i] : most;
    for (uint32_t i = 0; i < count; i++)
        scores[i] = number_exp(scores[i] - most);
    for (uint32_t i = 0; i < count; i++)
        sum += scores[i];
    for (uint32_t i = 0; i < count; i++)
        scores[i] /= sum;
}

/* One group of heads, which share keys and values, looks back from a token; `query` becomes what they found. */
static void attend(transformer_t *transformer, float *query, uint32_t layer, uint32_t kv_head, uint32_t position) {
    const model_config_t *config = &transformer->model->config;
    const transformer_state_t *state = &transformer->state;
    uint32_t size = config->head_size, group = config->heads / config->kv_heads, seen = position + 1;
    float scale = 1 / number_square_root((float)size);
    for (uint32_t past = 0; past < seen; past++) {
        const float *key = recall(transformer, state->keys, place_in_past(transformer, layer, past) + kv_head * size);
        for (uint32_t head = 0; head < group; head++) {
            float *score = state->scores + head * transformer->context + past;
            product_floats(score, query + head * size, key, size);
            *score *= scale;
        }
    }
    for (uint32_t head = 0; head < group; head++)
        soften(state->scores + head * transformer->context, seen);
    memset(query, 0, group * size * sizeof(float));
    for (uint32_t past = 0; past < seen; past++) {
        const float *value =
            recall(transformer, state->values, place_in_past(transformer, layer, past) + kv_head * size);
        for (uint32_t head = 0; head < group; head++)
            product_add(query + head * size, value, state->scores[head * transformer->context + past], size);
    }
}

static void attention(transformer_t *transformer, const model_layer_t *weights, uint32_t layer, uint32_t position,
                      uint32_t count) {
    const model_config_t *config = &transformer->model->config;
    transformer_state_t *state = &transformer->state;
    uint32_t size = config->head_size, group = config->heads / config->kv_heads * size;
    uint32_t key_size = config->kv_heads * size, query_size = config->heads * size;
    norm(state->normed, state->x, weights->norm_attention, config->dim, count, config->epsilon);
    round_once(transformer, state->normed, config->dim, count,
               is_fine(&weights->query) && is_fine(&weights->key) && is_fine(&weights->value));
    multiply_dense(transformer, state->query, &weights->query, state->normed, count);
    multiply_dense(transformer, state->key, &weights->key, state->normed, count);
    multiply_dense(transformer, state->value, &weights->value, state->normed, count);
    for (uint32_t t = 0; t < count; t++) {
        const float *turns = state->turns + t * size;
        size_t place = place_in_past(transformer, layer, position + t);
        turn(state->query + t * query_size, config->heads, size, turns);
        turn(state->key + t * key_size, config->kv_heads, size, turns);
        remember(transformer, state->keys, place, state->key + t * key_size, key_size);
        remember(transformer, state->values, place, state->value + t * key_size, key_size);
        for (uint32_t kv_head = 0; kv_head < config->kv_heads; kv_head++)
            attend(transformer, state->query + t * query_size + kv_head * group, layer, kv_head, position + t);
    }
    round_once(transformer, state->query, query_size, count, is_fine(&weights->output));
    multiply_dense(transformer, state->added, &weights->output, state->query, count);
    product_add(state->x, state->added, 1, count * config->dim);
}

/* SwiGLU: what the gate lets through of `up`. */
static void hidden_part(transformer_t *transformer, const model_layer_t *weights, uint32_t count) {
    const model_config_t *config = &transformer->model->config;
    transformer_state_t *state = &transformer->state;
    norm(state->normed, state->x, weights->norm_hidden, config->dim, count, config->epsilon);
    round_once(transformer, state->normed, config->dim, count, is_fine(&weights->gate) && is_fine(&weights->up));
    multiply_dense(transformer, state->gate, &weights->gate, state->normed, count);
    multiply_dense(transformer, state->up, &weights->up, state->normed, count);
    for (uint32_t i = 0; i < count * config->hidden; i++)
        state->gate[i] *= state->up[i] / (1 + number_exp(-state->gate[i]));
    round_once(transformer, state->gate, config->hidden, count, is_fine(&weights->down));
    multiply_dense(transformer, state->added, &weights->down, state->gate, count);
    product_add(state->x, state->added, 1, count * config->dim);
}

void transformer_read(transformer_t *transformer, const uint32_t *tokens, uint32_t count, uint32_t position) {
    const model_t *model = transformer->model;
    for (uint32_t t = 0; t < count; t++)
        product_row(&model->weights.embedding, tokens[t], transformer->state.x + t * model->config.dim);
    prepare_turns(transformer, position, count);
    for (uint32_t layer = 0; layer < model->config.layers; layer++) {
        model_layer_t weights = model_layer(model, layer);
        attention(transformer, &weights, layer, position, count);
        hidden_part(transformer, &weights, count);
    }
}

const float *transformer_logits(transformer_t *transformer, uint32_t first, uint32_t count) {
    const model_t *model = transformer->model;
    transformer_state_t *state = &transformer->state;
    const model_config_t *config = &model->config;
    norm(state->normed, state->x + first * config->dim, model->weights.norm, config->dim, count, config->epsilon);
    round_once(transformer, state->normed, config->dim, count, is_fine(&model->weights.classifier));
    multiply(transformer, state->logits, transformer_stride(transformer), &model->weights.classifier, state->normed,
             count);
    return state->logits;
}
