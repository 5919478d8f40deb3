/* The micro-kernel of sums over samples that several ranks share.

   Each shard of the samples gives a sum of its own, and these are added as a tree:

       y[i, j] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
       s0      = sum over k of a[i, k] * b[k, j]          cuts[0] <= k < cuts[1]

   So ranks that each have a part of the tree get the same bits. A product for each shard, added to
   y, would store and load y again and again: with 4 samples a shard that takes 4 times as long. */
#pragma once

#include "simd.h"

/* 16 or 8 sums at once keep the multipliers busy; what waits in the tree goes to the stack. */
enum { TREE_ROWS = MR >= 12 ? 8 : 4 };

typedef struct {
    Vector sum[TREE_ROWS][2];
} TreeTile;

INLINE TreeTile sum_of_shard(const MatMul *m, const real *a, const real *b, isize shard) {
    const isize begin = m->cuts[shard], end = m->cuts[shard + 1];
    TreeTile x = {0};
    a += begin * COPIED_ROWS;
    b += begin * NR;
    for (isize k = begin; k < end; k++, a += COPIED_ROWS, b += NR) {
        const Vector b_vector[2] = {((const Vector *)b)[0], ((const Vector *)b)[1]};
        UNROLL for (int i = 0; i < TREE_ROWS; i++)
            UNROLL for (int v = 0; v < 2; v++) x.sum[i][v] += a[i] * b_vector[v];
    }
    return x;
}

INLINE TreeTile add_tiles(TreeTile x, const TreeTile y) {
    UNROLL for (int i = 0; i < TREE_ROWS; i++)
        UNROLL for (int v = 0; v < 2; v++) x.sum[i][v] += y.sum[i][v];
    return x;
}

/* The tree of 4 shards, of which none is empty: two tiles are in registers meanwhile. */
INLINE TreeTile tree_of_4(const MatMul *m, const real *a, const real *b, isize shard) {
    const TreeTile x = add_tiles(sum_of_shard(m, a, b, shard), sum_of_shard(m, a, b, shard + 1));
    return add_tiles(x, add_tiles(sum_of_shard(m, a, b, shard + 2),
                                  sum_of_shard(m, a, b, shard + 3)));
}

/* The tree of `count` shards, a power of two. A shard without samples is left out, since its 0
   would turn -0 into 0. */
static TreeTile tree(const MatMul *m, const real *a, const real *b, isize shard, isize count) {
    const isize *cuts = m->cuts + shard, half = count / 2;
    if (count == 1) return sum_of_shard(m, a, b, shard);
    if (cuts[0] == cuts[half]) return tree(m, a, b, shard + half, half);
    if (cuts[half] == cuts[count]) return tree(m, a, b, shard, half);
    if (count == 4 && cuts[0] < cuts[1] && cuts[1] < cuts[2] && cuts[2] < cuts[3] &&
        cuts[3] < cuts[4])
        return tree_of_4(m, a, b, shard);
    return add_tiles(tree(m, a, b, shard, half), tree(m, a, b, shard + half, half));
}

/* A task: few rows of a, and all of b, which is packed. The rows are copied. a is x.T: its columns
   lie in a page of memory each, and each page would be looked up for every tile. */
static inline void sum_shards(const MatMul *m, isize index, int worker) {
    const Gemm *g = &m->gemm;
    const isize first = index * COPIED_ROWS, rows = least(COPIED_ROWS, g->rows - first);
    const real *from = (const real *)g->a + first * m->a_row_stride;
    real *a = (real *)m->packed + worker * m->packed_size;
    for (isize k = 0; k < g->depth; k++, from += m->a_column_stride)
        if (m->a_row_stride == 1 && rows == COPIED_ROWS)
            memcpy(a + k * COPIED_ROWS, from, COPIED_ROWS * sizeof(real));
        else
            for (isize i = 0; i < COPIED_ROWS; i++)
                a[k * COPIED_ROWS + i] = i < rows ? from[i * m->a_row_stride] : 0;
    for (isize column = 0; column < g->columns; column += NR)
        for (isize i = 0; i < rows; i += TREE_ROWS) {
            const TreeTile x = tree(m, a + i, (const real *)g->b + column * g->depth, 0, m->shards);
            real *y = (real *)g->y + (first + i) * g->columns + column;
            const isize columns = least(NR, g->columns - column);
            for (isize row = 0; row < least(TREE_ROWS, rows - i); row++, y += g->columns)
                memcpy(y, x.sum[row], columns * sizeof(real));
        }
}
