/* exp, tanh and erf of float32 in plain arithmetic, which compilers turn into vector instructions:
   no branches, no tables, no calls. Their errors are a few units in the last place, which the tests
   check. The coefficients are our own fits of least largest relative error (Lawson's algorithm).
   For double, EXP, TANH and ERF call the C library.
*/
#include <math.h>
#include <stdint.h>
#include <string.h>

#define ROOT(x) _Generic((x), float: sqrtf, double: sqrt)(x)
#define EXP(x) _Generic((x), float: exp_float, double: exp)(x)
#define TANH(x) _Generic((x), float: tanh_float, double: tanh)(x)
#define ERF(x) _Generic((x), float: erf_float, double: erf)(x)

/* 2 to the power n, for n from -126 to 127: nothing but the exponent's bits. */
static inline float power_of_two(int32_t n)
{
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* Take exp(x) = 2^n (1 + q) apart: x = n ln 2 + r with |r| <= ln(2) / 2, and q = exp(r) - 1. */
static inline int32_t split_exp(float x, float *q)
{
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

static inline float exp_float(float x)
{
    float q;
    x = x < -104 ? -104 : x; /* 0 from here on down; a NaN stays */
    x = x > 89 ? 89 : x;     /* infinite */
    const int32_t n = split_exp(x, &q), half = n >> 1; /* 2^n itself may be out of range */
    return (1 + q) * power_of_two(half) * power_of_two(n - half);
}

/* tanh(x) = e / (e + 2) with e = exp(2 |x|) - 1, which has no cancellation at 0. */
static inline float tanh_float(float x)
{
    float q, double_x = 2 * fabsf(x);
    double_x = double_x > 20 ? 20 : double_x; /* 1 in float32 */
    const float power = power_of_two(split_exp(double_x, &q)), e = power * q + (power - 1);
    return copysignf(e / (e + 2), x);
}

/* A polynomial in x^2 up to 1, 1 - exp(another polynomial) from there on. */
static inline float erf_float(float x)
{
    const float s = x * x, a = fabsf(x) > 4 ? 4 : fabsf(x); /* from 4 on it is 1 in float32 */
    const float small = 0.128379166f + s * (-0.376126258f + s * (0.112835852f + s * (-0.0268538127f
        + s * (0.00518832885f + s * (-0.00080102026f + s * 7.8538882e-05f)))));
    const float log_rest = -0.00034152014f + a * (-1.1270892f + a * (-0.6381448f + a * (-0.10310677f
        + a * (0.021838071f + a * (-0.0029476601f + a * 0.00018637937f)))));
    return a < 1 ? x + x * small : copysignf(1 - exp_float(log_rest), x);
}
