/* workloads.h: what the demo measures. Each is called out of line, as a program's own functions would be. */
#ifndef BF_DEMO_WORKLOADS_H
#define BF_DEMO_WORKLOADS_H

#include <stdint.h>

/* The n-th Fibonacci number by the recursive definition, which is slow on purpose. */
uint32_t fibonacci(uint32_t n);

/* 1 + 2 + ... + n by adding. */
uint32_t sum_to_n(uint32_t n);

/* Primes up to n by trial division. */
uint32_t count_primes(uint32_t n);

/* Nothing; the empty assembly keeps the call. */
void do_nothing(void);

/* n + 1, inlined; the empty assembly keeps the compiler from adding all at once. */
static inline uint32_t increment(uint32_t n) {
    n++;
    __asm__ volatile("" : "+r"(n));
    return n;
}

#endif
