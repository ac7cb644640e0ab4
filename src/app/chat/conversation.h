/*
 * conversation.h: a model that is talked with: what was said so far, and what comes next.
 *
 * Answers appear on the terminal token by token. Ctrl-C ends one; what was said stays said.
 */
#ifndef CHAT_CONVERSATION_H
#define CHAT_CONVERSATION_H

#include "model.h"
#include "sampler.h"
#include "transformer.h"

enum { CONVERSATION_CONTEXT = 2048, CONVERSATION_TEXT_MOST = 1 << 16 };

typedef struct {
    uint32_t tokens, milliseconds;
    uint64_t cycles;
} conversation_cost_t;

typedef struct {
    conversation_cost_t reading; /* of a prompt */
    conversation_cost_t first;   /* the same until it is known what to say first */
    conversation_cost_t saying;  /* of what is said */
} conversation_figures_t;

typedef struct {
    const model_t *model;
    transformer_t transformer;
    sampler_t sampler;
    uint32_t *tokens;  /* [context] that are to be read, then those that were said */
    uint32_t position; /* tokens that were read */
    conversation_figures_t last;
} conversation_t;

/* Says whether there was memory. The context is as large as memory allows, at most CONVERSATION_CONTEXT. */
bool conversation_init(conversation_t *conversation, const model_t *model);

/* Forgets what was said. */
void conversation_reset(conversation_t *conversation);

/* Whether the model was trained to chat; others only go on with a text. */
bool conversation_can_chat(const conversation_t *conversation);

/* Both say at most `limit` tokens, and return NULL, or why there was no answer: a sentence. */
const char *conversation_ask(conversation_t *conversation, const char *question, uint32_t limit);
const char *conversation_go_on(conversation_t *conversation, const char *text, uint32_t limit);

#endif
