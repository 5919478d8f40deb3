/* exp, log and relatives of float32 in plain arithmetic, which compilers turn into vector
   instructions: no branches, no tables, no calls. Their errors are a few units in the last place,
   which the tests check. The coefficients are our own fits of least largest relative error (Lawson's
   algorithm). For double, EXP and so on call the C library.
*/
#include <math.h>
#include <stdint.h>
#include <string.h>

#define ROOT(x) _Generic((x), float: sqrtf, double: sqrt)(x)
#define EXP(x) _Generic((x), float: exp_float, double: exp)(x)
#define EXPM1(x) _Generic((x), float: expm1_float, double: expm1)(x)
#define LOG1P(x) _Generic((x), float: log1p_float, double: log1p)(x)
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

/* exp(x) - 1 without cancellation at 0, for x up to 80; below -20 it is -1 in float32. */
static inline float expm1_float(float x)
{
    float q;
    const float power = power_of_two(split_exp(x < -20 ? -20 : x, &q));
    return power * q + (power - 1);
}

/* log(1 + x) for x from 0 to 1 */
static inline float log1p_float(float x)
{
    const float p = -0.4999965f + x * (0.33321324f + x * (-0.24857163f + x * (0.19153655f
        + x * (-0.13753802f + x * (0.07920452f + x * (-0.030065786f + x * 0.005364823f))))));
    return x + x * x * p;
}

/* tanh(x) = e / (e + 2) with e = exp(2 |x|) - 1; from |x| = 10 on it is 1 in float32. */
static inline float tanh_float(float x)
{
    const float e = expm1_float(fabsf(x) > 10 ? 20 : 2 * fabsf(x));
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
