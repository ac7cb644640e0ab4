/*
 * splitter.h: the words of a text, inside of which tokens are merged: FORMAT.md has the patterns.
 *
 * What is no UTF-8 counts as characters of one byte each that are neither letters, digits nor spaces.
 */
#ifndef CHAT_SPLITTER_H
#define CHAT_SPLITTER_H

#include <stddef.h>
#include <stdint.h>

enum { SPLITTER_NONE, SPLITTER_GPT2, SPLITTER_SINGLE_DIGITS };

typedef struct {
    const uint8_t *text;
    size_t size, at; /* of what is left: from `at` on */
    size_t limit;    /* the next word ends here at the latest; private */
    uint32_t kind;
} splitter_t;

splitter_t splitter_start(const uint8_t *text, size_t size, uint32_t kind);

/* The size of the next word, which begins at `at` and is passed; 0 at the end. */
size_t splitter_next(splitter_t *splitter);

/* The character at a text's start, UINT32_MAX where its first byte is no part of one; returns its size in bytes. */
size_t splitter_character(const uint8_t *text, size_t size, uint32_t *character);

#endif
