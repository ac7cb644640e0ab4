/* kinds.h: one marked function for each thing that a C function may do, and what the tests see of their variables. */
#ifndef KINDS_H
#define KINDS_H

#include <stdbool.h>
#include <stdint.h>

/* Variables of the file: a counter, an array, one of a block, one of another file, all sorts at once. */
uint32_t count_calls(uint32_t n);
uint32_t note(uint32_t n);
uint32_t note_sum(void);          /* not marked: what the build made reads what note() wrote */
uint32_t take_ticket(uint32_t n); /* 0 and 1 begin anew */
uint32_t add_elsewhere(uint32_t n);
uint32_t set_up_once(uint32_t n);

/* Tables: of functions, of strings, of jumps, of labels. */
uint32_t apply(uint32_t operation, uint32_t a, uint32_t b);
const char *name_of(uint32_t n);
bool is_name(const char *name); /* not marked: whether the very address is one that name_of() gives */
const char *literal_of(uint32_t n);
uint32_t classify(uint8_t letter);
uint32_t run_program(const uint8_t *program, uint32_t n);

/* Arguments and results. */
typedef struct {
    int16_t x, y;
} point_t;
typedef struct {
    uint32_t words[9];
} block_t;

point_t add_points(point_t a, point_t b);
block_t turn_block(block_t block, uint32_t by);
uint64_t mix_wide(uint64_t a, uint64_t b);
int8_t narrow(int8_t a, uint16_t b, bool c, int16_t d, uint8_t e, char f, int32_t g);
uint32_t sum_of(uint32_t count, ...);

/* Calls: with any arguments, back, of each other, through what was stored, of what others may replace. */
uint32_t write_number(char *buffer, uint32_t n);
uint32_t for_each(const uint32_t *values, uint32_t count, uint32_t (*visit)(uint32_t));
uint32_t sort_values(uint32_t *values, uint32_t count);
uint32_t is_even(uint32_t n);
uint32_t is_odd(uint32_t n);
uint32_t call_marked(uint32_t n);
uint32_t choose_handler(uint32_t n);
bool handler_is_known(void); /* not marked */
uint32_t call_hooks(uint32_t n);

/* And code: assembly, much of it, loops that must stay, memory on the stack. */
uint32_t rotate(uint32_t n);
uint32_t large(uint32_t n);
uint32_t wait_in_loop(uint32_t n);
uint32_t reverse(uint32_t n);

/* kinds_other.c */
extern uint32_t elsewhere;
uint32_t scale(uint32_t n);
void sort_by(uint32_t *values, uint32_t count, int32_t (*compare)(uint32_t, uint32_t));

/* Puts all variables back to their start. */
void kinds_reset(void);
void kinds_other_reset(void);

#endif
