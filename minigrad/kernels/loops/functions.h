/* exp, log and relatives of float32 in plain arithmetic: without branches, tables and calls,
   compilers turn them into vector instructions. Their errors are a few units in the last place; the
   tests check that. The coefficients are our own minimax fits of the relative error (Lawson's
   algorithm). For double, EXP and so on call the C library. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXP(x) _Generic((x), float: exp_float, double: exp)(x)
#define EXPM1(x) _Generic((x), float: expm1_float, double: expm1)(x)
#define LOG1P(x) _Generic((x), float: log1p_float, double: log1p)(x)
#define TANH(x) _Generic((x), float: tanh_float, double: tanh)(x)
#define LOGISTIC(x) _Generic((x), float: logistic_float, double: logistic_double)(x)
#define NORMAL(x) _Generic((x), float: normal_float, double: normal_double)(x)
#define BELL(x) _Generic((x), float: bell_float, double: bell_double)(x)

/* 2 to the power n for n from -126 to 127, by setting the exponent's bits; -127: 0; 128: inf. */
static inline float power_of_two(int32_t n) {
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* Take exp(x) = 2^n (1 + q) apart: x = n ln 2 + r with |r| <= ln(2) / 2, and q = exp(r) - 1. */
static inline int32_t split_exp(float x, float *q) {
    const float shift = 12582912; /* 1.5 * 2^23: floats of this size are whole numbers */
    const float shifted = x * 1.44269504f + shift, n = shifted - shift;
    const float r = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
    const float p = 0.49999998f + r * (0.16666543f + r * (0.0416672f
                                       + r * (0.00836655f + r * 0.00138825f)));
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    *q = r + r * r * p;
    return bits - 0x4B400000; /* the bits of the shift */
}

static inline float exp_float(float x) {
    float q;
    x = x < -104 ? -104 : x; /* 0 from here on down; a NaN stays */
    x = x > 89 ? 89 : x;     /* infinite */
    const int32_t n = split_exp(x, &q), half = n >> 1; /* 2^n itself may be out of range */
    return (1 + q) * power_of_two(half) * power_of_two(n - half);
}

/* exp with 0 where it is denormal, and infinite from 2^127.5 on: two thirds of the work. */
static inline float quick_exp(float x) {
    float q;
    x = x < -88 ? -88 : x;
    x = x > 89 ? 89 : x;
    const float power = power_of_two(split_exp(x, &q));
    return (1 + q) * power;
}

/* exp(x) - 1 without cancellation at 0, for x up to 80; below -20 it is -1 in float32. */
static inline float expm1_float(float x) {
    float q;
    const float power = power_of_two(split_exp(x < -20 ? -20 : x, &q));
    return power * q + (power - 1);
}

/* log(1 + x) for x from 0 to 1 */
static inline float log1p_float(float x) {
    const float p = -0.4999965f + x * (0.33321324f + x * (-0.24857163f + x * (0.19153655f
        + x * (-0.13753802f + x * (0.07920452f + x * (-0.030065786f + x * 0.005364823f))))));
    return x + x * x * p;
}

/* tanh(x) = e / (e + 2) with e = exp(2 |x|) - 1; from |x| = 10 on it is 1 in float32. */
static inline float tanh_float(float x) {
    const float e = expm1_float(fabsf(x) > 10 ? 20 : 2 * fabsf(x));
    return copysignf(e / (e + 2), x);
}

/* 1 / (1 + exp(-x)); far left, where exp is infinite, that is 0. */
static inline float logistic_float(float x) { return 1 / (1 + quick_exp(-x)); }
static inline double logistic_double(double x) {
    const double e = exp(-fabs(x)); /* it cannot overflow: small results keep their precision */
    return (x < 0 ? e : 1) / (1 + e);
}

/* The density of the normal distribution, exp(-x^2 / 2) / sqrt(2 pi). */
static inline float bell_float(float x) { return 0.39894228f * quick_exp(x * x * -0.5f); }
static inline double bell_double(double x) { return 0.39894228040143268 * exp(x * x * -0.5); }

/* The normal distribution: left of 0 the density times a quotient of polynomials in |x|. */
static inline float normal_float(float x) {
    const float a = fabsf(x) > 20 ? 20 : fabsf(x); /* the density is 0 there */
    const float p = 1.253314f + a * (0.8815195f + a * (0.2843215f + a * 0.0389716f));
    const float q = 1 + a * (1.501230f + a * (0.9247169f + a * (0.2840498f + a * 0.0389788f)));
    const float tail = bell_float(x) * (p / q);
    return x < 0 ? tail : 1 - tail;
}
static inline double normal_double(double x) { return erfc(x * -0.70710678118654752) / 2; }

/* The largest element of a row and the sum of a row. They are C because Cython has no `omp simd`,
   without which a compiler must not reorder a sum into the lanes of a vector. */
#define LARGEST_OF(FLOAT)                                                                          \
    static inline FLOAT largest_of_##FLOAT(const FLOAT *x, ptrdiff_t size)                         \
    {                                                                                              \
        FLOAT largest = -INFINITY;                                                                 \
        _Pragma("omp simd reduction(max : largest)") for (ptrdiff_t i = 0; i < size; i++)          \
            largest = x[i] > largest ? x[i] : largest;                                             \
        return largest;                                                                            \
    }
#define SUM_OF(FLOAT)                                                                              \
    static inline double sum_of_##FLOAT(const FLOAT *x, ptrdiff_t size)                            \
    {                                                                                              \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (ptrdiff_t i = 0; i < size; i++)                \
            sum += x[i];                                                                           \
        return sum;                                                                                \
    }
LARGEST_OF(float) LARGEST_OF(double)
SUM_OF(float) SUM_OF(double)
