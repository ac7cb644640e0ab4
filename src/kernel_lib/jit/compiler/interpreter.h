/*
 * interpreter.h: runs a function from its bitcode, by LLVM's interpreter, on the stack of the caller.
 *
 * Variables are those of the kernel, and so are functions of other files. Arguments are words, integers or pointers; no
 * floating point, no calls through pointers, no assembly: the first call says whether a function can be run so.
 */
#ifndef BF_INTERPRETER_H
#define BF_INTERPRETER_H

#include "compiler.h"

/* 0 where call->result is there; else nothing has been run, and call->message says why. */
int interpret(compiler_call_t *call);

#endif
