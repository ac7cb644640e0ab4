/* conversation.c: see conversation.h. */
#include "conversation.h"

#include "console.h"
#include "runtime.h"
#include "tokenizer.h"

enum { LEAST_CONTEXT = 64 };

static conversation_cost_t now(void) {
    return (conversation_cost_t){0, timer_ticks() * (1000 / TIMER_HZ), rdtsc()};
}

static conversation_cost_t since(conversation_cost_t start, uint32_t tokens) {
    conversation_cost_t end = now();
    return (conversation_cost_t){tokens, end.milliseconds - start.milliseconds, end.cycles - start.cycles};
}

bool conversation_init(conversation_t *conversation, const model_t *model) {
    uint32_t context = model->config.context < CONVERSATION_CONTEXT ? model->config.context : CONVERSATION_CONTEXT;
    *conversation = (conversation_t){.model = model};
    if (!sampler_init(&conversation->sampler, model->config.vocabulary))
        return false;
    while (!transformer_init(&conversation->transformer, model, context, 1, false)) {
        if (context <= LEAST_CONTEXT)
            return false;
        context /= 2;
    }
    conversation->tokens = malloc(context * sizeof *conversation->tokens);
    return conversation->tokens != NULL;
}

void conversation_reset(conversation_t *conversation) {
    conversation->position = 0;
}

bool conversation_can_chat(const conversation_t *conversation) {
    return conversation->model->vocabulary.chat_sizes[CHAT_QUESTION] > 0;
}

/* Control characters would play with the terminal. */
static void show(const conversation_t *conversation, uint32_t token) {
    size_t size;
    const char *text = tokenizer_text(&conversation->model->vocabulary, token, &size);
    for (size_t i = 0; i < size; i++) {
        bool is_text = (uint8_t)text[i] >= ' ' || text[i] == '\n' || text[i] == '\t';
        terminal_putchar(is_text && text[i] != 0x7F ? text[i] : '.');
    }
}

/* Reads the list's tokens in batches; says false where Ctrl-C ended it. */
static bool read_tokens(conversation_t *conversation, const token_list_t *list) {
    for (uint32_t at = 0, part; at < list->count; at += part) {
        part = list->count - at < PRODUCT_BATCH ? list->count - at : PRODUCT_BATCH;
        transformer_read(&conversation->transformer, list->tokens + at, part, conversation->position);
        conversation->position += part;
        if (console_is_stopped())
            return false;
    }
    return true;
}

/* What comes behind a token, by its number among those that were read last. */
static uint32_t choose(conversation_t *conversation, uint32_t last_read) {
    return sampler_next(&conversation->sampler, transformer_logits(&conversation->transformer, last_read, 1));
}

/*
 * Says tokens from this one on, and how many, until one ends the text, Ctrl-C does, the limit is reached, or no more
 * can be remembered.
 */
static uint32_t say(conversation_t *conversation, uint32_t token, uint32_t limit) {
    const uint8_t *ends = conversation->model->vocabulary.controls;
    uint32_t said = 0;
    while (said < limit && !ends[token] && conversation->position < conversation->transformer.context) {
        show(conversation, token);
        conversation->tokens[said++] = token;
        transformer_read(&conversation->transformer, &token, 1, conversation->position++);
        if (console_is_stopped()) {
            terminal_writestring(" [stopped]");
            break;
        }
        token = choose(conversation, 0);
    }
    return said;
}

static const char *answer(conversation_t *conversation, const token_list_t *list, uint32_t limit) {
    uint32_t room = conversation->transformer.context - conversation->position;
    conversation->last = (conversation_figures_t){.reading = {0}};
    if (list->count == 0)
        return "there is nothing to answer";
    if (list->count >= room)
        return conversation->position > 0 ? "there is no room for that: /reset forgets what was said"
                                          : "that is more than this model can remember";
    conversation_cost_t start = now();
    if (!read_tokens(conversation, list))
        return "stopped";
    conversation->last.reading = since(start, list->count);
    uint32_t token = choose(conversation, (list->count - 1) % PRODUCT_BATCH);
    conversation->last.first = since(start, 1);
    start = now();
    uint32_t said = say(conversation, token, limit);
    conversation->last.saying = since(start, said);
    terminal_putchar('\n');
    return NULL;
}

static bool add_part(const conversation_t *conversation, unsigned part, token_list_t *list) {
    const model_vocabulary_t *words = &conversation->model->vocabulary;
    return tokenizer_encode_marked(words, words->chat[part], words->chat_sizes[part], list);
}

static const char no_memory[] = "there is no memory for a text of this size";

const char *conversation_ask(conversation_t *conversation, const char *question, uint32_t limit) {
    token_list_t list = {conversation->tokens, conversation->transformer.context, 0};
    const model_vocabulary_t *words = &conversation->model->vocabulary;
    bool is_first = conversation->position == 0;
    size_t size = strnlen(question, CONVERSATION_TEXT_MOST);
    if (size == 0)
        return "there is nothing to answer";
    if (!conversation_can_chat(conversation))
        return conversation_go_on(conversation, question, limit);
    if (is_first)
        tokenizer_begin(words, &list);
    if (!add_part(conversation, is_first ? CHAT_FIRST : CHAT_NEXT, &list) ||
        !add_part(conversation, CHAT_QUESTION, &list) || !tokenizer_encode(words, question, size, &list) ||
        !add_part(conversation, CHAT_ANSWER, &list))
        return no_memory;
    return answer(conversation, &list, limit);
}

/* The text behind a space, which may become one token with what follows it. */
static bool encode_spaced(const model_vocabulary_t *words, const char *text, size_t size, token_list_t *list) {
    char *spaced = malloc(size + 1);
    if (!spaced)
        return false;
    spaced[0] = ' ';
    memcpy(spaced + 1, text, size);
    bool is_done = tokenizer_encode(words, spaced, size + 1, list);
    free(spaced);
    return is_done;
}

const char *conversation_go_on(conversation_t *conversation, const char *text, uint32_t limit) {
    token_list_t list = {conversation->tokens, conversation->transformer.context, 0};
    const model_vocabulary_t *words = &conversation->model->vocabulary;
    size_t size = strnlen(text, CONVERSATION_TEXT_MOST);
    bool is_first = conversation->position == 0, is_spaced = is_first && words->adds_space && size > 0;
    if (is_first)
        tokenizer_begin(words, &list);
    if (!(is_spaced ? encode_spaced : tokenizer_encode)(words, text, size, &list))
        return no_memory;
    return answer(conversation, &list, limit);
}
