/*
 * backtrace.c: see backtrace.h.
 *
 * The symbol table is made by symbols.py from a first link. For each function, by ascending address: how far it lies
 * behind the one before (the first: behind text_start), as a number of seven bits a byte, the lowest first, bit 7 set
 * in all but the last; then its name, ended by 0. It is read from the front: a panic has time.
 */
#include "cpu/backtrace.h"

#include <stddef.h>

#include "layout.h"
#include "memory/memory.h"

extern const uint8_t symbol_table_start[], symbol_table_end[], text_start[], text_end[], bss_end[]; /* kernel.ld */

static uint32_t read_number(const uint8_t **at) {
    uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint32_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
}

symbol_t symbol_at(uint32_t address) {
    symbol_t found = {"?", address};
    if (address < (uint32_t)text_start || address >= (uint32_t)text_end)
        return found;
    uint32_t function = (uint32_t)text_start;
    for (const uint8_t *at = symbol_table_start; at < symbol_table_end;) {
        function += read_number(&at);
        if (function > address)
            break;
        found = (symbol_t){(const char *)at, address - function};
        while (*at++ != '\0') {
        }
    }
    return found;
}

uint32_t symbol_address(const char *name) {
    uint32_t function = (uint32_t)text_start;
    for (const uint8_t *at = symbol_table_start; at < symbol_table_end;) {
        function += read_number(&at);
        if (strcmp((const char *)at, name) == 0)
            return function;
        at += strlen((const char *)at) + 1;
    }
    return 0;
}

bool backtrace_step(uint32_t *ebp, uint32_t *eip) {
    enum { FRAME_SIZE = 2 * sizeof(uint32_t) };
    if (*ebp % sizeof(uint32_t) != 0 || *ebp < (uint32_t)bss_end || *ebp > BF_STACK_TOP - FRAME_SIZE)
        return false;
    const uint32_t *frame = (const uint32_t *)*ebp;
    if (frame[0] != 0 && frame[0] <= *ebp)
        return false;
    *ebp = frame[0];
    *eip = frame[1];
    return true;
}
