/*
 * request.h: what is asked of a compiler, as text (FORMAT.md). Its SHA-256 is the name of the answer, here and on the
 * host. The text holds all that the answer depends on, and nothing else.
 */
#ifndef BF_REQUEST_H
#define BF_REQUEST_H

#include "jit/function.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_SIZE = 2048, REQUEST_RECURSION = 3 };

/* What a request says of how the function is used here. */
typedef struct {
    uint32_t recursion;
    bool counts_branches; /* and nothing of what follows is said */
    uint32_t known;       /* bit N: word N of the arguments is mostly value[N] */
    uint32_t value[JIT_WORDS];
    char *branches; /* how they turn out, in digits; NULL where that is not known */
} specialisation_t;

/* Writes the request for a function on this processor; returns its length, or 0 where it does not fit. */
size_t request_text(const jit_function_t *function, const specialisation_t *wanted, char text[REQUEST_SIZE]);

/* The same without knowledge of its use. */
size_t request_general(const jit_function_t *function, char text[REQUEST_SIZE]);

#endif
