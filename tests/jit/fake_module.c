/*
 * fake_module.c: a compiler module that does what the first letter of the request says: it answers, or goes wrong in
 * one of the ways in which a program can.
 */
#include "jit/compiler/compiler.h"

void program_start(void);

enum { CALL_EXIT = 1, CALL_READ = 3, CALL_WRITE = 4, CALL_BRK = 45, CALL_TGKILL = 270, CALL_UNKNOWN = 399 };

static int compile(compiler_job_t *job);

static const compiler_offer_t offer = {.abi = COMPILER_ABI, .compile = compile};
static const uint8_t object[] = {1, 2, 3};
static volatile uint32_t calls = 41;
static uint32_t cleared;

static int32_t call(uint32_t number, uint32_t a, uint32_t b, uint32_t c) {
    int32_t answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return answer;
}

static int answer(compiler_job_t *job) {
    job->object = object;
    job->object_size = sizeof object;
    job->optimized = object;
    job->optimized_size = sizeof object - 1;
    return 0;
}

static int refuse(compiler_job_t *job, const char *why) {
    for (unsigned i = 0; (job->message[i] = why[i]) != '\0'; i++) {
    }
    return 1;
}

static int take_all_memory(compiler_job_t *job) {
    uint32_t start = (uint32_t)call(CALL_BRK, 0, 0, 0), end = start;
    while ((uint32_t)call(CALL_BRK, end + 65536, 0, 0) == end + 65536) {
        *(volatile uint32_t *)(uintptr_t)end = end; /* it is there */
        end += 65536;
    }
    return refuse(job, end - start > 65536 ? "no more memory" : "hardly any memory");
}

static uint32_t descend(volatile uint32_t depth) {
    return depth == 0 ? 0 : descend(depth + 1) + depth;
}

static int use_vectors(compiler_job_t *job) {
    uint32_t a[4] = {1, 2, 3, 4}, sum;
    __asm__("movdqu %1, %%xmm0; paddd %%xmm0, %%xmm0; movd %%xmm0, %0; fld1; fstp %%st(0)"
            : "=r"(sum)
            : "m"(a)
            : "xmm0");
    return sum == 2 ? answer(job) : refuse(job, "no vectors");
}

static int go_wrong(compiler_job_t *job) {
    switch (job->request[0]) {
    case 'c':
        __asm__ volatile("ud2");
        break;
    case 'j': /* jump to nowhere */
        ((void (*)(void))0xE8000000)();
        break;
    case 'l':
        for (;;) {
        }
    case 'p': /* write to its own program */
        *(volatile uint8_t *)(uintptr_t)(void *)compile = 0;
        break;
    case 'r': /* run its data */
        ((void (*)(void))(uintptr_t)&calls)();
        break;
    case 's':
        return (int)descend(1);
    case 't':
        call(CALL_WRITE, 2, (uint32_t)(uintptr_t)"its last words\n", 15);
        call(CALL_TGKILL, 1, 1, 6);
        break;
    case 'e':
        call(CALL_EXIT, 0, 0, 0);
        break;
    case 'w': /* hand the kernel an address that is none */
        call(CALL_WRITE, 2, 0xE8000000, 100);
        break;
    case 'o': /* an object outside of its memory */
        job->object = (const uint8_t *)0x10000;
        job->object_size = 100;
        return 0;
    case 'b': /* bitcode outside of its memory */
        answer(job);
        job->optimized_size = 0x7FFFFFFF;
        return 0;
    default:
        return refuse(job, "what is that?");
    }
    return 0;
}

static int compile(compiler_job_t *job) {
    if (++calls != 42 || ++cleared != 1)
        return refuse(job, "it remembers");
    switch (job->request[0]) {
    case 'a':
        return answer(job);
    case 'm':
        return take_all_memory(job);
    case 'u':
        return call(CALL_UNKNOWN, 0, 0, 0) == -38 ? answer(job) : refuse(job, "an unknown call was answered");
    case 'v':
        return use_vectors(job);
    default:
        return go_wrong(job);
    }
}

void program_start(void) {
    call(COMPILER_OFFER, (uint32_t)(uintptr_t)&offer, 0, 0);
}
