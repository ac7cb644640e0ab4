/* bitcode_only.h: functions that the kernel has no code of. */
#ifndef BITCODE_ONLY_H
#define BITCODE_ONLY_H

#include <stdint.h>

uint32_t collatz(uint32_t n);
uint32_t ackermann(uint32_t m, uint32_t n);
uint64_t mix_wide(uint64_t a, uint32_t b);
uint32_t count(uint8_t by);
uint32_t counted_so_far(void); /* of this one the build made code */
uint32_t ask_back(uint32_t n); /* calls answer() */
uint32_t area(uint32_t n);     /* in floating point, which cannot be interpreted */

/* The app's. */
uint32_t answer(uint32_t n);

#endif
