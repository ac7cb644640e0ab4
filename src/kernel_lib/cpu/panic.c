/*
 * panic.c: see panic.h.
 *
 * panic() and assert() raise PANIC_VECTOR, so that there is one path and it always has the registers. Numbers are
 * written by hand: the formatter may be what broke.
 */
#include "cpu/panic.h"
#include "cpu/backtrace.h"
#include "io/exit.h"
#include "io/serial.h"
#include "io/terminal.h"
#include "io/vga.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAX_FRAMES = 32, SHOWN_FRAMES = 14 /* what the screen holds below the registers */ };

/* Small beats fast here: nobody waits for a panic. */
#define NOT_INLINED __attribute__((noinline))

typedef void writer_t(const char *text);

static const char *const exception_names[IRQ_VECTOR] = {
    "divide-error",
    "debug",
    "nmi",
    "breakpoint",
    "overflow",
    "bound-range",
    "invalid-opcode",
    "device-not-available",
    "double-fault",
    "reserved",
    "invalid-tss",
    "segment-not-present",
    "stack-fault",
    "general-protection",
    "page-fault",
    "reserved",
    "x87-error",
    "alignment-check",
    "machine-check",
    "simd-error",
    "virtualization",
    "control-protection",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "hypervisor-injection",
    "vmm-communication",
    "security",
    "reserved",
};

/* Why PANIC_VECTOR was raised. */
static struct {
    const char *name;
    const char *message;
    const char *file; /* NULL without a place */
    unsigned line;
} cause;

static bool under_way;

static NOT_INLINED void write_digits(writer_t *write, uint32_t value, unsigned digits) {
    char text[] = "0x00000000";
    for (unsigned i = 0; i < digits; i++)
        text[1 + digits - i] = "0123456789abcdef"[value >> 4 * i & 0xF];
    text[2 + digits] = '\0';
    write(text);
}

static void write_hex(writer_t *write, uint32_t value) {
    write_digits(write, value, 8);
}

static NOT_INLINED void write_decimal(writer_t *write, uint32_t value) {
    char text[11];
    char *at = text + sizeof text - 1;
    *at = '\0';
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    write(at);
}

/* A return address names the instruction behind the call, which may belong to the next function: look one byte back. */
static NOT_INLINED void write_symbol(writer_t *write, uint32_t address, bool is_return) {
    symbol_t symbol = symbol_at(address - is_return);
    write(symbol.name);
    if (symbol.name[0] == '?')
        return;
    uint32_t offset = symbol.offset + is_return;
    unsigned digits = 1;
    while (offset >> 4 * digits != 0)
        digits++;
    write("+");
    write_digits(write, offset, digits);
}

static NOT_INLINED void field(writer_t *write, const char *label, uint32_t value) {
    write(label);
    write_hex(write, value);
}

static uint32_t read_cr2(void) {
    uint32_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static void show_registers(const interrupt_frame_t *frame, uint32_t eip, uint32_t ebp) {
    writer_t *write = terminal_writestring;
    field(write, "\n\n  eax ", frame->eax);
    field(write, "  ebx ", frame->ebx);
    field(write, "  ecx ", frame->ecx);
    field(write, "  edx ", frame->edx);
    field(write, "\n  esi ", frame->esi);
    field(write, "  edi ", frame->edi);
    field(write, "  ebp ", ebp);
    field(write, "  esp ", (uint32_t)(frame + 1));
    field(write, "\n  eip ", eip);
    field(write, "  eflags ", frame->eflags);
    field(write, "  error ", frame->error);
    field(write, "  cr2 ", read_cr2());
    write("\n");
}

static void show_reason(const interrupt_frame_t *frame, const char *name) {
    terminal_setcolor(vga_entry_color(VGA_WHITE, VGA_RED));
    terminal_clear();
    terminal_writestring("\nPANIC: ");
    if (frame->vector != PANIC_VECTOR) {
        terminal_writestring(name);
        terminal_writestring(", exception ");
        write_decimal(terminal_writestring, frame->vector);
        return;
    }
    terminal_writestring(cause.message);
    if (cause.file == NULL)
        return;
    terminal_writestring(" at ");
    terminal_writestring(cause.file);
    terminal_writestring(":");
    write_decimal(terminal_writestring, cause.line);
}

static void record_reason(const interrupt_frame_t *frame, const char *name, uint32_t eip, bool is_return) {
    serial_fresh_line();
    serial_writestring("@bf panic vector=");
    write_decimal(serial_writestring, frame->vector);
    serial_writestring(" name=");
    serial_writestring(name);
    field(serial_writestring, " eip=", eip);
    field(serial_writestring, " error=", frame->error);
    field(serial_writestring, " cr2=", read_cr2());
    serial_writestring(" symbol=");
    write_symbol(serial_writestring, eip, is_return);
    serial_writestring("\n");
}

static void show_frame(uint32_t eip, bool is_return) {
    field(terminal_writestring, "\n  ", eip);
    terminal_writestring("  ");
    write_symbol(terminal_writestring, eip, is_return);
}

static void show_callers(uint32_t ebp, uint32_t eip) {
    for (unsigned i = 0; i < SHOWN_FRAMES && backtrace_step(&ebp, &eip); i++)
        show_frame(eip, true);
    terminal_writestring("\n");
}

static void record_callers(uint32_t ebp, uint32_t eip) {
    for (unsigned i = 0; i < MAX_FRAMES && backtrace_step(&ebp, &eip); i++) {
        field(serial_writestring, "@bf frame eip=", eip);
        serial_writestring(" symbol=");
        write_symbol(serial_writestring, eip, true);
        serial_writestring("\n");
    }
}

void panic_exception(const interrupt_frame_t *frame) {
    if (under_way) {
        serial_writestring("\npanic while panicking\n");
        machine_exit(EXIT_PANIC);
    }
    under_way = true;

    uint32_t eip = frame->eip, ebp = frame->ebp;
    bool is_raised = frame->vector == PANIC_VECTOR;
    if (is_raised)
        backtrace_step(&ebp, &eip); /* whoever called panic() is meant, not panic() */
    const char *name = is_raised ? cause.name : exception_names[frame->vector];

    show_reason(frame, name);
    show_registers(frame, eip, ebp);
    show_frame(eip, is_raised);
    show_callers(ebp, eip);
    record_reason(frame, name, eip, is_raised);
    record_callers(ebp, eip);
    machine_exit(EXIT_PANIC);
}

_Noreturn static void raise(void) {
    __asm__ volatile("int %0" : : "i"(PANIC_VECTOR) : "memory");
    __builtin_unreachable();
}

void panic(const char *message) {
    cause.name = "panic";
    cause.message = message;
    raise();
}

void assertion_failed(const char *expression, const char *file, unsigned line) {
    cause.name = "assertion";
    cause.message = expression;
    cause.file = file;
    cause.line = line;
    raise();
}
