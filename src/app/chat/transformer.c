/* transformer.c: see transformer.h. The order below is that of a layer. */
#include "transformer.h"

#include "kernels.h"
#include "memory/memory.h"
#include "numbers.h"

static uint32_t larger(uint32_t one, uint32_t other) {
    return one > other ? one : other;
}

static uint32_t widest(const model_config_t *config, uint32_t context) {
    uint32_t query = config->heads * config->head_size;
    return larger(larger(config->dim, config->hidden), larger(query, past_columns(config, context)));
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
    uint32_t query = config->heads * config->head_size, key = config->kv_heads * config->head_size;
    uint32_t wide = widest(config, context);
    state->x = piece(pieces, B * product_padded(config->dim), sizeof(float));
    state->normed = piece(pieces, B * product_padded(config->dim), sizeof(float));
    state->query = piece(pieces, B * product_padded(query), sizeof(float));
    state->key = piece(pieces, B * product_padded(key), sizeof(float));
    state->value = piece(pieces, B * product_padded(key), sizeof(float));
    state->added = piece(pieces, B * product_padded(config->dim), sizeof(float));
    state->gate = piece(pieces, B * product_padded(config->hidden), sizeof(float));
    state->up = piece(pieces, B * product_padded(config->hidden), sizeof(float));
    state->turns = piece(pieces, B * config->head_size, sizeof(float));
    state->logits = piece(pieces, (uint64_t)logits_count * product_padded(config->vocabulary), sizeof(float));
    void *past = piece(pieces, past_bytes(config, context, is_exact), 1);
    void *room = piece(pieces, product_room_bytes(wide), 1);
    if (!room)
        return;
    state->past = past_init(past, config, context, is_exact);
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
                       bool is_halved) {
    if (!transformer->is_exact)
        product_round(vectors, columns, count, is_halved, &transformer->state.room);
}

static bool is_halved(const matrix_t *matrix) {
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

static void attention(transformer_t *transformer, const model_layer_t *weights, uint32_t layer, uint32_t position,
                      uint32_t count) {
    const model_config_t *config = &transformer->model->config;
    transformer_state_t *state = &transformer->state;
    uint32_t size = config->head_size;
    uint32_t key_size = config->kv_heads * size, query_size = config->heads * size;
    norm(state->normed, state->x, weights->norm_attention, config->dim, count, config->epsilon);
    round_once(transformer, state->normed, config->dim, count,
               is_halved(&weights->query) || is_halved(&weights->key) || is_halved(&weights->value));
    multiply_dense(transformer, state->query, &weights->query, state->normed, count);
    multiply_dense(transformer, state->key, &weights->key, state->normed, count);
    multiply_dense(transformer, state->value, &weights->value, state->normed, count);
    for (uint32_t t = 0; t < count; t++) {
        const float *turns = state->turns + t * size;
        turn(state->query + t * query_size, config->heads, size, turns);
        turn(state->key + t * key_size, config->kv_heads, size, turns);
        past_remember(&state->past, layer, position + t, state->key + t * key_size, state->value + t * key_size);
        past_attend(&state->past, layer, position + t, state->query + t * query_size, &state->room);
    }
    round_once(transformer, state->query, query_size, count, is_halved(&weights->output));
    multiply_dense(transformer, state->added, &weights->output, state->query, count);
    product_add(state->x, state->added, 1, count * config->dim);
}

/* SwiGLU: what the gate lets through of `up`. */
static void hidden_part(transformer_t *transformer, const model_layer_t *weights, uint32_t count) {
    const model_config_t *config = &transformer->model->config;
    transformer_state_t *state = &transformer->state;
    norm(state->normed, state->x, weights->norm_hidden, config->dim, count, config->epsilon);
    round_once(transformer, state->normed, config->dim, count, is_halved(&weights->gate) || is_halved(&weights->up));
    multiply_dense(transformer, state->gate, &weights->gate, state->normed, count);
    multiply_dense(transformer, state->up, &weights->up, state->normed, count);
    for (uint32_t i = 0; i < count * config->hidden; i++)
        state->gate[i] *= state->up[i] / (1 + number_exp(-state->gate[i]));
    round_once(transformer, state->gate, config->hidden, count, is_halved(&weights->down));
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
    round_once(transformer, state->normed, config->dim, count, is_halved(&model->weights.classifier));
    multiply(transformer, state->logits, transformer_stride(transformer), &model->weights.classifier, state->normed,
             count);
    return state->logits;
}
