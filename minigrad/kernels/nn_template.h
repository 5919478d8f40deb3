/* The loops of _nn.pyx, for one FLOAT type and instruction set (levels.h). */

/* y = value, an expression in x, or for a gradient in x and gy, for the elements of one chunk. Both
   are read in any case (for functions gy is x), since a read on condition would not vectorise.
   ivdep: nothing that one element writes is read by the next one. */
#define EACH_ELEMENT(name, value)                                                                  \
    TARGET static inline void NAME(name)(void *arguments, ptrdiff_t index, int worker)             \
    {                                                                                              \
        const Elements *e = arguments;                                                             \
        const ptrdiff_t first = index * CHUNK, last = chunk_end(e->size, index);                   \
        const FLOAT *xs = e->x, *gys = e->gy;                                                      \
        FLOAT *y = e->y;                                                                           \
        _Pragma("GCC ivdep") for (ptrdiff_t i = first; i < last; i++) {                            \
            const FLOAT x = xs[i], gy = gys[i];                                                    \
            y[i] = value;                                                                          \
        }                                                                                          \
    }

/* 1 / (1 + exp(-x)), or exp(x) / (1 + exp(x)) where the former would overflow */
TARGET static inline FLOAT NAME(logistic)(FLOAT x)
{
    const FLOAT e = EXP(x < 0 ? x : -x);
    return (x < 0 ? e : 1) / (1 + e);
}

EACH_ELEMENT(exp, EXP(x))
EACH_ELEMENT(tanh, TANH(x))
EACH_ELEMENT(sigmoid, NAME(logistic)(x))
EACH_ELEMENT(erf, ERF(x))
EACH_ELEMENT(relu_backward, x > 0 ? gy : 0)

/* y = scale x where the hash of (key, i) is kept, else 0 */
TARGET static inline void NAME(dropout)(void *arguments, ptrdiff_t index, int worker)
{
    const Elements *e = arguments;
    const ptrdiff_t last = chunk_end(e->size, index);
    const FLOAT scale = (FLOAT)e->scale;
    const uint32_t last_kept = e->last_kept;
    for (ptrdiff_t begin = index * CHUNK; begin < last; begin += BLOCK) {
        const uint64_t key = mix64(e->key + (uint64_t)(begin / BLOCK));
        const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
        const FLOAT *x = (const FLOAT *)e->x + begin;
        FLOAT *y = (FLOAT *)e->y + begin;
        const int length = last - begin < BLOCK ? (int)(last - begin) : BLOCK;
#pragma GCC ivdep
        for (int i = 0; i < length; i++) {
            const uint32_t bits = mix32(mix32((uint32_t)i ^ low) ^ high);
            const FLOAT value = x[i];
            y[i] = (bits <= last_kept ? value : 0) * scale;
        }
    }
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
        for (ptrdiff_t k = 0; k < K; k++)
            largest = z[k] > largest ? z[k] : largest;
#pragma GCC ivdep
        for (ptrdiff_t k = 0; k < K; k++)
            p[k] = EXP(z[k] - largest);
        for (ptrdiff_t k = 0; k < K; k++)
            total += p[k];
        const double log_total = log(total);
#pragma GCC ivdep
        for (ptrdiff_t k = 0; k < K; k++)
            p[k] /= (FLOAT)total;
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
        for (ptrdiff_t k = 0; k < K; k++)
            weight += t[k];
#pragma GCC ivdep
        for (ptrdiff_t k = 0; k < K; k++)
            gz[k] = gy * (p[k] * weight - t[k]);
    }
}
