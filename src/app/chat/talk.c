/* talk.c: see talk.h. A command is a row of the table below. */
#include "talk.h"

#include "console.h"
#include "runtime.h"

enum { LINE_SIZE = 2048, MOST_TOKENS = 1024 };

typedef struct {
    const char *name, *help;
    void (*run)(conversation_t *conversation, const char *argument);
} command_t;

static bool is_over;

uint32_t talk_number(const char *text) {
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < 100000000; text++)
        number = number * 10 + (uint32_t)(*text - '0');
    return number;
}

/* "0.7" is 70. */
static uint32_t hundredths(const char *text) {
    const char *point = strchr(text, '.');
    uint32_t whole = talk_number(text) % 10000000 * 100;
    if (!point || point[1] < '0' || point[1] > '9')
        return whole;
    uint32_t second = point[2] >= '0' && point[2] <= '9' ? (uint32_t)(point[2] - '0') : 0;
    return whole + (uint32_t)(point[1] - '0') * 10 + second;
}

/* Tokens a second, in hundredths; 0 where no time passed. */
static uint32_t rate(conversation_cost_t cost) {
    return cost.milliseconds ? (uint32_t)((uint64_t)cost.tokens * 100000 / cost.milliseconds) : 0;
}

void talk_figures(const conversation_t *conversation) {
    const conversation_figures_t *last = &conversation->last;
    uint32_t reading = rate(last->reading), saying = rate(last->saying);
    terminal_printf("(%u tokens read, %u.%02u a second; %u said, %u.%02u a second)\n", last->reading.tokens,
                    reading / 100, reading % 100, last->saying.tokens, saying / 100, saying % 100);
}

static void reset(conversation_t *conversation, const char *argument) {
    (void)argument;
    conversation_reset(conversation);
    terminal_writestring("what was said is forgotten\n");
}

static void temperature(conversation_t *conversation, const char *argument) {
    uint32_t value = hundredths(argument);
    conversation->sampler.temperature = (float)value / 100;
    terminal_printf("temperature %u.%02u%s\n", value / 100, value % 100, value ? "" : ": always the likeliest");
}

static void seed(conversation_t *conversation, const char *argument) {
    uint32_t value = talk_number(argument);
    sampler_seed(&conversation->sampler, value);
    terminal_printf("seed %u\n", value);
}

static void statistics(conversation_t *conversation, const char *argument) {
    (void)argument;
    const transformer_t *transformer = &conversation->transformer;
    heap_statistics_t heap = heap_statistics();
    talk_figures(conversation);
    terminal_printf("%u of %u tokens remembered; memory: %zu of %zu KiB in use, %u for the conversation\n",
                    conversation->position, transformer->context, heap.used >> 10, heap.total >> 10,
                    (uint32_t)(transformer_bytes(&conversation->model->config, transformer->context, 1, false) >> 10));
}

static void leave(conversation_t *conversation, const char *argument) {
    (void)conversation, (void)argument;
    is_over = true;
}

static void help(conversation_t *conversation, const char *argument);

static const command_t COMMANDS[] = {
    {"/reset", "forget what was said", reset},
    {"/temp", "NUMBER: how freely words are chosen; 0 means always the likeliest", temperature},
    {"/seed", "NUMBER: where the dice start", seed},
    {"/stats", "speed and memory", statistics},
    {"/help", "this list; Ctrl-C ends an answer", help},
    {"/exit", "end the conversation", leave},
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

static void help(conversation_t *conversation, const char *argument) {
    (void)conversation, (void)argument;
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        terminal_printf("  %-8s %s\n", COMMANDS[i].name, COMMANDS[i].help);
}

static void run_command(conversation_t *conversation, char *line) {
    char *argument = strchr(line, ' ');
    if (argument)
        *argument++ = '\0';
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(line, COMMANDS[i].name) == 0) {
            COMMANDS[i].run(conversation, argument ? argument : "");
            return;
        }
    }
    terminal_printf("%s: unknown; /help lists what there is\n", line);
}

void talk(conversation_t *conversation) {
    static char line[LINE_SIZE];
    terminal_printf("Ask something, or /help.%s\n",
                    conversation_can_chat(conversation) ? "" : " This model was not trained to chat: it goes on.");
    for (is_over = false; !is_over;) {
        if (!console_read_line("\n> ", line, sizeof line) || line[0] == '\0')
            continue;
        if (line[0] == '/') {
            run_command(conversation, line);
            continue;
        }
        const char *wrong = conversation_ask(conversation, line, MOST_TOKENS);
        if (wrong)
            terminal_printf("%s\n", wrong);
        else
            talk_figures(conversation);
    }
}
