/* workloads.c: see workloads.h. */
#include "workloads.h"

#include <stdbool.h>

uint32_t fibonacci(uint32_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint32_t sum_to_n(uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 1; i <= n; i++) {
        sum += i;
        __asm__ volatile("" : "+r"(sum)); /* else the compiler knows Gauss's formula */
    }
    return sum;
}

static bool is_prime(uint32_t n) {
    if (n < 2)
        return false;
    for (uint32_t divisor = 2; divisor * divisor <= n; divisor++)
        if (n % divisor == 0)
            return false;
    return true;
}

uint32_t count_primes(uint32_t n) {
    uint32_t count = 0;
    for (uint32_t candidate = 2; candidate <= n; candidate++)
        count += is_prime(candidate);
    return count;
}

void do_nothing(void) {
    __asm__ volatile("");
}
