/* linux_calls.c: see linux_calls.h. Numbers and structures are those of arch/x86/entry/syscalls/syscall_32.tbl. */
#include "jit/linux_calls.h"
#include "cpu/thread_area.h"
#include "jit/compiler/compiler.h"
#include "memory/memory.h"

enum {
    CALL_EXIT = 1,
    CALL_READ = 3,
    CALL_WRITE = 4,
    CALL_OPEN = 5,
    CALL_CLOSE = 6,
    CALL_GETPID = 20,
    CALL_KILL = 37,
    CALL_BRK = 45,
    CALL_IOCTL = 54,
    CALL_READLINK = 85,
    CALL_MUNMAP = 91,
    CALL_SYSINFO = 116,
    CALL_MPROTECT = 125,
    CALL_LLSEEK = 140,
    CALL_SIGPROCMASK = 175,
    CALL_UGETRLIMIT = 191,
    CALL_MMAP2 = 192,
    CALL_GETTID = 224,
    CALL_FUTEX = 240,
    CALL_SET_THREAD_AREA = 243,
    CALL_EXIT_GROUP = 252,
    CALL_SET_TID_ADDRESS = 258,
    CALL_TGKILL = 270,
    CALL_OPENAT = 295,
    CALL_FSTATAT = 300,
    CALL_SET_ROBUST_LIST = 311,
    CALL_GETRANDOM = 355,
    CALL_STATX = 383,
    CALL_RSEQ = 386,
};

enum { NO_ENTRY = 2, BAD_FILE = 9, NO_MEMORY = 12, INVALID = 22, NO_TERMINAL = 25, NO_SEEK = 29, NO_CALL = 38 };
enum { STANDARD_OUTPUT = 1, STANDARD_ERROR = 2, FUTEX_COMMAND = 0x7F, FUTEX_WAKE = 1, THREAD = 1 };

/* What set_thread_area takes (struct user_desc). */
typedef struct {
    uint32_t entry;
    uint32_t base;
    uint32_t limit; /* in pages */
    uint32_t flags;
} thread_area_t;

static uint32_t set_thread_area(thread_area_t *area) {
    if (area->entry != UINT32_MAX) /* it takes whichever there is */
        return (uint32_t)-INVALID;
    area->entry = thread_area_set(area->base, area->limit);
    return 0;
}

static uint32_t set_break(linux_program_t *program, uint32_t wanted) {
    if (wanted < program->break_start || wanted > program->break_limit)
        return program->break_end;
    if (wanted > program->break_end)
        memset((void *)(uintptr_t)program->break_end, 0, wanted - program->break_end);
    program->break_end = wanted;
    if (wanted > program->break_most)
        program->break_most = wanted;
    return wanted;
}

static uint32_t write_text(linux_program_t *program, uint32_t file, const char *text, uint32_t size) {
    if (file != STANDARD_OUTPUT && file != STANDARD_ERROR)
        return (uint32_t)-BAD_FILE;
    size_t room = sizeof program->text - 1 - program->text_size;
    size_t part = size < room ? size : room;
    memcpy(program->text + program->text_size, text, part);
    program->text_size += part;
    program->text[program->text_size] = '\0';
    return size;
}

/* A program must not depend on chance; what it asks for is used to tell freed blocks from others. */
static uint32_t get_random(uint8_t *bytes, uint32_t size) {
    memset(bytes, 0x5A, size);
    return size;
}

static uint32_t get_limit(uint32_t limits[2]) {
    limits[0] = limits[1] = UINT32_MAX; /* none */
    return 0;
}

/* Those whose answer is always the same. */
static bool fixed_answer(uint32_t call, uint32_t *answer) {
    static const struct {
        uint16_t call;
        int16_t answer;
    } fixed[] = {
        {CALL_READ, 0}, /* the end of the file */
        {CALL_OPEN, -NO_ENTRY},
        {CALL_OPENAT, -NO_ENTRY},
        {CALL_READLINK, -NO_ENTRY},
        {CALL_FSTATAT, -NO_ENTRY},
        {CALL_STATX, -NO_ENTRY},
        {CALL_CLOSE, 0},
        {CALL_IOCTL, -NO_TERMINAL},
        {CALL_LLSEEK, -NO_SEEK},
        {CALL_MMAP2, -NO_MEMORY}, /* malloc() then takes it from brk */
        {CALL_MUNMAP, 0},
        {CALL_MPROTECT, 0},
        {CALL_GETPID, THREAD},
        {CALL_GETTID, THREAD},
        {CALL_SET_TID_ADDRESS, THREAD},
        {CALL_SET_ROBUST_LIST, 0},
        {CALL_SIGPROCMASK, 0},
        {CALL_SYSINFO, -NO_CALL}, /* sorting then takes as much memory as it wants */
        {CALL_RSEQ, -NO_CALL},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i].call == call) {
            *answer = (uint32_t)fixed[i].answer;
            return true;
        }
    return false;
}

program_state_t linux_call(linux_program_t *program, interrupt_frame_t *frame) {
    program->calls++;
    switch (frame->eax) {
    case COMPILER_OFFER:
        program->offer = (const void *)(uintptr_t)frame->ebx;
        return PROGRAM_OFFERS;
    case CALL_EXIT:
    case CALL_EXIT_GROUP:
    case CALL_KILL:
    case CALL_TGKILL: /* of itself, by a signal that it does not handle */
        return PROGRAM_ENDS;
    case CALL_BRK:
        frame->eax = set_break(program, frame->ebx);
        return PROGRAM_RUNS;
    case CALL_WRITE:
        frame->eax = write_text(program, frame->ebx, (const char *)(uintptr_t)frame->ecx, frame->edx);
        return PROGRAM_RUNS;
    case CALL_SET_THREAD_AREA:
        frame->eax = set_thread_area((thread_area_t *)(uintptr_t)frame->ebx);
        return PROGRAM_RUNS;
    case CALL_GETRANDOM:
        frame->eax = get_random((uint8_t *)(uintptr_t)frame->ebx, frame->ecx);
        return PROGRAM_RUNS;
    case CALL_UGETRLIMIT:
        frame->eax = get_limit((uint32_t *)(uintptr_t)frame->ecx);
        return PROGRAM_RUNS;
    case CALL_FUTEX: /* nobody sleeps, so nobody is woken, and nobody would ever wake us */
        frame->eax = (frame->ecx & FUTEX_COMMAND) == FUTEX_WAKE ? 0 : (uint32_t)-NO_CALL;
        return PROGRAM_RUNS;
    default:
        if (!fixed_answer(frame->eax, &frame->eax)) {
            program->refused++;
            frame->eax = (uint32_t)-NO_CALL;
        }
        return PROGRAM_RUNS;
    }
}
