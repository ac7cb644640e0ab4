/* interrupts.c: see interrupts.h. */
#include "cpu/interrupts.h"
#include "cpu/panic.h"
#include "io/port.h"

#include <stdbool.h>
#include <stddef.h>

enum { CODE_SELECTOR = 8, GATE_INTERRUPT = 0x8E, GATE_TASK = 0x85 };

enum {
    PIC_COMMAND = 0x20, /* of the first controller */
    PIC_DATA = 0x21,
    PIC2_COMMAND = 0xA0,
    PIC2_DATA = 0xA1,
    PIC_LINES = 8,
    PIC_BEGIN = 0x11, /* edge triggered, cascaded, four command words */
    PIC_8086 = 0x01,
    PIC_READ_IN_SERVICE = 0x0B,
    PIC_END = 0x20,
};

typedef struct {
    uint16_t offset_low, selector;
    uint8_t zero, kind;
    uint16_t offset_high;
} __attribute__((packed)) gate_t;

extern void *const interrupt_stubs[VECTOR_COUNT]; /* interrupts.asm */
extern void system_call_stub(void);

static gate_t gates[SYSTEM_CALL_VECTOR + 1];
static interrupt_watcher_t *watcher;
static irq_handler_t *handlers[IRQ_COUNT];

static void pic_init(void) {
    outb(PIC_COMMAND, PIC_BEGIN);
    outb(PIC2_COMMAND, PIC_BEGIN);
    outb(PIC_DATA, IRQ_VECTOR);
    outb(PIC2_DATA, IRQ_VECTOR + PIC_LINES);
    outb(PIC_DATA, 1 << IRQ_CASCADE);
    outb(PIC2_DATA, IRQ_CASCADE);
    outb(PIC_DATA, PIC_8086);
    outb(PIC2_DATA, PIC_8086);
    outb(PIC_DATA, (uint8_t)~(1 << IRQ_CASCADE));
    outb(PIC2_DATA, 0xFF);
}

static inline __attribute__((always_inline)) gate_t gate(uint32_t address) {
    return (gate_t){
        .offset_low = (uint16_t)address,
        .selector = CODE_SELECTOR,
        .kind = GATE_INTERRUPT,
        .offset_high = (uint16_t)(address >> 16),
    };
}

void interrupts_init(void) {
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        gates[vector] = gate((uint32_t)interrupt_stubs[vector]);
    const struct {
        uint16_t limit;
        gate_t *base;
    } __attribute__((packed)) table = {sizeof gates - 1, gates};
    __asm__ volatile("lidt %0" : : "m"(table), "m"(gates));
    pic_init();
}

void irq_handle(unsigned irq, irq_handler_t *handler) {
    assert(irq < IRQ_COUNT);
    handlers[irq] = handler;
    uint16_t port = irq < PIC_LINES ? PIC_DATA : PIC2_DATA;
    outb(port, (uint8_t)(inb(port) & ~(1u << irq % PIC_LINES)));
}

/* A controller whose line went away in between reports its last line, without having it in service. */
static bool irq_is_spurious(unsigned irq, uint16_t command) {
    if (irq % PIC_LINES != PIC_LINES - 1)
        return false;
    outb(command, PIC_READ_IN_SERVICE);
    return (inb(command) & 1u << (PIC_LINES - 1)) == 0;
}

static void irq_dispatch(unsigned irq) {
    bool second = irq >= PIC_LINES;
    bool spurious = irq_is_spurious(irq, second ? PIC2_COMMAND : PIC_COMMAND);
    if (!spurious && handlers[irq] != NULL)
        handlers[irq]();
    if (second && !spurious)
        outb(PIC2_COMMAND, PIC_END);
    if (second || !spurious) /* the first controller did see the cascade line */
        outb(PIC_COMMAND, PIC_END);
}

void interrupts_use_task(unsigned vector, uint16_t selector) {
    gates[vector] = (gate_t){.selector = selector, .kind = GATE_TASK};
}

void interrupts_watch(interrupt_watcher_t *new_watcher) {
    gates[SYSTEM_CALL_VECTOR] = gate((uint32_t)system_call_stub);
    watcher = new_watcher;
}

void interrupt_dispatch(interrupt_frame_t *frame) {
    bool is_irq = frame->vector - IRQ_VECTOR < IRQ_COUNT;
    if (is_irq)
        irq_dispatch(frame->vector - IRQ_VECTOR);
    bool is_handled = watcher != NULL && watcher(frame);
    if (!is_irq && !is_handled)
        panic_exception(frame);
}
