/*
 * function.h: optimizable functions: how a source marks one, and what the kernel knows of it.
 *
 * A source that is built as optimizable (recipes/compiler.py) exists twice: as an object, and as bitcode on the disk.
 * In it JIT_OPTIMIZABLE(name, words) marks a function, after its declaration and before its definition:
 *
 *     uint32_t fibonacci(uint32_t n);
 *     JIT_OPTIMIZABLE(fibonacci, 1)
 *     uint32_t fibonacci(uint32_t n) { ... }
 *
 * `words` is how many 32-bit words of arguments it has; the first JIT_WORDS are looked at. What the object holds is
 * then called aot_NAME, and NAME is a jump through a pointer, so calls from other files go where the kernel wants them
 * to; one aligned store changes that for all of them. Calls from the same file, recursion among them, stay what the
 * compiler made of them.
 *
 * The function MUST NOT return a floating-point number, and its source MUST NOT define variables: an object made at run
 * time would have them a second time. It gets no object then, and stays what it was.
 */
#ifndef BF_FUNCTION_H
#define BF_FUNCTION_H

#include <stdint.h>

enum { JIT_WORDS = 3 };

typedef struct {
    const char *path;     /* of the bitcode on the disk */
    const char *digest;   /* of the bitcode: SHA-256, in hexadecimal digits, like the next */
    const char *compiler; /* of the compiler module that the image was built with */
    const char *abi;      /* of the rules that the kernel was built by: abi.txt */
} jit_source_t;

typedef struct jit_details jit_details_t;

typedef struct {
    void *volatile current; /* where NAME jumps to */
    void *base;             /* what a call that is not measured runs, while calls are counted */
    uint32_t calls;         /* while they are counted */
    uint32_t mask;          /* of a call's number: it is measured where these bits are 0 */
    void *aot;              /* what the build made */
    void *counted;          /* counts the call, then goes on */
    const char *name;
    const jit_source_t *source;
    uint32_t words;
    jit_details_t *details; /* NULL before jit_start() */
} jit_function_t;

#ifdef JIT_BITCODE
#define JIT_OPTIMIZABLE(function, argument_words)
#else
#define JIT_OPTIMIZABLE(function, argument_words)                                                                      \
    extern __typeof__(function)(function) __asm__("aot_" #function);                                                   \
    extern char jit_counted_##function[];                                                                              \
    extern jit_function_t jit_function_##function;                                                                     \
    __attribute__((section(".jit_functions"), used)) jit_function_t jit_function_##function = {                        \
        .current = (void *)(function),                                                                                 \
        .base = (void *)(function),                                                                                    \
        .aot = (void *)(function),                                                                                     \
        .counted = jit_counted_##function,                                                                             \
        .name = #function,                                                                                             \
        .source = &(const jit_source_t){JIT_SOURCE_PATH, JIT_SOURCE_DIGEST, JIT_COMPILER_DIGEST, JIT_ABI_DIGEST},      \
        .words = (argument_words),                                                                                     \
    };                                                                                                                 \
    __asm__(".pushsection .text." #function ", \"ax\", @progbits\n"                                                    \
            ".globl " #function "\n.type " #function ", @function\n" #function ": jmp *jit_function_" #function "\n"   \
            "jit_counted_" #function ": push $jit_function_" #function "\n jmp jit_counted\n"                          \
            ".popsection\n");
#endif

#endif
