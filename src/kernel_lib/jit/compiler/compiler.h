/*
 * compiler.h: what a kernel and the compiler module say to each other; both are built from this file.
 *
 * The module is one static i386 program that holds LLVM. Started as `compiler serve`, it makes an offer by the system
 * call COMPILER_OFFER, which never returns; afterwards offer->compile is called, any number of times. Started in any
 * other way it is a Linux program that compiles one function and ends (compiler.cpp says how).
 */
#ifndef BF_COMPILER_H
#define BF_COMPILER_H

#include <stdint.h>

enum {
    COMPILER_ABI = 1,            /* of this file; a module of another one is not used */
    COMPILER_OFFER = 0x42464A43, /* a number that Linux does not have */
    COMPILER_MESSAGE_SIZE = 512,
};

typedef struct {
    /* The request. `function` is the one that is wanted; what else the bitcode defines serves it. */
    const uint8_t *bitcode;
    uint32_t bitcode_size;
    const char *function;
    const char *features; /* as LLVM writes them: "+cmov,+sse2"; "" for a plain i686 */
    uint32_t recursion;   /* how many levels of the function's calls of itself are put into each other */
    /* The answer: an ELF object, which stays until the next call, or a message that says why there is none. */
    const uint8_t *object;
    uint32_t object_size;
    char message[COMPILER_MESSAGE_SIZE];
} compiler_job_t;

typedef struct {
    uint32_t abi;
    const char *version; /* LLVM's */
    /* 0 where job->object is there. */
    int (*compile)(compiler_job_t *job);
} compiler_offer_t;

#endif
