/* sampler.h: which token comes next: the likeliest, or one that is drawn, the same for the same seed. */
#ifndef CHAT_SAMPLER_H
#define CHAT_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t size;     /* of the vocabulary */
    float temperature; /* 0: always the likeliest */
    float top_p;       /* only the likeliest tokens that together have this share are drawn from; 1: all */
    uint64_t state;    /* of the random numbers; not 0 */
    uint32_t *order;   /* [size] */
    float *shares;     /* [size] */
} sampler_t;

/* Says whether there was memory. */
bool sampler_init(sampler_t *sampler, uint32_t size);
void sampler_free(sampler_t *sampler);

void sampler_seed(sampler_t *sampler, uint32_t seed);

/* A token; some token also where the numbers are none. */
uint32_t sampler_next(sampler_t *sampler, const float *logits);

#endif
