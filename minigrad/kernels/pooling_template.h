/* The loops of pooling, for one FLOAT type and instruction set (levels.h). */
#define EACH_CHANNEL IVDEP for (ptrdiff_t c = 0; c < C; c++)

/* For each window and channel c: do `first` for its first cell x, `next` for all others, and then
   `end`, with what is pooled from the window, y, and its winner. */
#define POOLING(name, first, next, end)                                                            \
    TARGET static inline void NAME(name)(void *pool, ptrdiff_t index, int worker)                  \
    {                                                                                              \
        const Pool *p = pool;                                                                      \
        const ptrdiff_t C = p->C, image = p->H * p->W * C, last = (index + 1) * p->rows;           \
        if (p->clear)                                                                              \
            memset((FLOAT *)p->image + index * image, 0, image * sizeof(FLOAT));                   \
        for (ptrdiff_t row = index * p->rows; row < last && row < p->N * p->OH; row++)             \
            for (ptrdiff_t ow = 0; ow < p->OW; ow++) {                                             \
                const Window window = clip(p, row / p->OH, row % p->OH, ow);                       \
                const FLOAT share = (FLOAT)1 / (window.rows * window.columns);                     \
                FLOAT *y = (FLOAT *)p->pooled + window.pooled;                                     \
                int *winner = p->winner == NULL ? NULL : p->winner + window.pooled;                \
                for (ptrdiff_t i = 0; i < window.rows; i++)                                        \
                    for (ptrdiff_t j = 0; j < window.columns; j++) {                               \
                        FLOAT *x = (FLOAT *)p->image + window.image + (i * p->W + j) * C;          \
                        const int cell = window.number + (int)(i * p->pool_width + j);             \
                        if (i + j == 0)                                                            \
                            EACH_CHANNEL { first; }                                                \
                        else                                                                       \
                            EACH_CHANNEL { next; }                                                 \
                    }                                                                              \
                EACH_CHANNEL { end; }                                                              \
            }                                                                                      \
    }

/* y = max of the x; winner = the cell of the first x that is the largest, or NaN: "not <=" lets a
   NaN win, "best == best" lets the first NaN stay. */
POOLING(max_pool_forward,
    y[c] = x[c]; winner[c] = cell,
    const FLOAT value = x[c]; const FLOAT best = y[c]; const int old = winner[c];
    const int wins = !(value <= best) & (best == best);
    y[c] = wins ? value : best; winner[c] = wins ? cell : old,
)

/* gx += gy in the cell that won. Each one is asked, so no winner can lead outside gx. */
#define ADD_IF_WON const FLOAT gy = y[c]; x[c] += winner[c] == cell ? gy : 0
POOLING(max_pool_backward, ADD_IF_WON, ADD_IF_WON, )

/* y = sum of the x / their number; a division for each would take longer than all the rest */
POOLING(avg_pool_forward, y[c] = x[c], y[c] += x[c], y[c] *= share)

/* gx += gy / number of cells, in each of them */
POOLING(avg_pool_backward, x[c] += y[c] * share, x[c] += y[c] * share, )
