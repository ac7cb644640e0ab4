/*
 * transformer.h: a Llama that reads tokens and says what could come next.
 *
 * Sizes in brackets: B is at most PRODUCT_BATCH, the tokens that are read at once; numbers of a token lie together.
 */
#ifndef CHAT_TRANSFORMER_H
#define CHAT_TRANSFORMER_H

#include "model.h"
#include "past.h"
#include "product.h"

typedef struct {
    float *x;      /* [B][dim] what is known of each token */
    float *normed; /* [B][dim] */
    float *query;  /* [B][heads * head_size], then what the heads found */
    float *key;    /* [B][kv_heads * head_size] */
    float *value;  /* [B][kv_heads * head_size] */
    float *added;  /* [B][dim] what a half of a layer adds to x */
    float *gate;   /* [B][hidden] */
    float *up;     /* [B][hidden] */
    float *turns;  /* [B][head_size] cosine and sine of each pair */
    float *logits; /* [logits_count][vocabulary, padded] */
    past_t past;
    product_room_t room;
    void *memory; /* of all these */
} transformer_state_t;

typedef struct {
    const model_t *model;
    uint32_t context; /* tokens that it can remember */
    uint32_t logits_count;
    bool is_exact;
    transformer_state_t state;
} transformer_t;

/* What transformer_init() asks of the heap. */
uint64_t transformer_bytes(const model_config_t *config, uint32_t context, uint32_t logits_count, bool is_exact);

/* Says whether there was memory. `logits_count` is for how many tokens at once transformer_logits() is asked. */
bool transformer_init(transformer_t *transformer, const model_t *model, uint32_t context, uint32_t logits_count,
                      bool is_exact);
void transformer_free(transformer_t *transformer);

/* Reads 1 to PRODUCT_BATCH tokens; the first stands at `position`, all before were read. They fit in the context. */
void transformer_read(transformer_t *transformer, const uint32_t *tokens, uint32_t count, uint32_t position);

/* What may follow `count` of the tokens that were read last, from the one numbered `first`: numbers for all tokens. */
const float *transformer_logits(transformer_t *transformer, uint32_t first, uint32_t count);

/* How far two tokens' logits lie apart in transformer_logits(). */
static inline uint32_t transformer_stride(const transformer_t *transformer) {
    return product_padded(transformer->model->config.vocabulary);
}

#endif
