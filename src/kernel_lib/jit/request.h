/*
 * request.h: what is asked of a compiler, as text (FORMAT.md). Its SHA-256 is the name of the answer, here and on the
 * host. The text holds all that the answer depends on, and nothing else.
 */
#ifndef BF_REQUEST_H
#define BF_REQUEST_H

#include "jit/function.h"

#include <stddef.h>
#include <stdint.h>

enum { REQUEST_SIZE = 2048, REQUEST_RECURSION = 3 };

/* Writes the general request for a function on this processor; returns its length, or 0 where it does not fit. */
size_t request_text(const jit_function_t *function, char text[REQUEST_SIZE]);

#endif
