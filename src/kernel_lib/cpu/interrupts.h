/*
 * interrupts.h: the interrupt descriptor table and the two interrupt controllers (PIC).
 *
 * Vectors 0..31 are the processor's exceptions: all of them panic. 32..47 are the sixteen IRQ lines: masked until
 * someone handles them. PANIC_VECTOR is how panic() itself gets at the registers, SYSTEM_CALL_VECTOR how a program that
 * was made for Linux calls it. Every other vector faults.
 */
#ifndef BF_INTERRUPTS_H
#define BF_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>

enum { IRQ_VECTOR = 32, IRQ_COUNT = 16, PANIC_VECTOR = 48, VECTOR_COUNT = 49, SYSTEM_CALL_VECTOR = 128 };
enum { IRQ_TIMER = 0, IRQ_KEYBOARD = 1, IRQ_CASCADE = 2 };

/* What interrupts.asm leaves on the stack, lowest address first. */
typedef struct {
    uint32_t edi, esi, ebp, esp_at_push, ebx, edx, ecx, eax; /* pusha */
    uint32_t vector;
    uint32_t error;           /* 0 for vectors that have none */
    uint32_t eip, cs, eflags; /* the processor */
} interrupt_frame_t;

typedef void irq_handler_t(void);

/* Fills the table and moves the IRQ lines to IRQ_VECTOR, all masked. Interrupts stay off. */
void interrupts_init(void);

/* Unmasks the line. The handler runs with interrupts off and must not wait for another one. */
void irq_handle(unsigned irq, irq_handler_t *handler);

/* What all vectors lead to; others than interrupts.asm call it with an exception that they took their own way. */
void interrupt_dispatch(interrupt_frame_t *frame);

/* Lets an exception switch to the task of this selector instead. */
void interrupts_use_task(unsigned vector, uint16_t selector);

/*
 * `watcher` is shown every interrupt after it was handled, and every exception and system call before it panics, which
 * it does not where the watcher returns true. It may end what was interrupted by leaving its stack for good.
 */
typedef bool interrupt_watcher_t(interrupt_frame_t *frame);
void interrupts_watch(interrupt_watcher_t *watcher);

static inline void interrupts_enable(void) {
    __asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_disable(void) {
    __asm__ volatile("cli" : : : "memory");
}

bool interrupts_are_on(void);

/* Sleeps until the next interrupt; interrupts are on afterwards. None that arrives in between is missed. */
static inline void interrupts_wait(void) {
    __asm__ volatile("sti; hlt" : : : "memory");
}

#endif
