/* past.c: see past.h. */
#include "past.h"

#include "kernels.h"
#include "memory/memory.h"
#include "numbers.h"

static uint32_t rounded_up(uint32_t number, uint32_t unit) {
    return (number + unit - 1) / unit * unit;
}

/* Of one layer and key head. */
static uint64_t keys_bytes(const model_config_t *config, uint32_t context, bool is_exact) {
    return is_exact ? (uint64_t)context * config->head_size * sizeof(float)
                    : product_bytes_size(context, rounded_up(config->head_size, PRODUCT_BLOCK));
}

static uint64_t values_bytes(const model_config_t *config, uint32_t context, bool is_exact) {
    return is_exact ? (uint64_t)context * config->head_size * sizeof(float)
                    : product_bytes_size(config->head_size, rounded_up(context, PRODUCT_BLOCK));
}

uint32_t past_columns(const model_config_t *config, uint32_t context) {
    uint32_t columns = context > config->head_size ? context : config->head_size;
    return rounded_up(columns, PRODUCT_BLOCK);
}

static uint64_t lay_out(past_t *past, uint8_t *memory) {
    const model_config_t *config = past->config;
    uint64_t heads = (uint64_t)config->layers * config->kv_heads, columns = past_columns(config, past->context);
    const uint64_t sizes[] = {
        heads * keys_bytes(config, past->context, past->is_exact),
        heads * values_bytes(config, past->context, past->is_exact),
        heads * past->context * sizeof(float),
        columns * sizeof(float),
        columns * sizeof(float),
    };
    uint8_t *places[5];
    uint64_t used = 0;
    for (unsigned i = 0; i < 5; i++) {
        places[i] = memory ? memory + used : NULL;
        used += (sizes[i] + MODEL_ALIGNMENT - 1) / MODEL_ALIGNMENT * MODEL_ALIGNMENT;
    }
    past->keys = places[0], past->values = places[1], past->worths = (void *)places[2];
    past->scores = (void *)places[3], past->head = (void *)places[4];
    return used;
}

uint64_t past_bytes(const model_config_t *config, uint32_t context, bool is_exact) {
    return lay_out(&(past_t){.config = config, .context = context, .is_exact = is_exact}, NULL);
}

static size_t head_of(const past_t *past, uint32_t layer, uint32_t kv_head) {
    return (size_t)layer * past->config->kv_heads + kv_head;
}

static uint8_t *keys_of(const past_t *past, uint32_t layer, uint32_t kv_head) {
    return past->keys + head_of(past, layer, kv_head) * (size_t)keys_bytes(past->config, past->context, past->is_exact);
}

static uint8_t *values_of(const past_t *past, uint32_t layer, uint32_t kv_head) {
    return past->values +
           head_of(past, layer, kv_head) * (size_t)values_bytes(past->config, past->context, past->is_exact);
}

past_t past_init(void *memory, const model_config_t *config, uint32_t context, bool is_exact) {
    past_t past = {.config = config, .context = context, .is_exact = is_exact};
    lay_out(&past, memory);
    return past;
}

void past_remember(past_t *past, uint32_t layer, uint32_t position, const float *keys, const float *values) {
    uint32_t size = past->config->head_size;
    for (uint32_t kv_head = 0; kv_head < past->config->kv_heads; kv_head++, keys += size, values += size) {
        uint8_t *kept = keys_of(past, layer, kv_head), *kept_values = values_of(past, layer, kv_head);
        if (past->is_exact) {
            memcpy((float *)kept + (size_t)position * size, keys, size * sizeof(float));
            memcpy((float *)kept_values + (size_t)position * size, values, size * sizeof(float));
        } else {
            product_bytes_row(kept, rounded_up(size, PRODUCT_BLOCK), position, keys, size);
            product_bytes_column(kept_values, rounded_up(past->context, PRODUCT_BLOCK), position, values, size,
                                 past->worths + head_of(past, layer, kv_head) * past->context + position);
        }
    }
}

/* Scores become shares, of what is returned through `sum`. */
static void soften(float *scores, uint32_t count, float *sum) {
    float most = scores[0];
    for (uint32_t i = 1; i < count; i++)
        most = scores[i] > most ? scores[i] : most;
    for (uint32_t i = 0; i < count; i++)
        scores[i] = number_exp(scores[i] - most);
    *sum = 0;
    for (uint32_t i = 0; i < count; i++)
        *sum += scores[i];
}

static void attend_exact(past_t *past, const float *keys, const float *values, uint32_t seen, float *query) {
    uint32_t size = past->config->head_size;
    float scale = 1 / number_square_root((float)size), sum;
    for (uint32_t i = 0; i < seen; i++) {
        product_floats(past->scores + i, query, keys + (size_t)i * size, size);
        past->scores[i] *= scale;
    }
    soften(past->scores, seen, &sum);
    memset(query, 0, size * sizeof(float));
    for (uint32_t i = 0; i < seen; i++)
        product_add(query, values + (size_t)i * size, past->scores[i] / sum, size);
}

/* The first columns of a matrix of bytes. */
static void multiply(float *results, const uint8_t *tiles, uint32_t rows, uint32_t columns, uint32_t used,
                     const rounded_t *vector) {
    for (uint32_t row = 0; row < rows; row += PRODUCT_ROWS, tiles += product_bytes_size(PRODUCT_ROWS, columns))
        product_bytes(results + row, tiles, 1, used / PRODUCT_BLOCK, vector);
}

static void attend_fast(past_t *past, uint32_t layer, uint32_t kv_head, uint32_t seen, float *query,
                        product_room_t *room) {
    uint32_t size = past->config->head_size, columns = rounded_up(size, PRODUCT_BLOCK);
    uint32_t used = rounded_up(seen, PRODUCT_BLOCK);
    const float *worths = past->worths + head_of(past, layer, kv_head) * past->context;
    float sum;
    memcpy(past->head, query, size * sizeof(float));
    memset(past->head + size, 0, (columns - size) * sizeof(float));
    product_round(past->head, columns, 1, false, room);
    room->vectors->scale *= 1 / number_square_root((float)size);
    product_bytes(past->scores, keys_of(past, layer, kv_head), rounded_up(seen, PRODUCT_ROWS) / PRODUCT_ROWS,
                  columns / PRODUCT_BLOCK, room->vectors);
    soften(past->scores, seen, &sum);
    for (uint32_t i = 0; i < seen; i++)
        past->scores[i] *= worths[i];
    memset(past->scores + seen, 0, (used - seen) * sizeof(float));
    product_round(past->scores, used, 1, false, room);
    room->vectors->scale /= sum;
    multiply(past->head, values_of(past, layer, kv_head), size, rounded_up(past->context, PRODUCT_BLOCK), used,
             room->vectors);
    memcpy(query, past->head, size * sizeof(float));
}

void past_attend(past_t *past, uint32_t layer, uint32_t position, float *query, product_room_t *room) {
    const model_config_t *config = past->config;
    for (uint32_t head = 0; head < config->heads; head++, query += config->head_size) {
        uint32_t kv_head = head / (config->heads / config->kv_heads);
        if (past->is_exact)
            attend_exact(past, (const float *)keys_of(past, layer, kv_head),
                         (const float *)values_of(past, layer, kv_head), position + 1, query);
        else
            attend_fast(past, layer, kv_head, position + 1, query, room);
    }
}
