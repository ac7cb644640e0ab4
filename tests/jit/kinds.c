/* kinds.c: see kinds.h. */
#include "kinds.h"
#include "jit/function.h"
#include "runtime.h"

#include <stdarg.h>

static uint32_t calls;

JIT_OPTIMIZABLE(count_calls, 1)
uint32_t count_calls(uint32_t n) {
    calls += n;
    return ++calls;
}

static uint32_t notes[16];
static uint8_t used;

JIT_OPTIMIZABLE(note, 1)
uint32_t note(uint32_t n) {
    notes[used] = n * n;
    used = (uint8_t)((used + 1) % 16);
    return notes[(used + 5) % 16];
}

uint32_t note_sum(void) {
    uint32_t sum = used;
    for (uint32_t i = 0; i < 16; i++)
        sum = sum * 31 + notes[i];
    return sum;
}

JIT_OPTIMIZABLE(take_ticket, 1)
uint32_t take_ticket(uint32_t n) {
    if (n % 2 == 0) {
        static uint32_t ticket = 1000;
        ticket = n == 0 ? 1000 : ticket;
        return ticket += 3;
    }
    static uint32_t ticket;
    ticket = n == 1 ? 0 : ticket;
    return ++ticket;
}

JIT_OPTIMIZABLE(add_elsewhere, 1)
uint32_t add_elsewhere(uint32_t n) {
    elsewhere += n;
    return elsewhere;
}

static bool is_set_up;
static struct {
    uint32_t low, high;
    const char *name;
} größe;

JIT_OPTIMIZABLE(set_up_once, 1)
uint32_t set_up_once(uint32_t n) {
    if (!is_set_up) {
        is_set_up = true;
        größe.low = n;
        größe.name = "set up";
    }
    größe.high = größe.low * 2 + n;
    return größe.high + (uint8_t)größe.name[n % 6];
}

static uint32_t plus(uint32_t a, uint32_t b) {
    return a + b;
}

static uint32_t minus(uint32_t a, uint32_t b) {
    return a - b;
}

static uint32_t times(uint32_t a, uint32_t b) {
    return a * b;
}

static uint32_t (*const operations[])(uint32_t, uint32_t) = {plus, minus, times};

JIT_OPTIMIZABLE(apply, 3)
uint32_t apply(uint32_t operation, uint32_t a, uint32_t b) {
    return operations[operation % 3](a, b) + operations[2](a, 3);
}

static const char *const names[] = {"zero", "one", "two", "three"};

JIT_OPTIMIZABLE(name_of, 1)
const char *name_of(uint32_t n) {
    return n < 4 ? names[n] : names[1];
}

bool is_name(const char *name) {
    for (uint32_t i = 0; i < 4; i++)
        if (names[i] == name)
            return true;
    return false;
}

JIT_OPTIMIZABLE(literal_of, 1)
const char *literal_of(uint32_t n) {
    return n % 3 == 0 ? "a text that lasts" : n % 3 == 1 ? "another text" : names[n % 4];
}

JIT_OPTIMIZABLE(classify, 1)
uint32_t classify(uint8_t letter) {
    switch (letter % 12) {
    case 0:
        return calls;
    case 1:
        return letter * 3U;
    case 2:
        return note_sum();
    case 3:
        return letter ^ 0x55U;
    case 4:
    case 5:
        return elsewhere;
    case 6:
        return letter / 7U;
    case 9:
        return 900;
    default:
        return 1;
    }
}

JIT_OPTIMIZABLE(run_program, 2)
uint32_t run_program(const uint8_t *program, uint32_t n) {
    static const void *const labels[] = {&&add, &&double_it, &&swap, &&end};
    static void *others[] = {&&low, &&high};
    uint32_t a = n, b = 1;
    goto *labels[*program++ % 4];
add:
    a += b;
    goto *labels[*program++ % 4];
double_it:
    b *= 2;
    goto *labels[*program++ % 4];
swap:
    a ^= b, b ^= a, a ^= b;
    goto *labels[*program++ % 4];
end:
    goto *others[a % 2];
low:
    return a;
high:
    return b;
}

JIT_OPTIMIZABLE(add_points, 2)
point_t add_points(point_t a, point_t b) {
    return (point_t){(int16_t)(a.x + b.x), (int16_t)(a.y - b.y)};
}

JIT_OPTIMIZABLE(turn_block, 3)
block_t turn_block(block_t block, uint32_t by) {
    block_t turned;
    for (uint32_t i = 0; i < 9; i++)
        turned.words[i] = block.words[(i + by) % 9] * 3;
    return turned;
}

JIT_OPTIMIZABLE(mix_wide, 4)
uint64_t mix_wide(uint64_t a, uint64_t b) {
    return (a * b + a / (b | 1) - (a >> b % 64)) ^ (uint64_t)((int64_t)b % (int64_t)(a | 3));
}

JIT_OPTIMIZABLE(narrow, 7)
int8_t narrow(int8_t a, uint16_t b, bool c, int16_t d, uint8_t e, char f, int32_t g) {
    return (int8_t)(a + b * 3 - (c ? d : e) + f * g);
}

JIT_OPTIMIZABLE(sum_of, 1)
uint32_t sum_of(uint32_t count, ...) {
    va_list list;
    uint32_t sum = 0;
    va_start(list, count);
    for (uint32_t i = 0; i < count; i++)
        sum = sum * 7 + va_arg(list, uint32_t);
    va_end(list);
    return sum;
}

JIT_OPTIMIZABLE(write_number, 2)
uint32_t write_number(char *buffer, uint32_t n) {
    int length = snprintf(buffer, 64, "%u is %s of %llu", n, n % 2 == 0 ? "half" : "more", (uint64_t)n << 33);
    return (uint32_t)length;
}

JIT_OPTIMIZABLE(for_each, 3)
uint32_t for_each(const uint32_t *values, uint32_t count, uint32_t (*visit)(uint32_t)) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += visit(values[i]) * (i + 1);
    return sum;
}

static int32_t compare(uint32_t a, uint32_t b) {
    return (a > b) - (a < b);
}

JIT_OPTIMIZABLE(sort_values, 2)
uint32_t sort_values(uint32_t *values, uint32_t count) {
    sort_by(values, count, compare);
    return values[0] + values[count / 2] * 3;
}

JIT_OPTIMIZABLE(is_odd, 1)
JIT_OPTIMIZABLE(is_even, 1)
uint32_t is_even(uint32_t n) {
    calls++;
    return n == 0 ? 1 : is_odd(n - 1);
}

uint32_t is_odd(uint32_t n) {
    return n == 0 ? 0 : is_even(n - 1);
}

JIT_OPTIMIZABLE(call_marked, 1)
uint32_t call_marked(uint32_t n) {
    return count_calls(n) + scale(n) + is_even(n % 9);
}

static uint32_t (*handler)(uint32_t, uint32_t) = plus;

JIT_OPTIMIZABLE(choose_handler, 1)
uint32_t choose_handler(uint32_t n) {
    uint32_t result = handler(n, 2);
    handler = handler == minus ? times : minus;
    return result;
}

bool handler_is_known(void) {
    return handler == plus || handler == minus || handler == times;
}

/* kinds_other.c has another one of the first, and nobody the second. */
__attribute__((weak)) uint32_t hook(uint32_t n);
uint32_t hook(uint32_t n) {
    return n;
}
__attribute__((weak)) uint32_t missing_hook(uint32_t n);

JIT_OPTIMIZABLE(call_hooks, 1)
uint32_t call_hooks(uint32_t n) {
    return hook(n) + (missing_hook != NULL ? missing_hook(n) : 7);
}

JIT_OPTIMIZABLE(rotate, 1)
uint32_t rotate(uint32_t n) {
    uint32_t turns = n % 5 + 1, value = n;
    __asm__("1: rol $3, %0\n dec %1\n jnz 1b" : "+r"(value), "+r"(turns) : : "cc");
    __asm__ volatile("jmp .Lbehind%=\n .Lbehind%=:" : "+r"(value));
    return value;
}

#define STEP(k) a = (a ^ b) * ((k) | 1) + c, b += a >> ((k) % 13 + 1), c = c * 5 + (a & b ? notes[(k) % 16] : (k));
#define STEPS8(k) STEP(k) STEP(k + 1) STEP(k + 2) STEP(k + 3) STEP(k + 4) STEP(k + 5) STEP(k + 6) STEP(k + 7)
#define STEPS64(k) STEPS8(k) STEPS8(k + 8) STEPS8(k + 16) STEPS8(k + 24) STEPS8(k + 32) STEPS8(k + 40) STEPS8(k + 48)

JIT_OPTIMIZABLE(large, 1)
uint32_t large(uint32_t n) {
    uint32_t a = n, b = 1, c = 2;
    STEPS64(0)
    STEPS64(64) STEPS64(128) STEPS64(192) STEPS64(256) STEPS64(320) STEPS64(384) STEPS64(448) return a + b + c;
}

static volatile uint32_t ticks;

JIT_OPTIMIZABLE(wait_in_loop, 1)
uint32_t wait_in_loop(uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        ticks = ticks + 1;
    return __atomic_add_fetch(&calls, ticks, __ATOMIC_SEQ_CST);
}

JIT_OPTIMIZABLE(reverse, 1)
uint32_t reverse(uint32_t n) {
    uint8_t bytes[n % 32 + 1], copy[40] = {1, 2, 3};
    for (uint32_t i = 0; i <= n % 32; i++)
        bytes[n % 32 - i] = (uint8_t)(n + i);
    memcpy(copy, bytes, n % 32);
    return copy[n % 3] + bytes[n % 32] * 256U;
}

void kinds_reset(void) {
    calls = 0, used = 0, is_set_up = false, handler = plus, ticks = 0;
    memset(notes, 0, sizeof notes);
    kinds_other_reset();
}
