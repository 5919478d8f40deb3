/* What the kernels of _nn.pyx work on; the loops are in nn_template.h. */
#include "dropout.h"
#include "functions.h"
#include "task.h"

/* z = a function of x, or of x and y, element by element. */
typedef struct {
    ptrdiff_t size;
    const void *x, *y; /* y: x again where the function has no use for it */
    void *z;
    double alpha;
    Dropout dropout;
} Elements;

/* The functions: the name, what it calls x and y, the value. A gradient is given what the function
   has saved, its input x or its result y, and the gradient of its result. */
#define FUNCTIONS(DEFINE)                                                                          \
    DEFINE(add, x, y, x + y)                                                                       \
    DEFINE(sub, x, y, x - y)                                                                       \
    DEFINE(mul, x, y, x * y)                                                                       \
    DEFINE(div, x, y, x / y)                                                                       \
    DEFINE(add_scalar, x, none, x + alpha)                                                         \
    DEFINE(sub_scalar, x, none, x - alpha)                                                         \
    DEFINE(mul_scalar, x, none, x * alpha)                                                         \
    DEFINE(div_scalar, x, none, x / alpha)                                                         \
    DEFINE(exp, x, none, EXP(x))                                                                   \
    DEFINE(sqrt_backward, y, gy, gy / (2 * y))                                                     \
    DEFINE(relu, x, none, x <= 0 ? 0 : x)                                                          \
    DEFINE(relu_backward, y, gy, y > 0 ? gy : 0)                                                   \
    DEFINE(leaky_relu, x, none, x >= 0 ? x : alpha * x)                                            \
    DEFINE(leaky_relu_backward, x, gy, x >= 0 ? gy : alpha * gy)                                   \
    DEFINE(elu, x, none, x < 0 ? alpha * EXPM1(x < 0 ? x : 0) : x)                                 \
    DEFINE(elu_backward, x, gy, gy * (x > 0 ? 1 : alpha * EXP(x > 0 ? 0 : x)))                     \
    DEFINE(tanh, x, none, TANH(x))                                                                 \
    DEFINE(tanh_backward, y, gy, gy * (1 - y * y))                                                 \
    DEFINE(sigmoid, x, none, LOGISTIC(x))                                                          \
    DEFINE(sigmoid_backward, y, gy, gy * y * (1 - y))                                              \
    DEFINE(silu, x, none, x * LOGISTIC(x))                                                         \
    DEFINE(silu_backward, x, gy, gy * LOGISTIC(x) * (1 + x * (1 - LOGISTIC(x))))                   \
    DEFINE(softplus, x, none, (x > 0 ? x : 0) + LOG1P(EXP(x > 0 ? -x : x)))                        \
    DEFINE(softplus_backward, x, gy, gy * LOGISTIC(x))                                             \
    DEFINE(gelu, x, none, x * NORMAL(x))                                                           \
    DEFINE(gelu_backward, x, gy, gy * (NORMAL(x) + x * BELL(x)))                         \
    DEFINE(gelu_tanh, x, none, x * LOGISTIC(CUBIC(x)))                                             \
    DEFINE(gelu_tanh_backward, x, gy, gy * LOGISTIC(CUBIC(x))                                      \
        * (1 + x * CUBIC_SLOPE(x) * (1 - LOGISTIC(CUBIC(x)))))

/* Logits z, targets t or labels (N), and probabilities p, (N, K), in tasks of so many rows. */
typedef struct {
    ptrdiff_t N, K, rows;
    const int64_t *labels; /* NULL: targets */
    const void *z, *t, *gy;
    void *losses, *p, *gz;
} CrossEntropy;

/* Rows of C channels, each with its own constants. One row, often short, would not fill a vector;
   so a few of them together make one of `width` lanes. A task is `length` elements, whole rows. */
typedef struct {
    ptrdiff_t size, C, width, length;
    const void *x, *y;
    void *z;     /* result, or for sums two rows of lanes for each task */
    void *lanes; /* (4, width), the constants */
} Channels;

#define TEMPLATE "nn_template.h"
#pragma GCC diagnostic ignored "-Wunused-variable" /* functions do without gy */
#include "levels.h"

#define FUNCTION_TASK(name, x, y, value) TASK(name)
#define FUNCTION_ROW(name, x, y, value) {#name, name##_task},
FUNCTIONS(FUNCTION_TASK)
TASK(dropout) TASK(cross_entropy_forward) TASK(cross_entropy_backward)
TASK(channel_sums) TASK(channel_affine)

/* The task of the function of this name, or NULL. */
static Task function_task(const char *name, size_t item)
{
    static const struct { const char *name; Task (*choose)(size_t item); } table[] = {
        FUNCTIONS(FUNCTION_ROW)
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].choose(item);
    return NULL;
}
