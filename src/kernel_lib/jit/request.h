/*
 * request.h: what is asked of a compiler, as text. Its SHA-256 is the name of the answer, here and on the host.
 *
 *     bareflow-request 1
 *     compiler DIGEST      of the compiler module
 *     bitcode DIGEST
 *     function NAME
 *     features LIST        as LLVM writes them, in the order of features.h; "none" for a plain i686
 *     recursion N          how many levels of it are put into each other
 *
 * Every line ends with LF. The text holds all that the answer depends on, and nothing else.
 */
#ifndef BF_REQUEST_H
#define BF_REQUEST_H

#include "jit/function.h"
#include "jit/sha256.h"

#include <stddef.h>
#include <stdint.h>

enum { REQUEST_SIZE = 768, REQUEST_FEATURES_SIZE = 256, REQUEST_RECURSION = 3 };

/* Writes the request for a function on this processor; returns its length, or 0 where it does not fit. */
size_t request_text(const jit_function_t *function, char text[REQUEST_SIZE]);

void request_key(const char *text, char key[SHA256_TEXT_SIZE]);

/* What LLVM may use of this processor: "+cmov,+sse2", "" for nothing. */
void request_features(char features[REQUEST_FEATURES_SIZE]);

#endif
