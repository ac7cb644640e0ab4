/*
 * double_fault.c: see double_fault.h. A gate of the ordinary kind stays on the stack that has no room; a task gate
 * brings its own. That is all that tasks are used for: who handles the fault goes on as the first task again.
 */
#include "cpu/double_fault.h"
#include "cpu/interrupts.h"

#include <stddef.h>
#include <stdint.h>

enum { VECTOR = 8, STACK_SIZE = 4096, CODE_SELECTOR = 8, DATA_SELECTOR = 16 };
enum { MAIN_SELECTOR = 32, FAULT_SELECTOR = 40, TASK_PRESENT = 0x89, FLAGS = 1 << 1, FLAG_NESTED = 1 << 14 };

/* What the processor keeps of a task (32 bits). */
typedef struct {
    uint32_t link, stacks[6], cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, ports;
} task_t;

_Static_assert(sizeof(task_t) == 104, "the layout of the processor");

extern uint64_t gdt_tasks[2]; /* entry.asm: what MAIN_SELECTOR and FAULT_SELECTOR mean */

static task_t main_task, fault_task;
static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));

static uint64_t descriptor(const task_t *task) {
    uint32_t base = (uint32_t)task;
    return (sizeof *task - 1) | (uint64_t)(base & 0xFFFFFF) << 16 | (uint64_t)TASK_PRESENT << 40 |
           (uint64_t)(base >> 24) << 56;
}

/* Makes the first task the one that runs. */
static void select_main(void) {
    gdt_tasks[0] = descriptor(&main_task);
    gdt_tasks[1] = descriptor(&fault_task);
    __asm__ volatile("ltr %w0" : : "r"(MAIN_SELECTOR) : "memory");
}

static _Noreturn void handle(void) {
    __asm__ volatile("pushf; andl %0, (%%esp); popf" : : "i"(~FLAG_NESTED) : "cc", "memory");
    __asm__ volatile("clts"); /* the switch of tasks took the vector registers away */
    select_main();
    interrupt_frame_t frame = {
        .edi = main_task.edi,
        .esi = main_task.esi,
        .ebp = main_task.ebp,
        .esp_at_push = main_task.esp,
        .ebx = main_task.ebx,
        .edx = main_task.edx,
        .ecx = main_task.ecx,
        .eax = main_task.eax,
        .vector = VECTOR,
        .eip = main_task.eip,
        .cs = main_task.cs,
        .eflags = main_task.eflags,
    };
    interrupt_dispatch(&frame);
    __builtin_unreachable(); /* it panics where no watcher takes it */
}

void double_fault_init(void) {
    uint32_t cr3;
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    main_task.ports = fault_task.ports = sizeof(task_t); /* no map of them */
    fault_task.cr3 = cr3;
    fault_task.eip = (uint32_t)handle;
    fault_task.eflags = FLAGS;
    fault_task.esp = (uint32_t)(stack + STACK_SIZE);
    fault_task.cs = CODE_SELECTOR;
    fault_task.es = fault_task.ss = fault_task.ds = fault_task.fs = fault_task.gs = DATA_SELECTOR;
    select_main();
    interrupts_use_task(VECTOR, FAULT_SELECTOR);
}
