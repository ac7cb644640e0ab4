/*
 * interrupts.h: the interrupt descriptor table and the two interrupt controllers (PIC).
 *
 * Vectors 0..31 are the processor's exceptions: all of them panic. 32..47 are the sixteen IRQ lines: masked until
 * someone handles them. PANIC_VECTOR is how panic() itself gets at the registers. Every other vector faults.
 */
#ifndef BF_INTERRUPTS_H
#define BF_INTERRUPTS_H

#include <stdint.h>

enum { IRQ_VECTOR = 32, IRQ_COUNT = 16, PANIC_VECTOR = 48, VECTOR_COUNT = 49 };
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

static inline void interrupts_enable(void) {
    __asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_disable(void) {
    __asm__ volatile("cli" : : : "memory");
}

/* Sleeps until the next interrupt; interrupts are on afterwards. None that arrives in between is missed. */
static inline void interrupts_wait(void) {
    __asm__ volatile("sti; hlt" : : : "memory");
}

#endif
