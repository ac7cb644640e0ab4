/*
 * compiler.h: what a kernel and the compiler module say to each other; both are built from this file.
 *
 * The module is one static i386 program that holds LLVM. Started as `compiler serve`, it makes an offer by the system
 * call COMPILER_OFFER, which never returns; afterwards offer->compile is called, any number of times. Started in any
 * other way it is a Linux program that answers one request and ends (compiler.cpp says how).
 */
#ifndef BF_COMPILER_H
#define BF_COMPILER_H

#include <stdint.h>

#define COMPILER_LLVM "19.1.7" /* what the module is made of */

/* The kernel has two words for each branch under this name where it loads an object that counts branches. */
#define COMPILER_COUNTERS "jit_branches"

enum {
    COMPILER_ABI = 3,            /* of this file; a module of another one is not used */
    COMPILER_OFFER = 0x42464A43, /* a number that Linux does not have */
    COMPILER_MESSAGE_SIZE = 512,
};

typedef struct {
    const char *request; /* text: FORMAT.md */
    const uint8_t *bitcode;
    uint32_t bitcode_size;
    /* The answer, which stays until the next call: an ELF object, and the bitcode that it was made from; */
    const uint8_t *object;
    uint32_t object_size;
    const uint8_t *optimized;
    uint32_t optimized_size;
    uint32_t branches;     /* conditional ones, of the function and those that it needs, in the bitcode */
    uint32_t is_recursive; /* 1 where the function calls itself */
    /* or why there is none. */
    char message[COMPILER_MESSAGE_SIZE];
} compiler_job_t;

/* A call of a function that exists only as bitcode. */
typedef struct {
    const uint8_t *bitcode;
    uint32_t bitcode_size;
    const char *digest; /* of the bitcode */
    const char *function;
    uint32_t (*find)(const void *where, const char *name); /* of the kernel; 0 where there is no such thing */
    const void *where;
    const uint32_t *arguments; /* NULL: only find out whether it could be called */
    uint64_t result;
    char message[COMPILER_MESSAGE_SIZE];
} compiler_call_t;

typedef struct {
    uint32_t abi;
    /* 0 where job->object is there. */
    int (*compile)(compiler_job_t *job);
    /* 0 where call->result is there; else nothing was run. On the caller's stack; calls may be nested. */
    int (*interpret)(compiler_call_t *call);
} compiler_offer_t;

#endif
