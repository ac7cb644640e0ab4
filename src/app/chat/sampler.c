/* sampler.c: see sampler.h. */
#include "sampler.h"

#include "memory/memory.h"
#include "numbers.h"

bool sampler_init(sampler_t *sampler, uint32_t size) {
    *sampler = (sampler_t){.size = size, .temperature = 0, .top_p = 0.9F};
    sampler->order = malloc(size * sizeof *sampler->order);
    sampler->shares = malloc(size * sizeof *sampler->shares);
    sampler_seed(sampler, 0);
    return sampler->order && sampler->shares;
}

void sampler_free(sampler_t *sampler) {
    free(sampler->order);
    free(sampler->shares);
}

/* Seeds that are near each other give streams that are not: the multiplier of a 64-bit linear congruence. */
void sampler_seed(sampler_t *sampler, uint32_t seed) {
    sampler->state = (seed + 1) * 6364136223846793005U;
}

/* xorshift64*: from 0 to 1, without 1. */
static void draw(sampler_t *sampler, float *drawn) {
    uint64_t state = sampler->state;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    sampler->state = state;
    *drawn = (float)(uint32_t)(state * 2685821657736338717U >> 40) * 0x1p-24F;
}

static uint32_t likeliest(const float *logits, uint32_t size) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < size; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

static void share(const sampler_t *sampler, const float *logits, float most) {
    float sum = 0, scale = 1 / sampler->temperature;
    for (uint32_t i = 0; i < sampler->size; i++)
        sampler->shares[i] = number_exp((logits[i] - most) * scale);
    for (uint32_t i = 0; i < sampler->size; i++)
        sum += sampler->shares[i];
    for (uint32_t i = 0; i < sampler->size; i++)
        sampler->shares[i] /= sum;
}

/* A heap of tokens, the likeliest on top; of two equal ones the first. */
static bool is_likelier(const sampler_t *sampler, uint32_t one, uint32_t other) {
    float left = sampler->shares[one], right = sampler->shares[other];
    return left > right || (!(left < right) && one < other);
}

static void sink(sampler_t *sampler, uint32_t at, uint32_t count) {
    uint32_t *order = sampler->order, token = order[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_likelier(sampler, order[child + 1], order[child]))
            child++;
        if (!is_likelier(sampler, order[child], token))
            break;
        order[at] = order[child];
    }
    order[at] = token;
}

/*
 * Brings the likeliest tokens that have a share of top_p to the end of the first `*count` of `order`, the likeliest
 * last; returns where they begin, and their share together.
 */
static uint32_t choose(sampler_t *sampler, uint32_t *counted, float *together) {
    uint32_t count = 0, left;
    float least = (1 - sampler->top_p) / (float)sampler->size; /* those below are never among them */
    for (uint32_t i = 0; i < sampler->size; i++)
        if (sampler->shares[i] >= least)
            sampler->order[count++] = i;
    for (uint32_t i = count / 2; i-- > 0;)
        sink(sampler, i, count);
    *counted = left = count;
    for (*together = 0; left > 0 && *together < sampler->top_p;) {
        uint32_t top = sampler->order[0];
        sampler->order[0] = sampler->order[--left];
        sampler->order[left] = top;
        sink(sampler, 0, left);
        *together += sampler->shares[top];
    }
    return left;
}

uint32_t sampler_next(sampler_t *sampler, const float *logits) {
    uint32_t best = likeliest(logits, sampler->size), count;
    float drawn, together;
    if (!(sampler->temperature > 0))
        return best;
    draw(sampler, &drawn);
    share(sampler, logits, logits[best]);
    uint32_t first = choose(sampler, &count, &together);
    float left = drawn * together;
    for (uint32_t i = count; i-- > first;) {
        left -= sampler->shares[sampler->order[i]];
        if (left < 0)
            return sampler->order[i];
    }
    return best; /* only rounding leads here, or numbers that are none */
}
