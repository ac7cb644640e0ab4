/*
 * chat_tool.c: the chat program's parts on the building machine, for tests. It opens MODEL and answers questions that
 * come on standard input: a letter, a number of 32-bit words, and these; the answer is a number of words, and these.
 *
 *     E bytes     the tokens of a text; the first word is its size
 *     M bytes     those of a text of the model's own
 *     D tokens    the bytes of tokens; the first word is their number
 *     R words     opens the model again with words changed (pairs of place and word), and uses what is opened
 *     S words     samples: seed, temperature and top_p as floats, how many, logits
 *     N floats    what numbers.h makes of each: exp, sine, cosine, square root, and of its lower half as a
 *                 half-precision number
 *     X or F      infers, the exact or the fast way: what is wanted, how many, tokens
 *
 * Wanted is 0: so many tokens that follow, the likeliest; 1: all logits; 2: the sum of the logarithms of what the
 * tokens were expected with, a double.
 */
#include "model.h"
#include "numbers.h"
#include "sampler.h"
#include "tokenizer.h"
#include "transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WANT_TOKENS, WANT_LOGITS, WANT_SURPRISE, MOST = 1 << 22 };

static uint32_t question[MOST], answer[MOST];
static uint8_t *file;
static size_t file_size;
static model_t model;

static void read_file(const char *path) {
    FILE *stream = fopen(path, "rb");
    if (!stream || fseek(stream, 0, SEEK_END) != 0)
        exit(2);
    file_size = (size_t)ftell(stream);
    rewind(stream);
    file = aligned_alloc(MODEL_ALIGNMENT, file_size + MODEL_ALIGNMENT - file_size % MODEL_ALIGNMENT);
    if (!file || fread(file, 1, file_size, stream) != file_size)
        exit(2);
    fclose(stream);
}

static uint32_t encode(bool is_marked) {
    token_list_t list = {answer, MOST, 0};
    char *text = malloc(question[0] + 1); /* its own block, so that nothing behind its end is read */
    memcpy(text, question + 1, question[0]);
    bool is_done =
        (is_marked ? tokenizer_encode_marked : tokenizer_encode)(&model.vocabulary, text, question[0], &list);
    free(text);
    return is_done ? list.count : 0;
}

static uint32_t decode(void) {
    size_t size, used = 0;
    for (uint32_t i = 1; i <= question[0]; i++) {
        const char *text = tokenizer_text(&model.vocabulary, question[i], &size);
        memcpy((char *)(answer + 1) + used, text, size);
        used += size;
    }
    answer[0] = (uint32_t)used;
    return 1 + (uint32_t)(used + 3) / 4;
}

static uint32_t reopen(uint32_t count) {
    uint8_t *copy = aligned_alloc(MODEL_ALIGNMENT, file_size);
    memcpy(copy, file, file_size);
    for (uint32_t i = 0; i + 1 < count; i += 2)
        memcpy(copy + question[i], question + i + 1, 4);
    uint32_t crc = model_checksum(0, copy + 16, file_size - 16);
    memcpy(copy + 12, &crc, 4);
    model_t hostile;
    const char *wrong = model_open(&hostile, copy, file_size);
    if (!wrong) {
        transformer_t transformer;
        token_list_t list = {answer, MOST, 0};
        uint32_t token = 0;
        tokenizer_encode(&hostile.vocabulary, "a text", 6, &list);
        tokenizer_encode_marked(&hostile.vocabulary, "<|im_end|>", 10, &list);
        if (transformer_init(&transformer, &hostile, 2, 1, false)) {
            transformer_read(&transformer, &token, 1, 0);
            transformer_logits(&transformer, 0, 1);
        }
        transformer_free(&transformer);
    }
    free(copy);
    answer[0] = wrong != NULL;
    return 1;
}

static uint32_t likeliest(const float *logits) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < model.config.vocabulary; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static double surprise(const float *logits, uint32_t token) {
    double sum = 0, most = logits[likeliest(logits)];
    for (uint32_t i = 0; i < model.config.vocabulary; i++)
        sum += exp(logits[i] - most);
    return logits[token] - most - log(sum);
}

/* The words are: what is wanted, how many, tokens. */
static uint32_t run(bool is_exact, uint32_t count) {
    const uint32_t *tokens = question + 2;
    uint32_t wanted = question[0], follow = wanted == WANT_TOKENS ? question[1] : 0, size = model.config.vocabulary;
    double sum = 0;
    transformer_t transformer;
    if (!transformer_init(&transformer, &model, count - 2 + follow, PRODUCT_BATCH, is_exact))
        exit(2);
    for (uint32_t at = 0, part; at < count - 2; at += part) {
        part = count - 2 - at < PRODUCT_BATCH ? count - 2 - at : PRODUCT_BATCH;
        transformer_read(&transformer, tokens + at, part, at);
        const float *logits = transformer_logits(&transformer, 0, part);
        for (uint32_t t = 0; t < part; t++, logits += transformer_stride(&transformer)) {
            if (wanted == WANT_LOGITS)
                memcpy(answer + (at + t) * size, logits, size * sizeof(float));
            if (wanted == WANT_SURPRISE && at + t + 3 < count)
                sum += surprise(logits, tokens[at + t + 1]);
            if (wanted == WANT_TOKENS)
                answer[0] = likeliest(logits);
        }
    }
    for (uint32_t i = 0; i + 1 < follow; i++) {
        transformer_read(&transformer, answer + i, 1, count - 2 + i);
        answer[i + 1] = likeliest(transformer_logits(&transformer, 0, 1));
    }
    transformer_free(&transformer);
    if (wanted == WANT_SURPRISE)
        memcpy(answer, &sum, sizeof sum);
    return wanted == WANT_TOKENS ? follow : wanted == WANT_LOGITS ? (count - 2) * size : 2;
}

static uint32_t sample(uint32_t count) {
    sampler_t sampler;
    uint32_t size = count - 4, drawn = question[3];
    if (!sampler_init(&sampler, size))
        exit(2);
    sampler_seed(&sampler, question[0]);
    memcpy(&sampler.temperature, question + 1, 4);
    memcpy(&sampler.top_p, question + 2, 4);
    for (uint32_t i = 0; i < drawn; i++)
        answer[i] = sampler_next(&sampler, (const float *)(question + 4));
    sampler_free(&sampler);
    return drawn;
}

static uint32_t numbers(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        float value, made[5] = {0};
        memcpy(&value, question + i, sizeof value);
        made[0] = number_exp(value);
        if (value >= 0 && value < 2097152)
            number_turn(value, made + 1, made + 2);
        made[3] = number_square_root(value < 0 ? 0 : value);
        made[4] = number_of_half((uint16_t)question[i]);
        memcpy(answer + 5 * i, made, sizeof made);
    }
    return 5 * count;
}

static uint32_t work(int letter, uint32_t count) {
    switch (letter) {
    case 'E':
        return encode(false);
    case 'M':
        return encode(true);
    case 'D':
        return decode();
    case 'R':
        return reopen(count);
    case 'S':
        return sample(count);
    case 'N':
        return numbers(count);
    default:
        return run(letter == 'X', count);
    }
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    read_file(argv[1]);
    const char *wrong = model_open(&model, file, file_size);
    printf("%s\n", wrong ? wrong : "ok");
    fflush(stdout);
    for (int letter; !wrong && (letter = getchar()) != EOF;) {
        uint32_t count, size;
        if (fread(&count, 4, 1, stdin) != 1 || count > MOST || fread(question, 4, count, stdin) != count)
            return 2;
        size = work(letter, count);
        fwrite(&size, 4, 1, stdout);
        fwrite(answer, 4, size, stdout);
        fflush(stdout);
    }
    free(file);
    return 0;
}
