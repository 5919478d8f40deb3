/* The micro-kernel of sums over samples that several ranks share.

   Each shard of the samples gives a sum of its own, and these are added as a tree:

       y[i, j] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
       s0      = sum over k of a[i, k] * b[k, j]          cuts[0] <= k < cuts[1]

   So ranks that each have a part of the tree get the same bits. A product for each shard, added to
   y, would store and load y again and again: with 4 samples a shard that takes 4 times as long. */
#pragma once

#include "zero_skip.h"

/* 12 sums at once keep the multipliers busy; what waits in the tree goes to the stack. */
enum { TREE_ROWS = 6 };

/* TREE_ROWS rows of a panel; where zeros are skipped, one row of BLOCK_PANELS panels. */
typedef struct {
    Vector sum[TREE_ROWS][2];
} TreeTile;

/* What a tile is the product of: rows of a, which were copied, and panels of b. */
typedef struct {
    const real *a, *b;
    const isize *cuts;
    isize b_row_stride, b_panel_stride;
    const uint64_t *nonzero; /* of the row in each shard, COPIED_ROWS apart */
} Factors;

INLINE void sum_shard(const Factors *f, isize shard, const int skips, TreeTile *x) {
    const isize begin = f->cuts[shard], end = f->cuts[shard + 1];
    const real *a = f->a + begin * COPIED_ROWS, *b = f->b + begin * f->b_row_stride;
    Vector sum[TREE_ROWS][2] = {{{0}}};
    if (!skips)
        for (isize k = begin; k < end; k++, a += COPIED_ROWS, b += NR) {
            const Vector b_vector[2] = {((const Vector *)b)[0], ((const Vector *)b)[1]};
            UNROLL for (int i = 0; i < TREE_ROWS; i++)
                UNROLL for (int v = 0; v < 2; v++) sum[i][v] += a[i] * b_vector[v];
        }
    else
        for (uint64_t bits = f->nonzero[shard * COPIED_ROWS]; bits != 0; bits &= bits - 1) {
            const int k = __builtin_ctzll(bits);
            const real *row = b + k * f->b_row_stride;
            UNROLL for (int i = 0; i < BLOCK_PANELS; i++, row += f->b_panel_stride)
                UNROLL for (int v = 0; v < 2; v++)
                    sum[i][v] += a[k * COPIED_ROWS] * ((const Vector *)row)[v];
        }
    UNROLL for (int i = 0; i < TREE_ROWS; i++)
        UNROLL for (int v = 0; v < 2; v++) x->sum[i][v] = sum[i][v];
}

INLINE void add_tile(TreeTile *x, const TreeTile *y) {
    UNROLL for (int i = 0; i < TREE_ROWS; i++)
        UNROLL for (int v = 0; v < 2; v++) x->sum[i][v] += y->sum[i][v];
}

/* The trees of 4 and of 8 shards, spelled out: where tiles are returned, or a function is not
   inlined, they go through memory, and that takes 1.2 to 2 times as long. */
INLINE void sum_4_shards(const Factors *f, isize shard, const int skips, TreeTile *x) {
    TreeTile y, z;
    sum_shard(f, shard, skips, x);
    sum_shard(f, shard + 1, skips, &y);
    add_tile(x, &y);
    sum_shard(f, shard + 2, skips, &y);
    sum_shard(f, shard + 3, skips, &z);
    add_tile(&y, &z);
    add_tile(x, &y);
}

INLINE void sum_8_shards(const Factors *f, isize shard, const int skips, TreeTile *x) {
    TreeTile y;
    sum_4_shards(f, shard, skips, x);
    sum_4_shards(f, shard + 4, skips, &y);
    add_tile(x, &y);
}

INLINE int are_filled(const isize *cuts, isize count) {
    for (isize i = 0; i < count; i++)
        if (cuts[i] == cuts[i + 1]) return 0;
    return 1;
}

/* The tree of `count` shards, a power of two. A shard without samples is left out, since its 0
   would turn -0 into 0. */
static void sum_tree(const Factors *f, isize shard, isize count, TreeTile *x) {
    const isize *cuts = f->cuts + shard, half = count / 2;
    TreeTile y;
    if (count == 1) sum_shard(f, shard, 0, x);
    else if (cuts[0] == cuts[half]) sum_tree(f, shard + half, half, x);
    else if (cuts[half] == cuts[count]) sum_tree(f, shard, half, x);
    else if (count == 8 && are_filled(cuts, 8)) sum_8_shards(f, shard, 0, x);
    else {
        sum_tree(f, shard, half, x);
        sum_tree(f, shard + half, half, &y);
        add_tile(x, &y);
    }
}

INLINE void store_tile(const TreeTile *x, real *y, isize stride, isize rows, isize columns) {
    if (rows >= TREE_ROWS && columns >= NR)
        UNROLL for (int i = 0; i < TREE_ROWS; i++)
            UNROLL for (int v = 0; v < 2; v++) ((Vector *)(y + i * stride))[v] = x->sum[i][v];
    else
        for (isize i = 0; i < least(TREE_ROWS, rows); i++)
            memcpy(y + i * stride, x->sum[i], columns * sizeof(real));
}

/* Copy up to COPIED_ROWS rows: of x.T, whose columns lie in a page of memory each, and each page
   would be looked up for every tile. */
static inline void copy_rows(const real *from, isize row_stride, isize column_stride, isize rows,
                             isize depth, real *a) {
    for (isize k = 0; k < depth; k++, from += column_stride, a += COPIED_ROWS)
        if (row_stride == 1 && rows == COPIED_ROWS) memcpy(a, from, COPIED_ROWS * sizeof(real));
        else
            for (isize i = 0; i < COPIED_ROWS; i++) a[i] = i < rows ? from[i * row_stride] : 0;
}

/* The bits of copied rows for each shard, as in zero_skip.h. */
static inline void find_nonzero_in_shards(const MatMul *m, const real *a, isize rows,
                                          uint64_t *nonzero) {
    for (isize shard = 0; shard < m->shards; shard++, nonzero += COPIED_ROWS)
        find_nonzero(a + m->cuts[shard] * COPIED_ROWS, 1, COPIED_ROWS, rows,
                     m->cuts[shard + 1] - m->cuts[shard], nonzero);
}

/* A row of a column block, of 8 shards or of 4. */
static inline void skip_in_row(const Factors *f, isize shards, real *y) {
    TreeTile x;
    if (shards == 8) sum_8_shards(f, 0, 1, &x);
    else sum_4_shards(f, 0, 1, &x);
    UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) ((Vector *)y)[v] = x.sum[v / 2][v % 2];
}

/* A task: few rows of a, which are copied, and all of b, which is packed. */
static inline void sum_shards(const MatMul *m, isize index, int worker) {
    const Gemm *g = &m->gemm;
    const isize first = index * COPIED_ROWS, rows = least(COPIED_ROWS, g->rows - first);
    const isize skipped = m->column_blocks * BLOCK_PANELS * NR, stride = g->columns;
    real *a = (real *)m->packed + worker * m->packed_size, *y = (real *)g->y + first * stride;
    copy_rows((const real *)g->a + first * m->a_row_stride, m->a_row_stride, m->a_column_stride,
              rows, g->depth, a);
    uint64_t nonzero[8 * COPIED_ROWS];
    if (skipped > 0) find_nonzero_in_shards(m, a, rows, nonzero);
    for (isize column = 0; column < skipped; column += BLOCK_PANELS * NR)
        for (isize i = 0; i < rows; i++) {
            const real *b = (const real *)g->b + column * g->depth;
            const Factors f = {a + i, b, m->cuts, NR, g->depth * NR, nonzero + i};
            skip_in_row(&f, m->shards, y + i * stride + column);
        }
    const isize filled = are_filled(m->cuts, m->shards) ? m->shards : 0;
    for (isize column = skipped; column < stride; column += NR)
        for (isize i = 0; i < rows; i += TREE_ROWS) {
            const real *b = (const real *)g->b + column * g->depth;
            const Factors f = {a + i, b, m->cuts, NR, 0, NULL};
            TreeTile x;
            if (filled == 8) sum_8_shards(&f, 0, 0, &x);
            else if (filled == 4) sum_4_shards(&f, 0, 0, &x);
            else sum_tree(&f, 0, m->shards, &x);
            store_tile(&x, y + i * stride + column, stride, rows - i, least(NR, stride - column));
        }
}
