/* The loops of _nn.pyx, for one FLOAT type and instruction set (levels.h). */

/* LOGISTIC(CUBIC(x)) approximates NORMAL(x). */
#define CUBIC(x) ((FLOAT)1.5957691216057308 * ((x) + (FLOAT)0.044715 * (x) * (x) * (x)))
#define CUBIC_SLOPE(x) ((FLOAT)1.5957691216057308 * (1 + (FLOAT)0.134145 * (x) * (x)))

/* The loop of one of the FUNCTIONS (nn.h), over one chunk of elements. Both x and y are read in any
   case, since a read on condition would not vectorise; gcc leaves out the one that is not used. */
#define EACH_ELEMENT(name, first, second, value)                                                   \
    TARGET static inline void NAME(name)(void *arguments, ptrdiff_t index, int worker)             \
    {                                                                                              \
        const Elements *e = arguments;                                                             \
        const ptrdiff_t begin = chunk_begin(e->size, index);                                       \
        const ptrdiff_t end = chunk_begin(e->size, index + 1);                                     \
        const FLOAT *xs = e->x, *ys = e->y, alpha = (FLOAT)e->alpha;                               \
        FLOAT *zs = e->z;                                                                          \
        IVDEP for (ptrdiff_t i = begin; i < end; i++) {                                            \
            const FLOAT first = xs[i], second = ys[i];                                             \
            zs[i] = value;                                                                         \
        }                                                                                          \
    }
FUNCTIONS(EACH_ELEMENT)

#include "dropout_template.h"

TARGET static inline void NAME(dropout)(void *arguments, ptrdiff_t index, int worker)
{
    const Elements *e = arguments;
    NAME(drop)(&e->dropout, e->x, e->z, chunk_begin(e->size, index),
               chunk_begin(e->size, index + 1));
}

/* p = softmax(z) and loss = -sum of t log p = sum of t (log total - (z - largest)), row by row.
   The sums are double for float32 too: the loss of a confident prediction is a small difference of
   large numbers. */
TARGET static inline void NAME(cross_entropy_forward)(void *arguments, ptrdiff_t index, int worker)
{
    const CrossEntropy *c = arguments;
    const ptrdiff_t K = c->K, end = (index + 1) * c->rows;
    for (ptrdiff_t n = index * c->rows; n < end && n < c->N; n++) {
        const FLOAT *z = (const FLOAT *)c->z + n * K, *t = (const FLOAT *)c->t + n * K;
        FLOAT *p = (FLOAT *)c->p + n * K, largest = -INFINITY;
        double total = 0, loss = 0;
#pragma omp simd reduction(max : largest)
        for (ptrdiff_t k = 0; k < K; k++)
            largest = z[k] > largest ? z[k] : largest;
        IVDEP for (ptrdiff_t k = 0; k < K; k++)
            p[k] = QUICK_EXP(z[k] - largest);
#pragma omp simd reduction(+ : total)
        for (ptrdiff_t k = 0; k < K; k++)
            total += p[k];
        const double log_total = log(total);
        const FLOAT scale = (FLOAT)(1 / total);
        IVDEP for (ptrdiff_t k = 0; k < K; k++)
            p[k] *= scale;
        if (c->losses == NULL)
            continue;
        if (c->labels != NULL)
            loss = log_total - ((double)z[c->labels[n]] - largest);
        else
            for (ptrdiff_t k = 0; k < K; k++)
                if (t[k] != 0) /* 0 * log 0 counts as 0 */
                    loss += t[k] * (log_total - ((double)z[k] - largest));
        ((FLOAT *)c->losses)[n] = (FLOAT)loss;
    }
}

/* gz = gy (p * sum of t - t), row by row */
TARGET static inline void NAME(cross_entropy_backward)(void *arguments, ptrdiff_t index, int worker)
{
    const CrossEntropy *c = arguments;
    const ptrdiff_t K = c->K, end = (index + 1) * c->rows;
    for (ptrdiff_t n = index * c->rows; n < end && n < c->N; n++) {
        const FLOAT *p = (const FLOAT *)c->p + n * K, *t = (const FLOAT *)c->t + n * K;
        const FLOAT gy = ((const FLOAT *)c->gy)[n];
        FLOAT *gz = (FLOAT *)c->gz + n * K, weight = 0;
        if (c->labels != NULL) {
            for (ptrdiff_t k = 0; k < K; k++)
                gz[k] = gy * p[k];
            gz[c->labels[n]] = gy * (p[c->labels[n]] - 1);
        } else {
            for (ptrdiff_t k = 0; k < K; k++)
                weight += t[k];
            IVDEP for (ptrdiff_t k = 0; k < K; k++)
                gz[k] = gy * (p[k] * weight - t[k]);
        }
    }
}

/* For the elements i of a task, and the lane j of each, row by row. */
#define EACH_LANE(c, index, statement)                                                             \
    for (ptrdiff_t row = index * c->length; row < (index + 1) * c->length && row < c->size;        \
         row += c->width) {                                                                        \
        const ptrdiff_t left = c->size - row, width = left < c->width ? left : c->width;           \
        IVDEP for (ptrdiff_t j = 0; j < width; j++) {                                              \
            const FLOAT x = xs[row + j], y = ys[row + j];                                          \
            statement;                                                                             \
        }                                                                                          \
    }

/* The sums of a task's y - b and (x - a)(y - b); those of a channel end in its first lane. */
TARGET static inline void NAME(channel_sums)(void *arguments, ptrdiff_t index, int worker)
{
    const Channels *c = arguments;
    const ptrdiff_t W = c->width;
    const FLOAT *xs = c->x, *ys = c->y, *a = c->lanes, *b = a + W;
    FLOAT *sum = (FLOAT *)c->z + 2 * W * index, *product = sum + W;
    memset(sum, 0, 2 * W * sizeof(FLOAT));
    EACH_LANE(c, index, sum[j] += y - b[j]; product[j] += (x - a[j]) * (y - b[j]))
    for (ptrdiff_t first = c->C; first < W; first += c->C)
        for (ptrdiff_t j = 0; j < c->C; j++) {
            sum[j] += sum[first + j];
            product[j] += product[first + j];
        }
}

/* z = scale (x - a) + weight y + shift */
TARGET static inline void NAME(channel_affine)(void *arguments, ptrdiff_t index, int worker)
{
    const Channels *c = arguments;
    const FLOAT *xs = c->x, *ys = c->y;
    const FLOAT *a = c->lanes, *scale = a + c->width, *weight = scale + c->width;
    const FLOAT *shift = weight + c->width;
    FLOAT *z = c->z;
    EACH_LANE(c, index, z[row + j] = scale[j] * (x - a[j]) + (weight[j] * y + shift[j]))
}
