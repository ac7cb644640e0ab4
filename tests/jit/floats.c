/* floats.c: see floats.h. */
#include "floats.h"
#include "jit/function.h"

/* Newton's way to a square root; there is no library of mathematics. */
static double root(double x) {
    double guess = x > 1 ? x : 1;
    for (unsigned i = 0; i < 12; i++)
        guess = (guess + x / guess) * 0.5;
    return guess;
}

static double energy(const body_t *bodies, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < 3; k++)
            sum += bodies[i].mass * bodies[i].speed[k] * bodies[i].speed[k] / 2;
    return sum;
}

JIT_OPTIMIZABLE(move, 4)
double move(body_t *bodies, uint32_t count, double step) {
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count; j++) {
            double distance[3], square = 0.01;
            for (uint32_t k = 0; k < 3; k++) {
                distance[k] = bodies[i].place[k] - bodies[j].place[k];
                square += distance[k] * distance[k];
            }
            double force = step / (square * root(square));
            for (uint32_t k = 0; k < 3; k++) {
                bodies[i].speed[k] -= distance[k] * bodies[j].mass * force;
                bodies[j].speed[k] += distance[k] * bodies[i].mass * force;
            }
        }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < 3; k++)
            bodies[i].place[k] += step * bodies[i].speed[k];
    return energy(bodies, count);
}

JIT_OPTIMIZABLE(dot, 3)
float dot(const float *left, const float *right, uint32_t count) {
    float sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += left[i] * right[i];
    return sum;
}

JIT_OPTIMIZABLE(horner, 4)
double horner(const double *coefficients, uint32_t degree, double x) {
    double value = 0;
    for (uint32_t i = 0; i <= degree; i++)
        value = value * x + coefficients[i];
    return value;
}

JIT_OPTIMIZABLE(mean, 2)
double mean(const int32_t *values, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return count == 0 ? 0 : sum / count;
}

JIT_OPTIMIZABLE(round_all, 2)
uint32_t round_all(const float *values, uint32_t count) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum = sum * 31 + (uint32_t)(int32_t)(values[i] * 100.0F + 0.5F);
    return sum;
}

JIT_OPTIMIZABLE(twice, 3)
double twice(double (*function)(double), double x) {
    return function(function(x) + 1.0);
}

JIT_OPTIMIZABLE(continued, 3)
double continued(double x, uint32_t depth) {
    return depth == 0 ? x : x + 1.0 / continued(x * 0.5 + 1.0, depth - 1);
}

JIT_OPTIMIZABLE(mix, 7)
float mix(float a, double b, int64_t c, uint64_t d) {
    return a * (float)b + (float)c - (float)d + (float)((double)c * b);
}

JIT_OPTIMIZABLE(cross, 3)
vector_t cross(vector_t a, vector_t b) {
    return (vector_t){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

JIT_OPTIMIZABLE(count_less, 4)
uint32_t count_less(const double *values, uint32_t count, double limit) {
    uint32_t less = 0, other = 0;
    for (uint32_t i = 0; i < count; i++) {
        less += values[i] < limit;
        other += !(values[i] >= limit) + (values[i] == 0.0) * 3U;
    }
    return less * 1000 + other;
}

static double total;

JIT_OPTIMIZABLE(add_to_total, 2)
double add_to_total(double x) {
    total += x / 3;
    return total;
}

static double (*chosen)(double) = halve;

JIT_OPTIMIZABLE(call_other, 2)
double call_other(double x) {
    chosen = chosen == halve ? root : halve;
    return halve(x) + (double)third((float)x) * chosen(x);
}

void floats_reset(void) {
    total = 0, chosen = halve;
}
