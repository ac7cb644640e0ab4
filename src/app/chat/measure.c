/* measure.c: see measure.h. The vectors are always the same, so that boots can be compared. */
#include "measure.h"

#include "runtime.h"

enum { VECTORS = 8, ROUNDS = 4, TILES_AT_ONCE = 256 };

static uint32_t largest(const float *numbers, uint32_t count) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (numbers[i] > numbers[best])
            best = i;
    return best;
}

/* Multiplies with code that is called `name`; the result that is told is which number is the largest. */
static void measure(transformer_t *transformer, const char *name, const matrix_t *matrix, uint32_t vectors,
                    float *results) {
    transformer_state_t *state = &transformer->state;
    uint32_t tiles = product_padded(matrix->rows) / PRODUCT_ROWS;
    uint32_t calls = vectors > 1 ? 1 : (tiles + TILES_AT_ONCE - 1) / TILES_AT_ONCE;
    product_round(state->gate, matrix->columns, vectors, matrix->type == MATRIX_Q4, &state->room);
    uint64_t start = rdtsc();
    for (uint32_t round = 0; round < ROUNDS; round++)
        product_fast(results, product_padded(matrix->rows), matrix, state->gate, vectors, &state->room);
    serial_record("test name=now:%s cycles=%llu calls=%u result=%u", name, rdtsc() - start, calls * ROUNDS,
                  largest(results, matrix->rows));
}

void measure_products(transformer_t *transformer) {
    const model_t *model = transformer->model;
    transformer_state_t *state = &transformer->state;
    model_layer_t layer = model_layer(model, 0);
    for (uint32_t i = 0; i < VECTORS * model->config.hidden; i++)
        state->gate[i] = (float)(i % 17) - 8;
    if (layer.down.type == MATRIX_Q4) {
        measure(transformer, "product_half_bytes", &layer.down, 1, state->added);
        measure(transformer, "product_half_bytes_batch", &layer.down, VECTORS, state->added);
    }
    if (model->weights.classifier.type == MATRIX_Q8 && model->config.dim <= model->config.hidden)
        measure(transformer, "product_bytes", &model->weights.classifier, 1, state->logits);
}
