/* Activations and arithmetic, element by element, for one FLOAT type. The build compiles this file
   for float and for double, once for each instruction set.

   These are the only loops over elements that are in C: Cython writes the 1 of a formula as a
   double, so that a float32 loop would compute in float64, at half the speed. */
#include <stddef.h>
#include <string.h>

#include "activations.h"
#include "functions.h"

/* VALUE: a function of x, or of x and y. GRADIENT, next to it: <name>_backward, a function of the
   upstream gradient gy and of what the op has saved, its input x or its result y. Where gy is 0 it
   is 0, even if the slope is infinite or NaN. (sqrt itself is NumPy's.) A new activation also needs
   its twins in FUNCTIONS of reference.py, and a function in ops/nn.py. */
#define TABLE(VALUE, GRADIENT)                                                                     \
    VALUE(add, x + y)                                                                              \
    VALUE(sub, x - y)                                                                              \
    VALUE(mul, x * y)                                                                              \
    VALUE(div, x / y)                                                                              \
    GRADIENT(mul, gy * x)                                                                          \
    GRADIENT(div, gy / x)                                                                          \
    VALUE(add_scalar, x + alpha)                                                                   \
    VALUE(sub_scalar, x - alpha)                                                                   \
    VALUE(mul_scalar, x * alpha)                                                                   \
    VALUE(div_scalar, x / alpha)                                                                   \
    VALUE(exp, EXP(x))                                                                             \
    GRADIENT(sqrt, gy / (2 * y))                                                                   \
    VALUE(relu, x <= 0 ? 0 : x)                                                                    \
    GRADIENT(relu, y > 0 ? gy : 0)                                                                 \
    VALUE(leaky_relu, x >= 0 ? x : alpha * x)                                                      \
    GRADIENT(leaky_relu, x >= 0 ? gy : alpha * gy)                                                 \
    VALUE(elu, x < 0 ? alpha * EXPM1(x < 0 ? x : 0) : x)                                           \
    GRADIENT(elu, gy * (x > 0 ? 1 : alpha * EXP(x > 0 ? 0 : x)))                                   \
    VALUE(tanh, TANH(x))                                                                           \
    GRADIENT(tanh, gy * (1 - y * y))                                                               \
    VALUE(sigmoid, LOGISTIC(x))                                                                    \
    GRADIENT(sigmoid, gy * y * (1 - y))                                                            \
    VALUE(silu, NOT_LEFT(x) * LOGISTIC(x))                                                         \
    GRADIENT(silu, gy * SILU_SLOPE(NEAR(x)))                                                       \
    VALUE(softplus, (x > 0 ? x : 0) + LOG1P(EXP(x > 0 ? -x : x)))                                  \
    GRADIENT(softplus, gy * LOGISTIC(x))                                                           \
    VALUE(gelu, NOT_LEFT(x) * NORMAL(x))                                                           \
    GRADIENT(gelu, gy * (NORMAL(x) + NEAR(x) * BELL(x)))                                           \
    VALUE(gelu_tanh, NOT_LEFT(x) * LOGISTIC(CUBIC(x)))                                             \
    GRADIENT(gelu_tanh, gy * GELU_SLOPE(NEAR(x)))

/* x, but not infinite where a factor is 0: from FAR on these functions are x or 0. */
#define FAR ((FLOAT)1e4)
#define NOT_LEFT(x) ((x) < -FAR ? -FAR : (x))
#define NEAR(x) (NOT_LEFT(x) > FAR ? FAR : NOT_LEFT(x))
#define SILU_SLOPE(x) (LOGISTIC(x) * (1 + (x) * (1 - LOGISTIC(x))))
#define GELU_SLOPE(x) (LOGISTIC(CUBIC(x)) * (1 + (x) * CUBIC_SLOPE(x) * (1 - LOGISTIC(CUBIC(x)))))

/* LOGISTIC(CUBIC(x)) approximates NORMAL(x). */
#define CUBIC(x) ((FLOAT)1.5957691216057308 * ((x) + (FLOAT)0.044715 * (x) * (x) * (x)))
#define CUBIC_SLOPE(x) ((FLOAT)1.5957691216057308 * (1 + (FLOAT)0.134145 * (x) * (x)))

/* No iteration reads what another one has written, even if z is x or y. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* loops of double call the C library */
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#pragma GCC diagnostic ignored "-Wunused-variable" /* a formula uses some of x, y, gy and alpha */

/* Both operands are read in any case, since a conditional read would not vectorize; the compiler
   leaves out the one that is not used. */
#define LOOP(name, first, second, third, value)                                                    \
    static void name##_loop(const void *first_operand, const void *second_operand, void *result,   \
                            double constant, ptrdiff_t begin, ptrdiff_t end) {                     \
        const FLOAT *xs = first_operand, *ys = second_operand, alpha = (FLOAT)constant;            \
        FLOAT *zs = result;                                                                        \
        INDEPENDENT for (ptrdiff_t i = begin; i < end; i++) {                                      \
            const FLOAT first = xs[i], second = ys[i], third = xs[i];                              \
            zs[i] = value;                                                                         \
        }                                                                                          \
    }
/* The first operand of a gradient is what was saved: the formula calls it x or y. */
#define VALUE_LOOP(name, value) LOOP(name, x, y, none, value)
#define GRADIENT_LOOP(name, value) LOOP(name##_backward, x, gy, y, gy == 0 ? gy : (value))
TABLE(VALUE_LOOP, GRADIENT_LOOP)

ElementLoop EXPORTED(const char *name) {
#define RETURN_VALUE(function, value) if (strcmp(name, #function) == 0) return function##_loop;
#define RETURN_GRADIENT(function, value)                                                           \
    if (strcmp(name, #function "_backward") == 0) return function##_backward_loop;
    TABLE(RETURN_VALUE, RETURN_GRADIENT)
    return NULL;
}
