/* floats.h: marked functions that compute in floating point. */
#ifndef FLOATS_H
#define FLOATS_H

#include <stdint.h>

typedef struct {
    double place[3], speed[3], mass;
} body_t;
typedef struct {
    double x, y, z;
} vector_t;

/* Returns the energy of bodies that attract each other, after one step. */
double move(body_t *bodies, uint32_t count, double step);
float dot(const float *left, const float *right, uint32_t count);
double horner(const double *coefficients, uint32_t degree, double x);
double mean(const int32_t *values, uint32_t count);
uint32_t round_all(const float *values, uint32_t count);
double twice(double (*function)(double), double x);
double continued(double x, uint32_t depth);
float mix(float a, double b, int64_t c, uint64_t d);
vector_t cross(vector_t a, vector_t b);
uint32_t count_less(const double *values, uint32_t count, double limit);
double add_to_total(double x);
double call_other(double x);

/* The app's. */
double halve(double x);
float third(float x);

void floats_reset(void);

#endif
