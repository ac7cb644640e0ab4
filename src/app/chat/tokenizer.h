/*
 * tokenizer.h: text to tokens and back; FORMAT.md says how.
 *
 * A text of n bytes takes a time of n log n at most and up to 80 n bytes of heap, whatever it holds.
 */
#ifndef CHAT_TOKENIZER_H
#define CHAT_TOKENIZER_H

#include "model.h"

/* Where tokens go; what has no room is counted all the same. */
typedef struct {
    uint32_t *tokens;
    uint32_t capacity;
    uint32_t count;
} token_list_t;

/* Appends the token that a text begins with, if this vocabulary has one. */
void tokenizer_begin(const model_vocabulary_t *words, token_list_t *list);

/* Appends a text's tokens; says whether there was memory. */
bool tokenizer_encode(const model_vocabulary_t *words, const char *text, size_t size, token_list_t *list);

/* The same for a text of the model's own, in which the text of a token that is no text means that token. */
bool tokenizer_encode_marked(const model_vocabulary_t *words, const char *text, size_t size, token_list_t *list);

/* A token's text, which may be a part of a character; nothing for a token that is no text. */
const char *tokenizer_text(const model_vocabulary_t *words, uint32_t token, size_t *size);

#endif
