/*
 * model.h: a language model, as it lies in memory: FORMAT.md describes the bytes.
 *
 * model_open() checks all that anything else relies on, so a damaged or hostile file is refused, and never leads to an
 * access outside of it. What it gives points into the file, which must stay.
 */
#ifndef CHAT_MODEL_H
#define CHAT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_ALIGNMENT = 64, MODEL_LARGEST = 1 << 18 };
#define MODEL_NO_TOKEN UINT32_MAX

typedef struct {
    uint32_t dim, hidden, layers, heads, kv_heads, head_size, vocabulary, context;
    float epsilon;
} model_config_t;

typedef enum { MATRIX_F32, MATRIX_F16, MATRIX_Q8, MATRIX_Q4 } matrix_type_t;

typedef struct {
    matrix_type_t type;
    uint32_t rows, columns;
    const void *data;
} matrix_t;

typedef struct {
    const float *norm_attention; /* [dim] */
    matrix_t query;              /* [heads * head_size][dim] */
    matrix_t key, value;         /* [kv_heads * head_size][dim] */
    matrix_t output;             /* [dim][heads * head_size] */
    const float *norm_hidden;    /* [dim] */
    matrix_t gate;               /* [hidden][dim] */
    matrix_t down;               /* [dim][hidden] */
    matrix_t up;                 /* [hidden][dim] */
} model_layer_t;

typedef struct {
    matrix_t embedding;       /* [vocabulary][dim] */
    const float *norm;        /* [dim] */
    matrix_t classifier;      /* [vocabulary][dim] */
    const float *frequencies; /* [head_size / 2] */
} model_weights_t;

typedef struct {
    uint32_t left, right, rank, merged;
} model_merge_t;

typedef struct {
    uint32_t character, token;
} model_character_t;

enum { CHAT_FIRST, CHAT_QUESTION, CHAT_ANSWER, CHAT_NEXT, CHAT_PARTS };

typedef struct {
    uint32_t size;
    const uint32_t *starts; /* [size + 1] of each token in `bytes` */
    const uint8_t *bytes;
    const uint8_t *controls;     /* [size] 1: no text */
    const uint32_t *byte_tokens; /* [256] */
    const model_merge_t *merges;
    uint32_t merge_count;
    const model_character_t *characters;
    uint32_t character_count;
    uint32_t bos, eos, unknown; /* or MODEL_NO_TOKEN */
    uint32_t splitter;
    bool adds_bos, adds_space;
    const char *chat[CHAT_PARTS]; /* not terminated */
    uint32_t chat_sizes[CHAT_PARTS];
} model_vocabulary_t;

typedef struct {
    model_config_t config;
    model_weights_t weights;
    model_vocabulary_t vocabulary;
    const void *table; /* private: see model_layer() */
    const uint8_t *file;
} model_t;

/* Returns NULL, or what is wrong with the file: half a sentence. `file` is aligned to MODEL_ALIGNMENT. */
const char *model_open(model_t *model, const void *file, size_t size);

model_layer_t model_layer(const model_t *model, uint32_t layer);

/* The CRC-32 of zlib, continued from `crc`; 0 at first. */
uint32_t model_checksum(uint32_t crc, const void *data, size_t size);

#endif
