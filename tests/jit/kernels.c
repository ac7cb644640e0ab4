/*
 * kernels.c: functions that the compiler module is tried with: loops that can be vectorised, recursion, 64-bit
 * arithmetic, branches, tables, floating point inside, calls of other functions.
 */
#include <stddef.h>
#include <stdint.h>

uint32_t leaf_of_another_file(uint32_t x);

uint32_t fibonacci(uint32_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint32_t ackermann(uint32_t m, uint32_t n) {
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

int32_t dot(const int32_t *left, const int32_t *right, uint32_t count) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += left[i] * right[i];
    return sum;
}

void matmul(const int32_t *left, const int32_t *right, int32_t *product, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            int32_t sum = 0;
            for (uint32_t k = 0; k < n; k++)
                sum += left[i * n + k] * right[k * n + j];
            product[i * n + j] = sum;
        }
}

uint32_t crc32(const uint8_t *data, uint32_t size) {
    uint32_t crc = ~0u;
    for (uint32_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320u & -(crc & 1));
    }
    return ~crc;
}

uint32_t sieve(uint8_t *composite, uint32_t limit) {
    uint32_t primes = 0;
    for (uint32_t i = 2; i < limit; i++)
        composite[i] = 0;
    for (uint32_t i = 2; i < limit; i++) {
        if (composite[i])
            continue;
        primes++;
        for (uint32_t j = 2 * i; j < limit; j += i)
            composite[j] = 1;
    }
    return primes;
}

void insertion_sort(int32_t *values, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        int32_t value = values[i];
        uint32_t j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

uint32_t count_bytes(const uint8_t *data, uint32_t size, uint8_t wanted) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; i++)
        count += data[i] == wanted;
    return count;
}

const char *find_string(const char *text, const char *part) {
    for (; *text != '\0'; text++) {
        const char *a = text, *b = part;
        while (*b != '\0' && *a == *b)
            a++, b++;
        if (*b == '\0')
            return text;
    }
    return NULL;
}

uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t modulus) {
    uint64_t result = 1 % modulus;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

uint32_t collatz(uint32_t n) {
    uint32_t steps = 0;
    for (; n != 1; steps++)
        n = n % 2 ? 3 * n + 1 : n / 2;
    return steps;
}

uint32_t gcd(uint32_t a, uint32_t b) {
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint32_t popcount_all(const uint32_t *words, uint32_t count) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++)
        bits += (uint32_t)__builtin_popcount(words[i]);
    return bits;
}

void xor_stream(uint8_t *data, uint32_t size, uint32_t state) {
    for (uint32_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        data[i] ^= (uint8_t)state;
    }
}

/* A token's kind by its first letter: a switch that becomes a table. */
uint32_t classify(uint8_t letter) {
    switch (letter) {
    case '0' ... '9':
        return 1;
    case 'a' ... 'z':
    case 'A' ... 'Z':
    case '_':
        return 2;
    case ' ':
    case '\t':
        return 3;
    case '+':
        return 4;
    case '-':
        return 5;
    case '*':
        return 6;
    case '/':
        return 7;
    default:
        return 0;
    }
}

static const uint32_t ROUND_KEYS[] = {0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5,
                                      0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5};

uint32_t mix(const uint32_t *words, uint32_t count) {
    uint32_t state = 0x6A09E667;
    for (uint32_t i = 0; i < count; i++)
        state = (state >> 6 | state << 26) + (words[i] ^ ROUND_KEYS[i % 8]);
    return state;
}

/* Floating point inside: what the build, for which it is forbidden, leaves to a library. */
void scale_floats(float *values, uint32_t count, uint32_t percent) {
    for (uint32_t i = 0; i < count; i++)
        values[i] = values[i] * (float)percent / 100.0F;
}

int32_t energy(const double *x, const double *y, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += x[i] * x[i] + y[i] * y[i];
    return (int32_t)(sum * 1000.0);
}

uint32_t call_another(uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += leaf_of_another_file(i);
    return sum;
}

void copy_words(uint32_t *to, const uint32_t *from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        to[i] = from[i];
}

uint64_t sum_products(const uint32_t *a, const uint32_t *b, uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (uint64_t)a[i] * b[i];
    return sum;
}

int32_t horner(const int32_t *coefficients, uint32_t degree, int32_t x) {
    int32_t value = 0;
    for (uint32_t i = 0; i <= degree; i++)
        value = value * x + coefficients[i];
    return value;
}

double doubled(double x) {
    return 2 * x;
}

/* An argument of several words, which is handed over on the stack. */
typedef struct {
    uint32_t part[3];
} several_t;

uint32_t by_value(several_t several, uint32_t n) {
    return several.part[n % 3];
}
