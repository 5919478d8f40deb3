/* Tiles (tile.h) and products made of them, for one FLOAT type and instruction set (levels.h). */

/* What stores few columns works on half an AVX-512 vector at a time, and so does the gradient of
   pooling, which gcc 12 makes slower of whole ones. */
#define HALF_BYTES (BYTES < 32 ? BYTES : 32)
#if defined(__GNUC__) && !defined(MINIGRAD_PLAIN)
typedef FLOAT NAME(Vector) __attribute__((vector_size(BYTES), aligned(sizeof(FLOAT)), may_alias));
typedef INTEGER NAME(VectorBits) __attribute__((vector_size(BYTES)));
#define BYTE_VECTOR __attribute__((vector_size(BYTES / sizeof(FLOAT)), aligned(1), may_alias))
typedef unsigned char NAME(Bytes) BYTE_VECTOR;
#define NARROW(v) __builtin_convertvector(v, NAME(Bytes))
#define HALF_VECTOR __attribute__((vector_size(HALF_BYTES), aligned(sizeof(FLOAT)), may_alias))
typedef FLOAT NAME(Half) HALF_VECTOR;
typedef INTEGER NAME(HalfBits) HALF_VECTOR;
#define INLINE static inline __attribute__((always_inline))
#define PREFETCH(address) __builtin_prefetch(address, 0, 2) /* into L2 */
#define WHERE(type, condition) ((NAME(type))(condition)) /* -1 or 0 */
#define CHOOSE(type, mask, a, b)                                                                   \
    ((NAME(type))(((NAME(type##Bits))(a) & (mask)) | ((NAME(type##Bits))(b) & ~(mask))))
#else
typedef FLOAT NAME(Vector);
typedef INTEGER NAME(VectorBits);
typedef FLOAT NAME(Half);
typedef INTEGER NAME(HalfBits);
typedef unsigned char NAME(Bytes);
#define NARROW(v) ((unsigned char)(v))
#define INLINE static inline
#define PREFETCH(address) ((void)(address))
#define WHERE(type, condition) (-(INTEGER)(condition))
#define CHOOSE(type, mask, a, b) ((mask) ? (a) : (b))
#endif
#define RELU(v) CHOOSE(Vector, WHERE(VectorBits, (v) < 0), (VECTOR){0}, v) /* NaN stays */
#ifdef HAS_SHUFFLE
#define SHUFFLE(...) __builtin_shufflevector(__VA_ARGS__)
typedef FLOAT NAME(Quad) __attribute__((vector_size(16), aligned(sizeof(FLOAT)), may_alias));
#define QUAD ((ptrdiff_t)(16 / sizeof(FLOAT)))
#else
typedef FLOAT NAME(Quad);
#define QUAD ((ptrdiff_t)1)
#define SHUFFLE(a, b, ...) (a)
#endif
#define VECTOR NAME(Vector)
#define LANES ((ptrdiff_t)(BYTES / sizeof(FLOAT)))
#define HALF ((ptrdiff_t)(HALF_BYTES / sizeof(FLOAT)))
#define COLUMNS (2 * LANES)
#define LINE ((ptrdiff_t)(64 / sizeof(FLOAT))) /* of the cache */

/* y[i, :] = relu(start + a[i, :] @ b), or with `add` relu(y[i, :] + ...), for each i < rows; row i
   of y begins at y_row[i]. With `add` they may overlap: they go in order. Where this is inlined,
   rows and vectors (2, or 1 for half a panel) are constants. */
TARGET INLINE void NAME(tile)(const int rows, const int vectors, const Product *p,
                              const ptrdiff_t *a_row, const FLOAT *b, const FLOAT *start, FLOAT *y,
                              const ptrdiff_t *y_row, int add, int relu)
{
    const FLOAT *a = p->a;
    const ptrdiff_t depth = p->depth, b_row = p->b_row, ahead = p->ahead;
    VECTOR sum[ROWS][2], b_vector[2];
    ptrdiff_t at[ROWS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        for (int v = 0; v < vectors; v++)
            sum[i][v] = ((const VECTOR *)start)[v];
        at[i] = a_row[i];
    }
    ptrdiff_t soon = at[rows - 1] + LINE;
    for (ptrdiff_t k = 0; k < depth; k++, b += b_row) {
        const FLOAT *from = a + p->a_column[k];
        PREFETCH(from + soon);
        soon += ahead;
        for (int v = 0; v < vectors; v++)
            b_vector[v] = ((const VECTOR *)b)[v];
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] += from[at[i]] * b_vector[v];
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        for (int v = 0; v < vectors; v++) {
            VECTOR *to = (VECTOR *)(y + y_row[i]) + v;
            if (add)
                sum[i][v] += *to;
            *to = relu ? RELU(sum[i][v]) : sum[i][v];
        }
    }
}

TARGET static inline void NAME(tile_of)(int rows, int vectors, const Product *p,
                                        const ptrdiff_t *a_row, const FLOAT *b, const FLOAT *start,
                                        FLOAT *y, const ptrdiff_t *y_row, int add, int relu)
{
    switch (2 * rows + vectors) {
#define CASE(n)                                                                                    \
    case 2 * n + 1:                                                                                \
        NAME(tile)(n < ROWS ? n : ROWS, 1, p, a_row, b, start, y, y_row, add, relu);               \
        return;                                                                                    \
    case 2 * n + 2:                                                                                \
        NAME(tile)(n < ROWS ? n : ROWS, 2, p, a_row, b, start, y, y_row, add, relu);               \
        return;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if ROWS > 6
        CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#endif
#undef CASE
    }
}

/* y = max(from, least), or with `add` max(y + from, least); NaN stays NaN. */
TARGET INLINE void NAME(store)(const FLOAT *from, FLOAT *y, ptrdiff_t width, int add, FLOAT least)
{
    for (; width >= HALF; width -= HALF, from += HALF, y += HALF) {
        NAME(Half) value = *(const NAME(Half) *)from;
        if (add)
            value += *(const NAME(Half) *)y;
        const NAME(Half) lowest = (NAME(Half)){0} + least;
        *(NAME(Half) *)y = CHOOSE(Half, WHERE(HalfBits, value < lowest), lowest, value);
    }
    for (; width > 0; width--, from++, y++) {
        const FLOAT value = add ? *y + *from : *from;
        *y = value < least ? least : value;
    }
}

/* Where column j of y begins, and how many columns from there to `end` are neighbours in memory. */
INLINE ptrdiff_t NAME(y_column)(const Product *p, ptrdiff_t j)
{
    return p->y_column == NULL ? j : p->y_column[j];
}

INLINE ptrdiff_t NAME(neighbours)(const Product *p, ptrdiff_t j, ptrdiff_t end)
{
    ptrdiff_t count = p->y_column == NULL ? end - j : 1;
    while (j + count < end && NAME(y_column)(p, j + count) == NAME(y_column)(p, j) + count)
        count++;
    return count;
}

/* Compute the rows first to last - 1 of panel number `panel`, cut evenly into tiles: in place where
   the panel's columns are neighbours in y, else in `out`. */
TARGET static inline void NAME(product_rows)(const Product *p, ptrdiff_t panel, ptrdiff_t first,
                                             ptrdiff_t last)
{
    FLOAT out[ROWS * COLUMNS], start[COLUMNS] = {0}, *y = p->y;
    ptrdiff_t out_row[ROWS];
    const FLOAT *b = (const FLOAT *)p->b + panel * p->b_panel, least = p->relu ? 0 : -INFINITY;
    const ptrdiff_t begin = panel * COLUMNS, left = p->columns - begin;
    const ptrdiff_t end = left < COLUMNS ? p->columns : begin + COLUMNS;
    const int vectors = left > LANES ? 2 : 1, add = p->add;
    const int whole = NAME(neighbours)(p, begin, end) == vectors * LANES;
    if (p->bias != NULL)
        memcpy(start, (const FLOAT *)p->bias + begin, (end - begin) * sizeof(FLOAT));
    for (int i = 0; i < ROWS; i++)
        out_row[i] = i * COLUMNS;
    for (ptrdiff_t tiles = (last - first + ROWS - 1) / ROWS; tiles > 0; tiles--) {
        const int rows = (int)((last - first + tiles - 1) / tiles);
        const ptrdiff_t *y_row = p->y_row + first;
        if (whole)
            NAME(tile_of)(rows, vectors, p, p->a_row + first, b, start,
                          y + NAME(y_column)(p, begin), y_row, add, p->relu);
        else
            NAME(tile_of)(rows, vectors, p, p->a_row + first, b, start, out, out_row, 0, 0);
        for (ptrdiff_t j = begin, width; !whole && j < end; j += width) {
            FLOAT *to = y + NAME(y_column)(p, j);
            width = NAME(neighbours)(p, j, end);
            for (int i = 0; i < rows; i++)
                NAME(store)(out + out_row[i] + (j - begin), to + y_row[i], width, add, least);
        }
        first += rows;
    }
}

/* All of it: for each few rows all panels, so that what is read of a stays in the nearest cache. */
TARGET static inline void NAME(product)(const Product *p)
{
    for (ptrdiff_t first = 0; first < p->rows; first += 4 * ROWS) {
        const ptrdiff_t last = first + 4 * ROWS < p->rows ? first + 4 * ROWS : p->rows;
        for (ptrdiff_t panel = 0; panel * COLUMNS < p->columns; panel++)
            NAME(product_rows)(p, panel, first, last);
    }
}

/* to[i, j] = from[j, i] for a square of QUAD elements: rows are interleaved, then the results. */
TARGET INLINE void NAME(transpose)(const FLOAT *from, ptrdiff_t from_row, FLOAT *to,
                                   ptrdiff_t to_row)
{
    NAME(Quad) row[QUAD], mixed[QUAD];
    for (int i = 0; i < QUAD; i++)
        row[i] = *(const NAME(Quad) *)(from + i * from_row);
    for (int round = 1; round < QUAD; round *= 2) {
        for (int i = 0; i < QUAD / 2; i++) {
            mixed[2 * i] = SHUFFLE(row[i], row[i + QUAD / 2], LOW);
            mixed[2 * i + 1] = SHUFFLE(row[i], row[i + QUAD / 2], HIGH);
        }
        for (int i = 0; i < QUAD; i++)
            row[i] = mixed[i];
    }
    for (int i = 0; i < QUAD; i++)
        *(NAME(Quad) *)(to + i * to_row) = row[i];
}

/* Copy b (depth, columns) into panels of COLUMNS columns, the last one filled up with zeros. */
TARGET static inline void NAME(pack)(const void *b, ptrdiff_t b_row, ptrdiff_t b_column,
                                     ptrdiff_t depth, ptrdiff_t columns, void *packed)
{
    FLOAT *to = packed;
    for (ptrdiff_t begin = 0; begin < columns; begin += COLUMNS) {
        const FLOAT *from = (const FLOAT *)b + begin * b_column;
        const ptrdiff_t left = columns - begin, squares = depth / QUAD * QUAD;
        ptrdiff_t k = 0;
        if (b_row == 1 && left >= COLUMNS)
            for (ptrdiff_t end = 0; k < squares; k = end) { /* pieces that stay in the cache */
                end = k + 128 < squares ? k + 128 : squares;
                for (ptrdiff_t j = 0; j < COLUMNS; j += QUAD)
                    for (ptrdiff_t i = k; i < end; i += QUAD)
                        NAME(transpose)(from + i + j * b_column, b_column, to + i * COLUMNS + j,
                                        COLUMNS);
            }
        if (b_column == 1 && left >= COLUMNS)
            for (; k < depth; k++)
                memcpy(to + k * COLUMNS, from + k * b_row, COLUMNS * sizeof(FLOAT));
        for (; k < depth; k++)
            for (ptrdiff_t j = 0; j < COLUMNS; j++)
                to[k * COLUMNS + j] = j < left ? from[k * b_row + j * b_column] : 0;
        to += depth * COLUMNS;
    }
}

/* Columns begin to end - 1 of the product of one row with a b whose columns are contiguous. */
TARGET static inline void NAME(dots)(const Product *p, ptrdiff_t b_column, ptrdiff_t begin,
                                     ptrdiff_t end)
{
    const FLOAT *a = p->a, *bias = p->bias;
    for (ptrdiff_t j = begin; j < end; j++) {
        const FLOAT *b = (const FLOAT *)p->b + j * b_column;
        VECTOR sum = {0};
        FLOAT lanes[LANES], total = bias == NULL ? 0 : bias[j];
        ptrdiff_t k = 0;
        for (; k + LANES <= p->depth; k += LANES)
            sum += *(const VECTOR *)(a + k) * *(const VECTOR *)(b + k);
        memcpy(lanes, &sum, sizeof(lanes));
        for (ptrdiff_t i = 0; i < LANES; i++)
            total += lanes[i];
        for (; k < p->depth; k++)
            total += a[k] * b[k];
        ((FLOAT *)p->y)[j] = p->relu && total < 0 ? 0 : total;
    }
}

#include "sparse_template.h"

/* One panel and block of rows of a matrix product. Long sums are cut so that the piece of b stays
   in the cache while the rows go by; the cuts are fixed, and so is the order of the additions. */
TARGET static inline void NAME(matmul)(void *arguments, ptrdiff_t index, int worker)
{
    const MatMul *m = arguments;
    const ptrdiff_t sparse_tasks = m->wide * m->wide_blocks * m->parts;
    if (index < sparse_tasks) {
        NAME(sparse_matmul)(m, index, worker);
        return;
    }
    Product p = m->product;
    const ptrdiff_t depth = p.depth, done = m->wide * WIDE;
    const ptrdiff_t panels = (p.columns + COLUMNS - 1) / COLUMNS - done;
    const ptrdiff_t panel = done + (index - sparse_tasks) % panels;
    const ptrdiff_t block = (index - sparse_tasks) / panels;
    const ptrdiff_t column = panel * COLUMNS, left = p.columns - column;
    if (p.rows == 1 && p.b_row == 1 && m->a_column == 1) {
        NAME(dots)(&p, m->b_column, column, left < COLUMNS ? p.columns : column + COLUMNS);
        return;
    }
    for (ptrdiff_t k = 0; k == 0 || k < depth; k += DEPTH_BLOCK) {
        const int last = k + DEPTH_BLOCK >= depth;
        p.depth = last ? depth - k : DEPTH_BLOCK;
        p.a = (const FLOAT *)m->product.a + k * m->a_column;
        p.b = (const FLOAT *)m->product.b + k * m->product.b_row;
        if (m->pack || left < COLUMNS) {
            FLOAT *packed = (FLOAT *)m->packed + worker * m->room;
            NAME(pack)((const FLOAT *)p.b + column * m->b_column, m->product.b_row, m->b_column,
                       p.depth, left < COLUMNS ? left : COLUMNS, packed);
            p.b = packed;
            p.b_panel = 0;
            p.b_row = COLUMNS;
        }
        p.add = k > 0;
        p.bias = k > 0 ? NULL : m->product.bias;
        p.relu = last && m->product.relu;
        NAME(product_rows)(&p, panel, block * p.rows / m->row_blocks,
                           (block + 1) * p.rows / m->row_blocks);
    }
}

/* Copy a window of an image (H, W, C) from (row, column) on, which may stick out: zeros there. */
TARGET static inline void NAME(cut)(const FLOAT *image, ptrdiff_t H, ptrdiff_t W, ptrdiff_t C,
                                    ptrdiff_t row, ptrdiff_t column, ptrdiff_t height,
                                    ptrdiff_t width, FLOAT *window)
{
    ptrdiff_t left = column < 0 ? -column : 0, right = column + width - W;
    left = left < width ? left : width;
    right = right < 0 ? 0 : right < width - left ? right : width - left;
    const ptrdiff_t inside = width - left - right;
    for (ptrdiff_t i = row; i < row + height; i++, window += width * C) {
        if (i < 0 || i >= H) {
            memset(window, 0, width * C * sizeof(FLOAT));
            continue;
        }
        memset(window, 0, left * C * sizeof(FLOAT));
        memcpy(window + left * C, image + (i * W + column + left) * C, inside * C * sizeof(FLOAT));
        memset(window + (left + inside) * C, 0, right * C * sizeof(FLOAT));
    }
}

/* What `rows` rows of y from `first` on see of image n: in place, or with its padding cut out. */
TARGET static inline const FLOAT *NAME(window)(const Conv *c, ptrdiff_t n, ptrdiff_t first,
                                               ptrdiff_t rows, int worker)
{
    const FLOAT *image = (const FLOAT *)c->x + n * c->H * c->W * c->C;
    const ptrdiff_t step = c->pool_height * c->stride_height;
    if (!c->padded)
        return image + first * step * c->W * c->C;
    FLOAT *window = (FLOAT *)c->scratch + worker * c->scratch_size;
    NAME(cut)(image, c->H, c->W, c->C, first * step - c->top, -c->left,
              (rows - 1) * step + c->reach_height, c->window_width, window);
    return window;
}

/* y, winner = the largest of the cells of a window in map (cells, F), and which it was, the first
   if several are equal; 0 and NO_WINNER where relu is given and none is positive. For up to LANES
   filters. */
TARGET INLINE void NAME(pool_window)(const Conv *c, const FLOAT *map, FLOAT *y,
                                     unsigned char *winner, const ptrdiff_t filters,
                                     const int cells)
{
    FLOAT few[LANES] = {0};
    VECTOR best = {0};
    NAME(VectorBits) which = {0};
    if (c->product.relu)
        which = which + NO_WINNER;
    for (int cell = 0; cell < cells; cell++, map += c->F) {
        if (filters < LANES)
            memcpy(few, map, filters * sizeof(FLOAT));
        const VECTOR value = *(const VECTOR *)(filters < LANES ? few : map);
        if (cell == 0 && !c->product.relu)
            best = value;
        /* The first NaN wins, as in NumPy. */
        const NAME(VectorBits) more =
            ~WHERE(VectorBits, value <= best) & WHERE(VectorBits, best == best);
        best = CHOOSE(Vector, more, value, best);
        which = (more & cell) | (~more & which);
    }
    const NAME(Bytes) number = NARROW(which);
    if (filters < LANES) {
        memcpy(y, &best, filters * sizeof(FLOAT));
        memcpy(winner, &number, filters);
    } else {
        *(VECTOR *)y = best;
        *(NAME(Bytes) *)winner = number;
    }
}

TARGET INLINE void NAME(pool_some)(const Conv *c, ptrdiff_t windows, const FLOAT *map, FLOAT *y,
                                   unsigned char *winner, const int cells)
{
    const ptrdiff_t F = c->F;
    for (; windows > 0; windows--, y += F, winner += F, map += cells * F) {
        ptrdiff_t f = 0;
        for (; f + LANES <= F; f += LANES)
            NAME(pool_window)(c, map + f, y + f, winner + f, LANES, cells);
        if (f < F)
            NAME(pool_window)(c, map + f, y + f, winner + f, F - f, cells);
    }
}

TARGET static inline void NAME(pool_windows)(const Conv *c, ptrdiff_t windows, const FLOAT *map,
                                             FLOAT *y, unsigned char *winner)
{
    const int cells = (int)(c->pool_height * c->pool_width);
    if (cells == 4)
        NAME(pool_some)(c, windows, map, y, winner, 4); /* unrolled */
    else
        NAME(pool_some)(c, windows, map, y, winner, cells);
}

#include "dropout_template.h"

/* Drop elements of y, which relu and pooling have made. */
TARGET static inline void NAME(drop_windows)(const Conv *c, FLOAT *y, ptrdiff_t first,
                                             ptrdiff_t last)
{
    unsigned char *restrict winner = c->winner;
    NAME(drop)(&c->dropout, y, y, first, last);
    IVDEP for (ptrdiff_t i = first; i < last; i++)
        winner[i] |= y[i] == 0 ? NO_WINNER : 0;
}

/* Which outputs in each of a band's rows see anything but zeros of the window: those from `begin`
   to `end` - 1. Beside them are an image's empty margins. Only short rows are looked at, as in the
   first layer: others have no margins that would repay it. */
TARGET static inline void NAME(find_margins)(const Conv *c, const FLOAT *window, ptrdiff_t rows,
                                             ptrdiff_t *begin, ptrdiff_t *end)
{
    const ptrdiff_t height = (rows - 1) * c->pool_height * c->stride_height + c->reach_height;
    INTEGER any[SHORT_ROW];
    *begin = 0;
    *end = c->OW;
    if (c->C == 0 || c->window_width * c->C > SHORT_ROW)
        return;
    const ptrdiff_t step = c->pool_width * c->stride_width * c->C; /* from one output to the next */
    const ptrdiff_t reach = step + ((c->KW - 1) * c->dilation_width - c->stride_width + 1) * c->C;
    const int size = (int)(c->window_width * c->C);
    int first = 0, last = size;
    for (int j = 0; j < size; j++)
        any[j] = 0;
    for (ptrdiff_t i = 0; i < height; i++, window += size)
        for (int j = 0; j < size; j++)
            any[j] |= window[j] != 0;
    for (; first < size && !any[first]; first++);
    for (; last > first && !any[last - 1]; last--);
    if (first >= reach)
        *begin = (first - reach) / step + 1;
    if (*begin > c->OW)
        *begin = c->OW;
    if (last <= (c->OW - 1) * step)
        *end = last <= *begin * step ? *begin : (last - 1) / step + 1;
}

/* Outputs `from` to `to` - 1 of a band that begins with output `start`, perhaps pooled. */
TARGET static inline void NAME(convolve)(const Conv *c, const FLOAT *window, FLOAT *map,
                                         ptrdiff_t start, ptrdiff_t from, ptrdiff_t to)
{
    const ptrdiff_t cells = c->pool_height * c->pool_width, at = (start + from) * c->F;
    for (ptrdiff_t g = 0; g < c->groups; g++) {
        Product p = c->product;
        p.rows = (to - from) * cells;
        p.a = window + g * c->group_channels;
        p.a_row += from * cells;
        p.b = (const FLOAT *)p.b + g * p.b_group;
        p.bias = p.bias == NULL ? NULL : (const FLOAT *)p.bias + g * p.columns;
        p.y = (c->winner == NULL ? (FLOAT *)p.y + at : map) + g * p.columns;
        p.relu = p.relu && c->winner == NULL;
        NAME(product)(&p);
    }
    if (c->winner != NULL)
        NAME(pool_windows)(c, to - from, map, (FLOAT *)c->product.y + at, c->winner + at);
}

/* Set outputs `from` to `to` - 1 to what output number `like` is. */
TARGET static inline void NAME(repeat)(const Conv *c, ptrdiff_t like, ptrdiff_t from, ptrdiff_t to)
{
    const ptrdiff_t F = c->F;
    FLOAT *y = c->product.y;
    for (; from < to; from++) {
        memcpy(y + from * F, y + like * F, F * sizeof(FLOAT));
        if (c->winner != NULL)
            memcpy(c->winner + from * F, c->winner + like * F, F);
    }
}

/* A band of rows of one image's convolution, if `winner` is there pooled (and dropped) before it
   leaves the cache. Outputs that see zeros alone are all the same: one of a row is computed. */
TARGET static inline void NAME(conv_forward)(void *arguments, ptrdiff_t index, int worker)
{
    const Conv *c = arguments;
    const ptrdiff_t n = index / c->bands, first = index % c->bands * c->band_rows;
    const ptrdiff_t rows = first + c->band_rows < c->OH ? c->band_rows : c->OH - first;
    const ptrdiff_t start = (n * c->OH + first) * c->OW, stop = start + rows * c->OW;
    const FLOAT *window = NAME(window)(c, n, first, rows, worker);
    FLOAT *map = (FLOAT *)c->scratch + worker * c->scratch_size + c->window_size;
    ptrdiff_t begin, end;
    NAME(find_margins)(c, window, rows, &begin, &end);
    if (end - begin + 1 >= c->OW) {
        NAME(convolve)(c, window, map, start, 0, rows * c->OW);
    } else {
        const ptrdiff_t like = begin > 0 ? --begin : end++;
        for (ptrdiff_t row = 0; row < rows * c->OW; row += c->OW) {
            NAME(convolve)(c, window, map, start, row + begin, row + end);
            NAME(repeat)(c, start + row + like, start + row, start + row + begin);
            NAME(repeat)(c, start + row + like, start + row + end, start + row + c->OW);
        }
    }
    if (c->dropout.scale != 0)
        NAME(drop_windows)(c, c->product.y, start * c->F, stop * c->F);
}

/* Give the gradient of a window's maximum to the cell that won, 0 to the others, in map (cells, F),
   and add it to that of the bias. For up to HALF filters. */
TARGET INLINE void NAME(unpool_window)(const Conv *c, const FLOAT *gy, const unsigned char *winner,
                                       FLOAT *map, FLOAT *bias, const ptrdiff_t filters,
                                       const int cells)
{
    FLOAT value[HALF] = {0}, sum[HALF] = {0};
    INTEGER number[HALF] = {0};
    for (ptrdiff_t f = 0; f < filters; f++)
        number[f] = winner[f];
    memcpy(value, gy, filters * sizeof(FLOAT));
    memcpy(sum, bias, filters * sizeof(FLOAT));
    const NAME(HalfBits) which = *(const NAME(HalfBits) *)number;
    const NAME(HalfBits) bits = *(const NAME(HalfBits) *)(filters == HALF ? gy : value);
    const NAME(HalfBits) kept = bits & ~WHERE(HalfBits, which == NO_WINNER);
    *(NAME(Half) *)(filters == HALF ? bias : sum) += *(const NAME(Half) *)&kept;
    if (filters < HALF)
        memcpy(bias, sum, filters * sizeof(FLOAT));
    for (int cell = 0; cell < cells; cell++, map += c->F) {
        const NAME(HalfBits) part = bits & WHERE(HalfBits, which == (INTEGER)cell);
        if (filters == HALF)
            *(NAME(HalfBits) *)map = part;
        else
            memcpy(map, &part, filters * sizeof(FLOAT));
    }
}

/* The gradient map (windows, cells, F) of the convolution's result, and that of the bias, from that
   of what was pooled. */
TARGET INLINE void NAME(unpool_some)(const Conv *c, ptrdiff_t windows, const FLOAT *gy,
                                     const unsigned char *winner, FLOAT *map, FLOAT *bias,
                                     const int cells)
{
    const ptrdiff_t F = c->F;
    for (; windows > 0; windows--, gy += F, winner += F, map += cells * F) {
        ptrdiff_t f = 0;
        for (; f + HALF <= F; f += HALF)
            NAME(unpool_window)(c, gy + f, winner + f, map + f, bias + f, HALF, cells);
        if (f < F)
            NAME(unpool_window)(c, gy + f, winner + f, map + f, bias + f, F - f, cells);
    }
}

TARGET static inline void NAME(unpool)(const Conv *c, ptrdiff_t windows, const FLOAT *gy,
                                       const unsigned char *winner, FLOAT *map, FLOAT *bias)
{
    const int cells = (int)(c->pool_height * c->pool_width);
    if (cells == 4)
        NAME(unpool_some)(c, windows, gy, winner, map, bias, 4); /* unrolled */
    else
        NAME(unpool_some)(c, windows, gy, winner, map, bias, cells);
}

/* Add columns.T @ gy to a sum, for the pixels `from` to `to` - 1 of a band; gy is theirs. */
TARGET static inline void NAME(add_pixels)(const Conv *c, const FLOAT *window, const FLOAT *gy,
                                           FLOAT *packed, FLOAT *sums, ptrdiff_t from, ptrdiff_t to)
{
    for (ptrdiff_t g = 0; g < c->groups; g++) {
        Product p = c->product;
        p.depth = to - from;
        p.a = window + g * c->group_channels;
        p.a_column += from;
        p.b = gy + g * p.columns;
        if (c->pack) {
            NAME(pack)(p.b, c->F, 1, p.depth, p.columns, packed);
            p.b = packed;
            p.b_panel = p.depth * COLUMNS;
        }
        p.y = sums + g * p.columns;
        NAME(product)(&p);
    }
}

/* Add gy to the gradient of the bias wherever there is a winner. */
TARGET static inline void NAME(add_bias)(const Conv *c, ptrdiff_t windows, const FLOAT *gy,
                                         const unsigned char *winner, FLOAT *restrict bias)
{
    for (; windows > 0; windows--, gy += c->F, winner += c->F)
        for (ptrdiff_t f = 0; f < c->F; f++)
            bias[f] += winner[f] == NO_WINNER ? 0 : gy[f];
}

/* The gradient of the kernel, columns.T @ gy, over a chunk of images: one partial sum. If the
   result was pooled, it goes band by band, margins may be left out, and the gradient of the bias
   follows as one more row. */
TARGET static inline void NAME(sum_chunk)(const Conv *c, ptrdiff_t index, int worker, int margins,
                                          FLOAT *sums, FLOAT *bias)
{
    const ptrdiff_t from = index * c->N / c->chunks, to = (index + 1) * c->N / c->chunks, F = c->F;
    const ptrdiff_t cells = c->pool_height * c->pool_width;
    FLOAT *map = (FLOAT *)c->scratch + worker * c->scratch_size + c->window_size;
    FLOAT *packed = (FLOAT *)c->scratch + (worker + 1) * c->scratch_size - c->pack;
    memset(sums, 0, (c->product.rows + (c->winner != NULL)) * F * sizeof(FLOAT));
    for (ptrdiff_t band = from * c->bands; band < to * c->bands; band++) {
        const ptrdiff_t n = band / c->bands, first = band % c->bands * c->band_rows;
        const ptrdiff_t rows = first + c->band_rows < c->OH ? c->band_rows : c->OH - first;
        const FLOAT *window = NAME(window)(c, n, first, rows, worker);
        const ptrdiff_t start = (n * c->OH + first) * c->OW * F;
        const FLOAT *gy = (const FLOAT *)c->product.b + start;
        const unsigned char *winner = c->winner == NULL ? NULL : c->winner + start;
        ptrdiff_t begin = 0, end = c->OW, outputs = c->OW;
        if (margins)
            NAME(find_margins)(c, window, rows, &begin, &end);
        if (end - begin == outputs) /* all rows at once */
            outputs = end = rows * c->OW;
        for (ptrdiff_t at = 0; at < rows * c->OW; at += outputs, gy += outputs * F) {
            const FLOAT *part = gy;
            if (c->winner != NULL) {
                NAME(unpool)(c, end - begin, gy + begin * F, winner + begin * F, map, bias);
                NAME(add_bias)(c, begin, gy, winner, bias);
                NAME(add_bias)(c, outputs - end, gy + end * F, winner + end * F, bias);
                winner += outputs * F;
                part = map;
            }
            NAME(add_pixels)(c, window, part, packed, sums, (at + begin) * cells,
                             (at + end) * cells);
        }
    }
}

TARGET static inline void NAME(conv_backward_kernel)(void *arguments, ptrdiff_t index, int worker)
{
    const Conv *c = arguments;
    FLOAT *sums = (FLOAT *)c->product.y + index * (c->product.rows + (c->winner != NULL)) * c->F;
    FLOAT *bias = sums + c->product.rows * c->F;
    NAME(sum_chunk)(c, index, worker, c->winner != NULL, sums, bias);
    for (ptrdiff_t f = 0; c->winner != NULL && f < c->F; f++)
        if (bias[f] - bias[f] != 0) { /* gy is not finite: 0 times that is NaN, in margins too */
            NAME(sum_chunk)(c, index, worker, 0, sums, bias);
            break;
        }
}

/* The gradient of one image: each pixel's row of gy @ w.T is added to the patch that it came from,
   in place, or in a window with the padding, of which the image is then cut out. */
TARGET static inline void NAME(conv_backward_input)(void *arguments, ptrdiff_t index, int worker)
{
    const Conv *c = arguments;
    const ptrdiff_t size = c->H * c->W * c->C, gy_size = c->OH * c->OW * c->F;
    FLOAT *image = (FLOAT *)c->product.y + index * size;
    FLOAT *window = c->padded ? (FLOAT *)c->scratch + worker * c->scratch_size : image;
    const FLOAT *bias = c->product.bias, least = c->product.relu ? 0 : -INFINITY;
    memset(window, 0, (c->padded ? c->window_size : size) * sizeof(FLOAT));
    for (ptrdiff_t g = 0; g < c->groups; g++) {
        Product p = c->product;
        p.a = (const FLOAT *)p.a + index * gy_size + g * p.depth;
        p.b = (const FLOAT *)p.b + g * p.b_group;
        p.y = window + g * c->group_channels;
        p.bias = NULL;
        p.relu = 0;
        NAME(product)(&p);
    }
    if (c->padded)
        NAME(cut)(window, c->window_size / (c->window_width * c->C), c->window_width, c->C, c->top,
                  c->left, c->H, c->W, image);
    if (bias != NULL || c->product.relu)
        for (FLOAT *pixel = image; pixel < image + size; pixel += c->C)
            NAME(store)(bias == NULL ? pixel : bias, pixel, c->C, bias != NULL, least);
}

/* One chunk of y: the arrays are added in order, and relu comes last. */
TARGET static inline void NAME(add_sums)(void *arguments, ptrdiff_t index, int worker)
{
    const Sums *s = arguments;
    const ptrdiff_t first = chunk_begin(s->size, index);
    const ptrdiff_t size = chunk_begin(s->size, index + 1) - first;
    FLOAT *restrict y = (FLOAT *)s->y + first;
    memcpy(y, (const FLOAT *)s->x + first, size * sizeof(FLOAT));
    for (ptrdiff_t i = 1; i < s->count; i++) {
        const FLOAT *restrict x = (const FLOAT *)s->x + i * s->step + first;
        for (ptrdiff_t j = 0; j < size; j++)
            y[j] += x[j];
    }
    for (ptrdiff_t j = 0; s->relu && j < size; j++)
        y[j] = y[j] < 0 ? 0 : y[j];
}

TARGET static inline ptrdiff_t NAME(panel_columns)(void)
{
    return COLUMNS;
}

TARGET static inline ptrdiff_t NAME(tile_rows)(void)
{
    return ROWS;
}

#undef VECTOR
#undef LANES
#undef HALF
#undef HALF_BYTES
#undef HALF_VECTOR
#undef COLUMNS
#undef QUAD
#undef SHUFFLE
#undef BYTE_VECTOR
#undef NARROW
#undef WHERE
#undef CHOOSE
#undef RELU
#undef PREFETCH
#undef LINE
#undef INLINE
