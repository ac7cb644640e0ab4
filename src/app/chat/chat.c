/*
 * chat.c: the program that talks with a language model.
 *
 * The line that it is started with (app_arguments) says what to do: settings of the form NAME=NUMBER (tokens; seed;
 * temp in hundredths; jit, 0 for the code that the build made), and then one of
 *
 *     talk             a conversation with whoever sits at the terminal
 *     ask QUESTION     one answer
 *     tell TEXT        go on with a text
 *
 * Nothing means: tell a short tale; a shorter one behind a longer text where it is measured. So does "aot", with jit=0.
 */
#include "conversation.h"
#include "cpu/vectors.h"
#include "jit_runtime.h"
#include "load.h"
#include "measure.h"
#include "runtime.h"
#include "talk.h"

static const char TALE[] = "Once upon a time";
static const char MEASURED[] = "Once upon a time there was a girl who lived in a small house at the edge of a forest.";
enum { TALE_TOKENS = 48, MEASURED_TOKENS = 16, MOST_TOKENS = 512 };

static const char *skip_word(const char *text) {
    while (*text && *text != ' ')
        text++;
    while (*text == ' ')
        text++;
    return text;
}

static bool begins(const char *text, const char *word) {
    size_t length = strlen(word);
    return strncmp(text, word, length) == 0 && (text[length] == ' ' || text[length] == '\0');
}

/* Takes settings off the front of the line. */
static const char *take_settings(const char *line, conversation_t *conversation, uint32_t *tokens, uint32_t *jit) {
    for (;; line = skip_word(line)) {
        if (strncmp(line, "tokens=", 7) == 0)
            *tokens = talk_number(line + 7);
        else if (strncmp(line, "seed=", 5) == 0)
            sampler_seed(&conversation->sampler, talk_number(line + 5));
        else if (strncmp(line, "temp=", 5) == 0)
            conversation->sampler.temperature = (float)talk_number(line + 5) / 100;
        else if (strncmp(line, "jit=", 4) == 0)
            *jit = talk_number(line + 4);
        else
            return line;
    }
}

/* Cycles of a token, and what cannot change between two builds: which tokens they were. */
static void record(const char *name, conversation_cost_t cost, uint32_t result) {
    if (cost.tokens > 0)
        serial_record("test name=%s cycles=%llu calls=%u result=%u", name, cost.cycles, cost.tokens, result);
}

static int one_answer(conversation_t *conversation, const char *what, uint32_t tokens) {
    const char *wrong;
    if (begins(what, "ask")) {
        wrong = conversation_ask(conversation, skip_word(what), tokens ? tokens : MOST_TOKENS);
    } else {
        const char *text = begins(what, "tell") ? skip_word(what) : app_wants_bench() ? MEASURED : TALE;
        terminal_writestring(text);
        wrong = conversation_go_on(conversation, text,
                                   tokens              ? tokens
                                   : app_wants_bench() ? MEASURED_TOKENS
                                                       : TALE_TOKENS);
    }
    if (wrong)
        terminal_printf("%s\n", wrong);
    talk_figures(conversation);
    conversation_figures_t last = conversation->last;
    record("first_token", last.first, conversation->tokens[0]);
    record("read", last.reading, last.reading.tokens);
    record("say", last.saying, model_checksum(0, conversation->tokens, last.saying.tokens * sizeof(uint32_t)));
    return wrong ? 1 : 0;
}

int app_main(void) {
    static model_t model;
    static conversation_t conversation;
    uint32_t tokens = 0, jit = 1;
    if (!cpu_has(CPU_SSE2)) {
        terminal_printf("this processor has no SSE2, which the model is computed with\n");
        return 1;
    }
    vectors_init();
    uint64_t start = rdtsc();
    if (!load_model(&model, "MODEL.BIN"))
        return 1;
    record("load", (conversation_cost_t){1, 0, rdtsc() - start}, model.config.vocabulary);
    size_t loaded = heap_statistics().used;
    if (!conversation_init(&conversation, &model)) {
        terminal_printf("there is too little memory to talk: a conversation of 64 tokens needs %u KiB\n",
                        (uint32_t)(transformer_bytes(&model.config, 64, 1, false) >> 10));
        return 1;
    }
    const char *what = take_settings(app_arguments(), &conversation, &tokens, &jit);
    if (begins(what, "aot"))
        jit = 0;
    if (jit && jit_start() != JIT_OK)
        terminal_printf("its code stays what the build made: %s\n", jit_message());
    if (begins(what, "talk")) {
        talk(&conversation);
        return 0;
    }
    int status = one_answer(&conversation, what, tokens);
    if (app_wants_bench()) {
        measure_products(&conversation.transformer);
        serial_record("amount name=memory_beside_the_model value=%zu unit=KiB",
                      (heap_statistics().used - loaded) >> 10);
        serial_record("overhead cycles=0"); /* of counting calls: nothing beside what one of ours costs */
    }
    if (jit && !begins(what, "ask"))
        jit_print();
    return status;
}
