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
 * compiler made of them. So does the function's address where its own file takes it: it is that of aot_NAME.
 *
 * The function may be any that C has, but it MUST NOT be static, which the build refuses: nobody would call it through
 * the pointer. It uses the variables, named constants and function addresses of the build's object; the build keeps
 * all of these (recipes/compiler.py), and jit_source_t says where they lie. What cannot be had so gets no object: the
 * function stays what it was, and jit_message() says why.
 *
 * JIT_INTERPRETED(name, words) marks a function that the kernel holds no code of. From jit_start() on its calls are run
 * from the bitcode by LLVM's interpreter, which the compiler module has, until there is code that was compiled here.
 * What the interpreter cannot do (floating point, calls through pointers, constants without a name, assembly) is found
 * out at the start: such a function is compiled then. Where neither can be done the program ends with a panic.
 */
#ifndef BF_FUNCTION_H
#define BF_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

enum { JIT_WORDS = 4 };

typedef struct {
    const char *name; /* NULL behind the last */
    uint32_t address;
} jit_symbol_t;

/* Every optimizable source has one, made by describe.py. */
typedef struct {
    const char *path;            /* of the bitcode on the disk */
    const char *digest;          /* of the bitcode: SHA-256, in hexadecimal digits, like the next */
    const char *compiler;        /* of the compiler module that the image was built with */
    const char *abi;             /* of the rules that the kernel was built by: abi.txt */
    const jit_symbol_t *symbols; /* what the source's object defines or refers to, static or not */
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
    bool is_interpreted;    /* it exists only as bitcode */
    jit_details_t *details; /* NULL before jit_start() */
} jit_function_t;

#ifdef JIT_SOURCE
#define JIT_MARKED(function, argument_words, start, assembly)                                                          \
    extern __typeof__(function)(function) __asm__("aot_" #function);                                                   \
    extern const jit_source_t jit_source;                                                                              \
    extern char jit_counted_##function[];                                                                              \
    extern jit_function_t jit_function_##function;                                                                     \
    __attribute__((section(".jit_functions"), used)) jit_function_t jit_function_##function = {                        \
        .current = (start),                                                                                            \
        .base = (start),                                                                                               \
        .aot = (start),                                                                                                \
        .counted = jit_counted_##function,                                                                             \
        .name = #function,                                                                                             \
        .source = &jit_source,                                                                                         \
        .words = (argument_words),                                                                                     \
        .is_interpreted = sizeof(assembly) > 1,                                                                        \
    };                                                                                                                 \
    __asm__(".pushsection .text." #function ", \"ax\", @progbits\n"                                                    \
            ".globl " #function "\n.type " #function ", @function\n" #function ": jmp *jit_function_" #function "\n"   \
            "jit_counted_" #function ": push $jit_function_" #function "\n jmp jit_counted\n" assembly                 \
            ".popsection\n");

#define JIT_OPTIMIZABLE(function, argument_words) JIT_MARKED(function, argument_words, (void *)(function), "")
#define JIT_INTERPRETED(function, argument_words)                                                                      \
    extern char jit_interpreted_##function[];                                                                          \
    JIT_MARKED(function, argument_words, jit_interpreted_##function,                                                   \
               "jit_interpreted_" #function ": push $jit_function_" #function "\n jmp jit_interpreted\n")
#else
#define JIT_OPTIMIZABLE(function, argument_words)                                                                      \
    _Pragma("GCC error \"a source with JIT_OPTIMIZABLE must be built by optimizable() of recipes/compiler.py\"")
#define JIT_INTERPRETED(function, argument_words) JIT_OPTIMIZABLE(function, argument_words)
#endif

#endif
