/* Part of a template (levels.h): y = a @ b where a third of a or more is 0, as behind relu and
   dropout.

   A word of 64 bits tells which of 64 elements in a row of a are not 0. Only for those is the row
   of b read, times a[i, k], and added to a row of y, of which WIDE panels (8 vectors) stay in
   registers:

       a[i, :]    0 0 3 0 5 0 0 2 ...            sum = 3 * b[2, :] + 5 * b[4, :] + 2 * b[7, :] + ...
       bits       0 0 1 0 1 0 0 1 ...

   64 rows of b stay in the nearest cache while all rows of a go by. For (60, 5408) @ (5408, 128) it
   takes 0.4 times as long as tiles if a fifth of a is not 0, 0.7 times if a half is not, and as
   long if three quarters are not. */

/* bits[i] = which of a[i, 0] to a[i, depth - 1] are not 0; depth is at most 64. */
TARGET static inline void NAME(find_nonzero)(const FLOAT *a, ptrdiff_t a_row, ptrdiff_t a_column,
                                             ptrdiff_t rows, ptrdiff_t depth, uint64_t *bits)
{
    uint32_t half[2][64] = {{0}}; /* gcc 12 vectorizes these better than words of 64 bits */
    if (a_column != 1 || depth < 64) {
        for (ptrdiff_t k = 0; k < depth; k++, a += a_column)
            for (ptrdiff_t i = 0; i < rows; i++)
                half[k / 32][i] |= -(uint32_t)(a[i * a_row] != 0) & (uint32_t)1 << k % 32;
        for (ptrdiff_t i = 0; i < rows; i++)
            bits[i] = half[0][i] | (uint64_t)half[1][i] << 32;
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++, a += a_row) {
        uint32_t low = 0, high = 0;
        for (int k = 0; k < 32; k++) {
            low |= -(uint32_t)(a[k] != 0) & (uint32_t)1 << k;
            high |= -(uint32_t)(a[k + 32] != 0) & (uint32_t)1 << k;
        }
        bits[i] = low | (uint64_t)high << 32;
    }
}

/* The same for all of a, 64 elements of each row and then the next 64: for tasks with other columns
   of b, which would each find it out. */
TARGET static inline void NAME(find_all)(const MatMul *m)
{
    const Product *p = &m->product;
    for (ptrdiff_t k = 0; k < p->depth; k += 64)
        for (ptrdiff_t i = 0; i < p->rows; i += 64)
            NAME(find_nonzero)((const FLOAT *)p->a + i * m->a_row + k * m->a_column, m->a_row,
                               m->a_column, p->rows - i < 64 ? p->rows - i : 64,
                               p->depth - k < 64 ? p->depth - k : 64,
                               m->bits + k / 64 * p->rows + i);
}

/* Vector v of row k of b, of which the panels may lie apart. */
TARGET INLINE VECTOR NAME(b_vector)(const Product *p, ptrdiff_t k, int v)
{
    const FLOAT *row = (const FLOAT *)p->b + k * p->b_row + v / 2 * p->b_panel;
    return ((const VECTOR *)row)[v % 2];
}

/* Whether b has neither infinities nor NaN: 0 times those is NaN, and must not be passed over. */
TARGET static inline int NAME(is_finite)(const Product *p)
{
    VECTOR zero[2 * WIDE] = {0};
    FLOAT lanes[2 * WIDE * LANES], total = 0;
    for (ptrdiff_t k = 0; k < p->depth; k++)
        for (int v = 0; v < 2 * WIDE; v++)
            zero[v] += 0 * NAME(b_vector)(p, k, v);
    memcpy(lanes, zero, sizeof(lanes));
    for (int i = 0; i < 2 * WIDE * LANES; i++)
        total += lanes[i];
    return total == 0;
}

/* y = relu(start + the sum of a[k] * b[k, :] over those k that have a bit). */
TARGET static inline void NAME(sparse_row)(const Product *p, const FLOAT *a, ptrdiff_t a_column,
                                           uint64_t bits, const FLOAT *start, FLOAT *y)
{
    VECTOR sum[2 * WIDE];
#pragma GCC unroll 8
    for (int v = 0; v < 2 * WIDE; v++)
        sum[v] = ((const VECTOR *)start)[v];
    for (; bits != 0; bits &= bits - 1) { /* the lowest one is done */
        const int k = lowest_bit(bits);
#pragma GCC unroll 8
        for (int v = 0; v < 2 * WIDE; v++)
            sum[v] += a[k * a_column] * NAME(b_vector)(p, k, v);
    }
#pragma GCC unroll 8
    for (int v = 0; v < 2 * WIDE; v++)
        ((VECTOR *)y)[v] = p->relu ? RELU(sum[v]) : sum[v];
}

/* WIDE panels, a block of rows and a part of the depth, 64 rows of b at a time. */
TARGET static inline void NAME(sparse_matmul)(const MatMul *m, ptrdiff_t index, int worker)
{
    const ptrdiff_t wide = index % m->wide, block = index / m->wide % m->wide_blocks;
    const ptrdiff_t part = index / m->wide / m->wide_blocks, column = wide * WIDE * COLUMNS;
    Product p = m->product;
    const ptrdiff_t begin = block * p.rows / m->wide_blocks;
    const ptrdiff_t end = (block + 1) * p.rows / m->wide_blocks;
    const ptrdiff_t from = part * m->part_depth, left = p.depth - from;
    const ptrdiff_t to = left < m->part_depth ? p.depth : from + m->part_depth;
    FLOAT start[WIDE * COLUMNS] = {0}, *packed = (FLOAT *)m->packed + worker * m->room;
    FLOAT *y = (FLOAT *)(m->parts == 1 ? p.y : m->sums) + part * p.rows * p.columns + column;
    uint64_t found[64];
    const uint64_t *bits = found;
    if (part == 0 && p.bias != NULL)
        memcpy(start, (const FLOAT *)p.bias + column, sizeof(start));
    p.y = y;
    p.columns = WIDE * COLUMNS;
    for (ptrdiff_t k = from; k < to; k += 64) {
        p.depth = to - k < 64 ? to - k : 64;
        p.a = (const FLOAT *)m->product.a + k * m->a_column;
        p.b = (const FLOAT *)m->product.b + k * m->product.b_row + column * m->b_column;
        /* in place only where rows adjoin: far apart they push each other out of the cache */
        if (m->b_column != 1 || m->wide > 1) {
            NAME(pack)(p.b, m->product.b_row, m->b_column, p.depth, p.columns, packed);
            p.b = packed;
            p.b_panel = p.depth * COLUMNS;
            p.b_row = COLUMNS;
        }
        p.add = k > from;
        p.bias = p.add ? NULL : start;
        p.relu = m->product.relu && m->parts == 1 && k + 64 >= to;
        if (!NAME(is_finite)(&p)) {
            for (ptrdiff_t panel = 0; panel < WIDE; panel++)
                NAME(product_rows)(&p, panel, begin, end);
            continue;
        }
        for (ptrdiff_t i = begin; i < end; i++) {
            const FLOAT *a = (const FLOAT *)p.a + i * m->a_row;
            FLOAT *sum = y + p.y_row[i];
            if ((i - begin) % 64 == 0 && m->bits != NULL)
                bits = m->bits + k / 64 * p.rows + i;
            else if ((i - begin) % 64 == 0)
                NAME(find_nonzero)(a, m->a_row, m->a_column, end - i < 64 ? end - i : 64, p.depth,
                                   found);
            NAME(sparse_row)(&p, a, m->a_column, bits[(i - begin) % 64], p.add ? sum : start, sum);
        }
    }
}
