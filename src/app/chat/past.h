/*
 * past.h: the keys and values of the tokens that were read, and how heads look back at them.
 *
 * The exact way keeps floats. The fast one keeps, for each layer and key head, two matrices of bytes (FORMAT.md), so
 * that looking back is what product.h does: keys have a row for each token, values a column.
 */
#ifndef CHAT_PAST_H
#define CHAT_PAST_H

#include "model.h"
#include "product.h"

typedef struct {
    const model_config_t *config;
    uint32_t context; /* tokens that it can hold */
    bool is_exact;
    uint8_t *keys;   /* [layers][kv_heads] exact: [context][head_size] floats; else a matrix of so many rows, columns */
    uint8_t *values; /* the same; else a matrix of [head_size][context] */
    float *worths;   /* [layers][kv_heads][context] what 1 of a value's bytes is worth */
    float *scores;   /* [context, padded] how much a head looks at each token */
    float *head;     /* [head_size, padded] */
} past_t;

/* Bytes of its memory, which is aligned to MODEL_ALIGNMENT. */
uint64_t past_bytes(const model_config_t *config, uint32_t context, bool is_exact);
past_t past_init(void *memory, const model_config_t *config, uint32_t context, bool is_exact);

/* How many columns the room that is given to past_attend() must have. */
uint32_t past_columns(const model_config_t *config, uint32_t context);

/* Keeps a token's keys and values, those of all heads. */
void past_remember(past_t *past, uint32_t layer, uint32_t position, const float *keys, const float *values);

/* All heads look back from a token; `query` becomes what they found. */
void past_attend(past_t *past, uint32_t layer, uint32_t position, float *query, product_room_t *room);

#endif
