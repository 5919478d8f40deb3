/* The loops of pooling, for one FLOAT type and instruction set (levels.h).

   A strip is one vector of channels. It stays in registers while the cells of the window go by; the
   last strip may be narrower. */

#ifdef __GNUC__
#define INLINE TARGET static inline __attribute__((always_inline))
typedef FLOAT NAME(Vector) __attribute__((vector_size(BYTES)));
typedef __typeof__(_Generic((FLOAT)0, float: (int32_t)0, double: (int64_t)0)) NAME(Mask)
    __attribute__((vector_size(BYTES)));
typedef int NAME(Winners) __attribute__((vector_size(BYTES / sizeof(FLOAT) * sizeof(int))));
#define CONVERT(from, type) __builtin_convertvector(from, type)
#define CHOOSE(mask, a, b) (((mask) & (MASK)(a)) | (~(mask) & (MASK)(b)))
#else
#define INLINE TARGET static inline
typedef FLOAT NAME(Vector);
typedef int NAME(Mask), NAME(Winners);
#define CONVERT(from, type) (from)
#define CHOOSE(mask, a, b) ((mask) ? (a) : (b))
#endif
#define VECTOR NAME(Vector)
#define MASK NAME(Mask)
#define LANES ((int)(BYTES / sizeof(FLOAT)))
/* Cell (i, j) of the window. */
#define CELL(i, j) (((i) * p->W + (j)) * p->C)

/* `width` is a constant wherever these are inlined for whole strips, and memcpy one instruction. */
INLINE VECTOR NAME(load)(const FLOAT *from, int width)
{
    VECTOR vector = {0};
    memcpy(&vector, from, width * sizeof(FLOAT));
    return vector;
}

INLINE void NAME(store)(FLOAT *to, VECTOR vector, int width)
{
    memcpy(to, &vector, width * sizeof(FLOAT));
}

/* y = max of x over the cells; winner = the number of the first cell that has it, or is NaN */
INLINE void NAME(max_forward)(const Pool *p, const Window *window, ptrdiff_t c, int width)
{
    const FLOAT *x = (const FLOAT *)p->image + window->image + c;
    VECTOR best = NAME(load)(x, width);
    MASK winner = (MASK){0} + window->first;
    for (ptrdiff_t i = 0; i < window->rows; i++)
        for (ptrdiff_t j = 0; j < window->columns; j++) {
            const MASK cell = (MASK){0} + (window->first + (int)(i * p->pool_width + j));
            const VECTOR value = NAME(load)(x + CELL(i, j), width);
            /* "not <=" lets a NaN win, "best == best" lets the first NaN stay. */
            const MASK wins = ~(value <= best) & (best == best);
            best = (VECTOR)CHOOSE(wins, value, best);
            winner = CHOOSE(wins, cell, winner);
        }
    const NAME(Winners) narrow = CONVERT(winner, NAME(Winners));
    NAME(store)((FLOAT *)p->pooled + window->pooled + c, best, width);
    memcpy(p->winner + window->pooled + c, &narrow, width * sizeof(int));
}

/* gx += gy where the cell is the winner. Each cell is asked, so no winner can lead outside gx. */
INLINE void NAME(max_backward)(const Pool *p, const Window *window, ptrdiff_t c, int width)
{
    FLOAT *gx = (FLOAT *)p->image + window->image + c;
    const VECTOR gy = NAME(load)((const FLOAT *)p->pooled + window->pooled + c, width), zero = {0};
    NAME(Winners) narrow = {0};
    memcpy(&narrow, p->winner + window->pooled + c, width * sizeof(int));
    const MASK winner = CONVERT(narrow, MASK);
    for (ptrdiff_t i = 0; i < window->rows; i++)
        for (ptrdiff_t j = 0; j < window->columns; j++) {
            const MASK won = winner == window->first + (int)(i * p->pool_width + j);
            const VECTOR sum = NAME(load)(gx + CELL(i, j), width);
            NAME(store)(gx + CELL(i, j), sum + (VECTOR)CHOOSE(won, gy, zero), width);
        }
}

/* y = sum of x over the cells / their number */
INLINE void NAME(avg_forward)(const Pool *p, const Window *window, ptrdiff_t c, int width)
{
    const FLOAT *x = (const FLOAT *)p->image + window->image + c;
    VECTOR sum = {0};
    for (ptrdiff_t i = 0; i < window->rows; i++)
        for (ptrdiff_t j = 0; j < window->columns; j++)
            sum += NAME(load)(x + CELL(i, j), width);
    sum /= (FLOAT)(window->rows * window->columns);
    NAME(store)((FLOAT *)p->pooled + window->pooled + c, sum, width);
}

/* gx += gy / number of cells, for each of them */
INLINE void NAME(avg_backward)(const Pool *p, const Window *window, ptrdiff_t c, int width)
{
    FLOAT *gx = (FLOAT *)p->image + window->image + c;
    const VECTOR gy = NAME(load)((const FLOAT *)p->pooled + window->pooled + c, width);
    const VECTOR share = gy / (FLOAT)(window->rows * window->columns);
    for (ptrdiff_t i = 0; i < window->rows; i++)
        for (ptrdiff_t j = 0; j < window->columns; j++)
            NAME(store)(gx + CELL(i, j), NAME(load)(gx + CELL(i, j), width) + share, width);
}

/* All windows of one task, p->rows rows of them. */
INLINE void NAME(each_strip)(const Pool *p, ptrdiff_t index, Strip strip)
{
    const ptrdiff_t end = (index + 1) * p->rows;
    for (ptrdiff_t row = index * p->rows; row < end && row < p->N * p->OH; row++)
        for (ptrdiff_t ow = 0; ow < p->OW; ow++) {
            const Window window = clip(p, row / p->OH, row % p->OH, ow);
            ptrdiff_t c = 0;
            for (; c + LANES <= p->C; c += LANES)
                strip(p, &window, c, LANES);
            if (c < p->C)
                strip(p, &window, c, (int)(p->C - c));
        }
}

/* Backward, a task is an image, which begins with zeros. */
INLINE void NAME(clear)(const Pool *p, ptrdiff_t n)
{
    const ptrdiff_t size = p->H * p->W * p->C;
    memset((FLOAT *)p->image + n * size, 0, size * sizeof(FLOAT));
}

TARGET static inline void NAME(max_pool_forward)(void *pool, ptrdiff_t index, int worker)
{
    (void)worker;
    NAME(each_strip)(pool, index, NAME(max_forward));
}

TARGET static inline void NAME(max_pool_backward)(void *pool, ptrdiff_t index, int worker)
{
    (void)worker;
    NAME(clear)(pool, index);
    NAME(each_strip)(pool, index, NAME(max_backward));
}

TARGET static inline void NAME(avg_pool_forward)(void *pool, ptrdiff_t index, int worker)
{
    (void)worker;
    NAME(each_strip)(pool, index, NAME(avg_forward));
}

TARGET static inline void NAME(avg_pool_backward)(void *pool, ptrdiff_t index, int worker)
{
    (void)worker;
    NAME(clear)(pool, index);
    NAME(each_strip)(pool, index, NAME(avg_backward));
}

#undef INLINE
#undef CONVERT
#undef CHOOSE
#undef VECTOR
#undef MASK
#undef LANES
#undef CELL
