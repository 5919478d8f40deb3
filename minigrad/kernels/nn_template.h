/* The loops of _nn.pyx, for one FLOAT type and instruction set (levels.h). */

/* LOGISTIC(CUBIC(x)) approximates NORMAL(x). */
#define CUBIC(x) ((FLOAT)1.5957691216057308 * ((x) + (FLOAT)0.044715 * (x) * (x) * (x)))
#define CUBIC_SLOPE(x) ((FLOAT)1.5957691216057308 * (1 + (FLOAT)0.134145 * (x) * (x)))

/* The loop of one of the FUNCTIONS (nn.h), over one chunk of elements. Both x and y are read in any
   case, since a read on condition would not vectorise; gcc leaves out the one that is not used.
   ivdep: nothing that one element writes is read by the next one. */
#define EACH_ELEMENT(name, first, second, value)                                                   \
    TARGET static inline void NAME(name)(void *arguments, ptrdiff_t index, int worker)             \
    {                                                                                              \
        const Elements *e = arguments;                                                             \
        const ptrdiff_t last = chunk_end(e->size, index);                                          \
        const FLOAT *xs = e->x, *ys = e->y, alpha = (FLOAT)e->alpha;                               \
        FLOAT *zs = e->z;                                                                          \
        _Pragma("GCC ivdep") for (ptrdiff_t i = index * CHUNK; i < last; i++) {                    \
            const FLOAT first = xs[i], second = ys[i];                                             \
            zs[i] = value;                                                                         \
        }                                                                                          \
    }
FUNCTIONS(EACH_ELEMENT)

/* z = scale x where the hash of (key, i) is kept, else 0 */
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
        FLOAT *z = (FLOAT *)e->z + begin;
        const int length = last - begin < BLOCK ? (int)(last - begin) : BLOCK;
#pragma GCC ivdep
        for (int i = 0; i < length; i++) {
            const uint32_t bits = mix32(mix32((uint32_t)i ^ low) ^ high);
            const FLOAT value = x[i];
            z[i] = (bits <= last_kept ? value : 0) * scale;
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
#pragma omp simd reduction(max : largest)
        for (ptrdiff_t k = 0; k < K; k++)
            largest = z[k] > largest ? z[k] : largest;
#pragma GCC ivdep
        for (ptrdiff_t k = 0; k < K; k++)
            p[k] = EXP(z[k] - largest);
#pragma omp simd reduction(+ : total)
        for (ptrdiff_t k = 0; k < K; k++)
            total += p[k];
        const double log_total = log(total);
        const FLOAT scale = (FLOAT)(1 / total);
#pragma GCC ivdep
        for (ptrdiff_t k = 0; k < K; k++)
            p[k] *= scale;
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
#pragma GCC ivdep
            for (ptrdiff_t k = 0; k < K; k++)
                gz[k] = gy * (p[k] * weight - t[k]);
        }
    }
}

/* For the elements i of a task, and the lane j of each, row by row. */
#define EACH_LANE(b, index, statement)                                                             \
    for (ptrdiff_t row = index * b->length; row < (index + 1) * b->length && row < b->size;        \
         row += b->width) {                                                                        \
        const ptrdiff_t left = b->size - row, width = left < b->width ? left : b->width;           \
        _Pragma("GCC ivdep") for (ptrdiff_t j = 0; j < width; j++) {                               \
            const ptrdiff_t i = row + j;                                                           \
            statement;                                                                             \
        }                                                                                          \
    }
#define LANES(b, number) ((FLOAT *)b->lanes + (number) * b->width)
#define OF_TASK(k) (4 + 3 * (k))

/* Add up the lanes of each channel, in the channel's first one. */
TARGET static inline void NAME(add_lanes)(FLOAT *lanes, const BatchNorm *b)
{
    for (ptrdiff_t j = b->C; j < b->width; j += b->C)
        for (ptrdiff_t c = 0; c < b->C; c++)
            lanes[c] += lanes[j + c];
}

/* How many rows of C channels a task has. */
static inline ptrdiff_t NAME(rows)(const BatchNorm *b, ptrdiff_t index)
{
    const ptrdiff_t left = b->size - index * b->length;
    return (left < b->length ? left : b->length) / b->C;
}

/* For each channel: the sum of a task's elements, their mean, and the sum of their squared distances
   from it. */
TARGET static inline void NAME(task_statistics)(void *arguments, ptrdiff_t index, int worker)
{
    const BatchNorm *b = arguments;
    const FLOAT *x = b->x;
    FLOAT *sum = LANES(b, OF_TASK(index)), *mean = sum + b->width, *squares = mean + b->width;
    memset(sum, 0, 3 * b->width * sizeof(FLOAT));
    EACH_LANE(b, index, sum[j] += x[i])
    NAME(add_lanes)(sum, b);
    for (ptrdiff_t j = 0; j < b->width; j++)
        mean[j] = j < b->C ? sum[j] / NAME(rows)(b, index) : mean[j - b->C];
    EACH_LANE(b, index, squares[j] += (x[i] - mean[j]) * (x[i] - mean[j]))
    NAME(add_lanes)(squares, b);
}

/* The same of all elements, from the tasks in their order, and the lanes' constants. */
TARGET static inline void NAME(all_statistics)(void *arguments, ptrdiff_t index, int worker)
{
    const BatchNorm *b = arguments;
    const ptrdiff_t W = b->width, C = b->C;
    const double N = (double)(b->size / C);
    const FLOAT *gamma = b->gamma, *beta = b->beta;
    FLOAT *mean = b->mean, *variance = b->variance, *lane = b->lanes;
    for (ptrdiff_t c = 0; c < C; c++) {
        double total = 0, squares = 0;
        for (ptrdiff_t k = 0; k < b->tasks; k++)
            total += LANES(b, OF_TASK(k))[c];
        for (ptrdiff_t k = 0; k < b->tasks; k++) {
            const FLOAT *of_task = LANES(b, OF_TASK(k)) + c;
            const double distance = of_task[W] - total / N;
            squares += of_task[2 * W] + NAME(rows)(b, k) * distance * distance;
        }
        mean[c] = (FLOAT)(total / N);
        variance[c] = (FLOAT)(squares / N);
    }
    for (ptrdiff_t j = 0; j < W; j++) {
        const ptrdiff_t c = j % C;
        lane[j] = mean[c];
        lane[W + j] = (FLOAT)(gamma[c] / sqrt(variance[c] + b->epsilon));
        lane[2 * W + j] = beta[c];
    }
}

/* y = scale (x - mean) + shift */
TARGET static inline void NAME(batch_norm_forward)(void *arguments, ptrdiff_t index, int worker)
{
    const BatchNorm *b = arguments;
    const FLOAT *x = b->x, *mean = LANES(b, 0), *scale = LANES(b, 1), *shift = LANES(b, 2);
    FLOAT *y = b->y;
    EACH_LANE(b, index, y[i] = scale[j] * (x[i] - mean[j]) + shift[j])
}

/* For each channel: the sums of a task's gy and of its gy (x - mean). */
TARGET static inline void NAME(task_sums)(void *arguments, ptrdiff_t index, int worker)
{
    const BatchNorm *b = arguments;
    const FLOAT *x = b->x, *gy = b->gy;
    FLOAT *sum = LANES(b, OF_TASK(index)), *mean = sum + b->width, *products = mean + b->width;
    memset(sum, 0, 3 * b->width * sizeof(FLOAT));
    for (ptrdiff_t j = 0; j < b->width; j++)
        mean[j] = ((const FLOAT *)b->mean)[j % b->C];
    EACH_LANE(b, index, sum[j] += gy[i]; products[j] += gy[i] * (x[i] - mean[j]))
    NAME(add_lanes)(sum, b);
    NAME(add_lanes)(products, b);
}

/* The gradients of gamma and beta, from the tasks in their order, and the lanes' constants. */
TARGET static inline void NAME(all_sums)(void *arguments, ptrdiff_t index, int worker)
{
    const BatchNorm *b = arguments;
    const ptrdiff_t W = b->width, C = b->C;
    const double N = (double)(b->size / C);
    const FLOAT *gamma = b->gamma, *mean = b->mean, *variance = b->variance;
    FLOAT *ggamma = b->ggamma, *gbeta = b->gbeta, *lane = b->lanes;
    for (ptrdiff_t c = 0; c < C; c++) {
        double sum = 0, products = 0;
        for (ptrdiff_t k = 0; k < b->tasks; k++) {
            sum += LANES(b, OF_TASK(k))[c];
            products += LANES(b, OF_TASK(k) + 2)[c];
        }
        gbeta[c] = (FLOAT)sum;
        ggamma[c] = (FLOAT)(products / sqrt(variance[c] + b->epsilon));
    }
    for (ptrdiff_t j = 0; j < W; j++) {
        const ptrdiff_t c = j % C;
        const double deviation = sqrt(variance[c] + b->epsilon), scale = gamma[c] / deviation;
        lane[j] = mean[c];
        lane[W + j] = (FLOAT)scale;
        lane[2 * W + j] = (FLOAT)(scale * gbeta[c] / N);
        lane[3 * W + j] = (FLOAT)(scale * ggamma[c] / deviation / N);
    }
}

/* gx = scale gy - slope (x - mean) - shift */
TARGET static inline void NAME(batch_norm_backward)(void *arguments, ptrdiff_t index, int worker)
{
    const BatchNorm *b = arguments;
    const FLOAT *x = b->x, *gy = b->gy, *mean = LANES(b, 0), *scale = LANES(b, 1);
    const FLOAT *shift = LANES(b, 2), *slope = LANES(b, 3);
    FLOAT *gx = b->gx;
    EACH_LANE(b, index, gx[i] = scale[j] * gy[i] - slope[j] * (x[i] - mean[j]) - shift[j])
}
