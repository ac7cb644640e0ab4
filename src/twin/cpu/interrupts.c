/*
 * interrupts.c: interrupts.h on Linux, where signals are the interrupts: SIGALRM the timer, those of faults the
 * exceptions, and SIGSYS the system calls of the program in the window, which must not reach Linux.
 *
 * Handlers run on a stack of their own, so that they find one when the program's has run over, and they may be left for
 * good as those of the machine may: no signal is blocked while one is handled.
 *
 * What the kernel's objects do to the processor itself (sti, cli, sti with hlt, reading cr2) faults here, and is done
 * in the processor's place.
 */
#include "cpu/interrupts.h"
#include "cpu/panic.h"
#include "layout.h"
#include "linux.h"

#include <stddef.h>

enum { SIGNAL_ILL = 4, SIGNAL_TRAP = 5, SIGNAL_BUS = 7, SIGNAL_FPE = 8, SIGNAL_SEGV = 11, SIGNAL_ALRM = 14 };
enum { SIGNAL_SYS = 31, SET_SIZE = 8, BLOCK = 0, STACK_SIZE = 64 << 10, PAGE = 4096 };
enum { FLAG_INFO = 0x4, FLAG_RESTORER = 0x04000000, FLAG_ON_STACK = 0x08000000, FLAG_RESTART = 0x10000000 };
enum { FLAG_NO_DEFER = 0x40000000 };
enum { DOUBLE_FAULT = 8, GENERAL_PROTECTION = 13, PAGE_FAULT = 14, ERROR_OF_TABLE = 2 };

enum { CODE_CLI = 0xFA, CODE_STI = 0xFB, CODE_HLT = 0xF4 };
enum { CODE_TWO_BYTES = 0x0F, CODE_READ_CONTROL = 0x20, CODE_OF_CR2 = 0xD0 >> 3 };

/* As Linux hands it to a handler (struct ucontext, sigcontext of i386). */
typedef struct {
    uint32_t flags, link, stack[3];
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t trap, error, eip, cs, eflags, esp_at_signal, ss, vectors, old_mask, cr2;
    uint32_t mask[2]; /* of signals, as it will be again */
} context_t;

typedef struct {
    void (*handler)(int signal, void *info, context_t *context);
    uint32_t flags;
    void (*restorer)(void);
    uint32_t mask[2];
} action_t;

void signal_return(void); /* entry.asm */

static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));
static interrupt_watcher_t *watcher;
static irq_handler_t *handlers[IRQ_COUNT];
static volatile bool is_masked; /* the timer's signal, by cli */
static uint32_t fault_address;

static uint32_t set_of(unsigned signal) {
    return 1U << (signal - 1);
}

bool interrupts_are_on(void) {
    const uint8_t *here = __builtin_frame_address(0);
    return !is_masked && !(here >= stack && here < stack + STACK_SIZE);
}

/* For what was interrupted, when it goes on. */
static void mask_timer(context_t *context, bool masked) {
    is_masked = masked;
    context->mask[0] = (context->mask[0] & ~set_of(SIGNAL_ALRM)) | (masked ? set_of(SIGNAL_ALRM) : 0);
}

/* Until a signal came; one that is there already comes now. */
static void wait(void) {
    static const uint32_t none[2];
    const uint32_t timer[] = {set_of(SIGNAL_ALRM), 0};
    system_call(CALL_SIGPROCMASK, BLOCK, (uint32_t)timer, 0, SET_SIZE, 0, 0);
    system_call(CALL_SIGSUSPEND, (uint32_t)none, SET_SIZE, 0, 0, 0, 0);
}

static uint32_t *register_of(context_t *context, unsigned number) {
    uint32_t *const registers[] = {&context->eax, &context->ecx, &context->edx, &context->ebx,
                                   &context->esp, &context->ebp, &context->esi, &context->edi};
    return registers[number];
}

/* Does what a program may not do itself; false where the fault was of another kind. */
static bool emulate(context_t *context) {
    const uint8_t *code = (const uint8_t *)context->eip;
    if (context->trap != GENERAL_PROTECTION || context->error != 0)
        return false;
    if (code[0] == CODE_CLI || code[0] == CODE_STI) {
        mask_timer(context, code[0] == CODE_CLI);
        context->eip++;
        if (code[0] == CODE_STI && code[1] == CODE_HLT) {
            wait();
            context->eip++;
        }
        return true;
    }
    if (code[0] != CODE_TWO_BYTES || code[1] != CODE_READ_CONTROL || code[2] >> 3 != CODE_OF_CR2)
        return false;
    *register_of(context, code[2] & 7) = fault_address;
    context->eip += 3;
    return true;
}

/* A fault of the stack pointer's own page finds no stack on the machine: there it is a double fault. */
static uint32_t vector_of(int signal, const context_t *context) {
    if (signal == SIGNAL_SYS)
        return SYSTEM_CALL_VECTOR;
    if (signal == SIGNAL_ALRM)
        return IRQ_VECTOR + IRQ_TIMER;
    if (context->trap == PAGE_FAULT && context->cr2 + PAGE - context->esp < 2 * PAGE)
        return DOUBLE_FAULT;
    if (context->trap == GENERAL_PROTECTION && context->error == (PANIC_VECTOR << 3 | ERROR_OF_TABLE))
        return PANIC_VECTOR; /* an int instruction of a vector that Linux does not have */
    return context->trap;
}

static void handle(int signal, void *info, context_t *context) {
    (void)info;
    if (signal == SIGNAL_SEGV && emulate(context))
        return;
    interrupt_frame_t frame = {
        .edi = context->edi,
        .esi = context->esi,
        .ebp = context->ebp,
        .esp_at_push = context->esp,
        .ebx = context->ebx,
        .edx = context->edx,
        .ecx = context->ecx,
        .eax = context->eax,
        .vector = vector_of(signal, context),
        .eip = context->eip,
        .cs = context->cs,
        .eflags = context->eflags,
    };
    if (frame.vector == context->trap)
        frame.error = context->error;
    if (context->trap == PAGE_FAULT)
        fault_address = context->cr2;
    interrupt_dispatch(&frame);
    context->eax = frame.eax;
}

void interrupt_dispatch(interrupt_frame_t *frame) {
    uint32_t irq = frame->vector - IRQ_VECTOR;
    if (irq < IRQ_COUNT && handlers[irq] != NULL)
        handlers[irq]();
    bool is_handled = watcher != NULL && watcher(frame);
    if (irq >= IRQ_COUNT && !is_handled)
        panic_exception(frame);
}

void interrupts_init(void) {
    static const uint8_t signals[] = {SIGNAL_ILL,  SIGNAL_TRAP, SIGNAL_BUS, SIGNAL_FPE,
                                      SIGNAL_SEGV, SIGNAL_ALRM, SIGNAL_SYS};
    const uint32_t signal_stack[] = {(uint32_t)stack, 0, sizeof stack};
    const action_t action = {
        .handler = handle,
        .flags = FLAG_INFO | FLAG_RESTORER | FLAG_ON_STACK | FLAG_RESTART | FLAG_NO_DEFER,
        .restorer = signal_return,
    };
    const uint32_t timer[] = {set_of(SIGNAL_ALRM), 0};
    system_call(CALL_SIGPROCMASK, BLOCK, (uint32_t)timer, 0, SET_SIZE, 0, 0);
    is_masked = true;
    system_call(CALL_SIGALTSTACK, (uint32_t)signal_stack, 0, 0, 0, 0, 0);
    for (unsigned i = 0; i < sizeof signals; i++)
        system_call(CALL_SIGACTION, signals[i], (uint32_t)&action, 0, SET_SIZE, 0, 0);
}

void irq_handle(unsigned irq, irq_handler_t *handler) {
    assert(irq < IRQ_COUNT);
    handlers[irq] = handler;
}

typedef struct {
    uint16_t code;
    uint8_t if_true, if_false; /* instructions to pass over */
    uint32_t value;
} filter_t;

enum { LOAD_WORD = 0x20, JUMP_EQUAL = 0x15, JUMP_AT_LEAST = 0x35, RETURN = 0x06 };
enum { AT_MACHINE = 4, AT_ADDRESS = 8 }; /* of struct seccomp_data */
enum { SET_NO_NEW_PRIVILEGES = 38, SET_SECCOMP = 22, FILTER = 2 };

#define MACHINE_386 0x40000003U
#define ALLOWED 0x7FFF0000U
#define TRAPPED 0x00030000U

/* From here on, system calls of code in the window raise SIGSYS. */
static void catch_system_calls(void) {
    static const filter_t filter[] = {
        {LOAD_WORD, 0, 0, AT_MACHINE},
        {JUMP_EQUAL, 0, 4, MACHINE_386},
        {LOAD_WORD, 0, 0, AT_ADDRESS},
        {JUMP_AT_LEAST, 0, 2, BF_WINDOW_START},
        {JUMP_AT_LEAST, 1, 0, BF_WINDOW_END},
        {RETURN, 0, 0, TRAPPED},
        {RETURN, 0, 0, ALLOWED},
    };
    const struct {
        uint16_t count;
        const filter_t *filter;
    } program = {sizeof filter / sizeof *filter, filter};
    system_call(CALL_PRCTL, SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0, 0);
    if (system_call(CALL_PRCTL, SET_SECCOMP, FILTER, (uint32_t)&program, 0, 0, 0) != 0)
        give_up("the compiler's system calls", "this Linux does not let a program filter them (seccomp)");
}

void interrupts_watch(interrupt_watcher_t *new_watcher) {
    if (watcher == NULL)
        catch_system_calls();
    watcher = new_watcher;
}
