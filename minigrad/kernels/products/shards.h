/* The micro-kernel of sums over samples that several ranks share.

   Each shard of the samples gives a sum of its own, and these are added as a tree:

       y[i, j] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
       s0      = sum over k of a[i, k] * b[k, j]          cuts[0] <= k < cuts[1]

   So ranks that each have a part of the tree get the same bits. A product for each shard, added to
   y, would store and load y again and again: with 4 samples a shard that takes 4 times as long. */
#pragma once

#include "simd.h"

/* 16 or 12 sums at once keep the multipliers busy; what waits in the tree goes to the stack. */
enum { TREE_ROWS = MR >= 12 ? 8 : 6 };

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

/* The trees of 4 and of 8 shards, spelled out: a function that is not inlined returns its tile in
   memory, and that takes 1.2 times as long (AVX2: 1.5 times). */
INLINE TreeTile tree_of_4(const MatMul *m, const real *a, const real *b, isize shard) {
    const TreeTile x = add_tiles(sum_of_shard(m, a, b, shard), sum_of_shard(m, a, b, shard + 1));
    return add_tiles(x, add_tiles(sum_of_shard(m, a, b, shard + 2),
                                  sum_of_shard(m, a, b, shard + 3)));
}

INLINE TreeTile tree_of_8(const MatMul *m, const real *a, const real *b, isize shard) {
    return add_tiles(tree_of_4(m, a, b, shard), tree_of_4(m, a, b, shard + 4));
}

INLINE int are_filled(const isize *cuts, isize count) {
    for (isize i = 0; i < count; i++)
        if (cuts[i] == cuts[i + 1]) return 0;
    return 1;
}

/* The tree of `count` shards, a power of two. A shard without samples is left out, since its 0
   would turn -0 into 0. */
static TreeTile tree(const MatMul *m, const real *a, const real *b, isize shard, isize count) {
    const isize *cuts = m->cuts + shard, half = count / 2;
    if (count == 1) return sum_of_shard(m, a, b, shard);
    if (cuts[0] == cuts[half]) return tree(m, a, b, shard + half, half);
    if (cuts[half] == cuts[count]) return tree(m, a, b, shard, half);
    if (count == 8 && are_filled(cuts, 8)) return tree_of_8(m, a, b, shard);
    return add_tiles(tree(m, a, b, shard, half), tree(m, a, b, shard + half, half));
}

INLINE void store_tile(const TreeTile x, real *y, isize stride, isize rows, isize columns) {
    if (rows >= TREE_ROWS && columns >= NR)
        UNROLL for (int i = 0; i < TREE_ROWS; i++)
            UNROLL for (int v = 0; v < 2; v++) ((Vector *)(y + i * stride))[v] = x.sum[i][v];
    else
        for (isize i = 0; i < least(TREE_ROWS, rows); i++)
            memcpy(y + i * stride, x.sum[i], columns * sizeof(real));
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
    const isize filled = are_filled(m->cuts, m->shards) ? m->shards : 0;
    for (isize column = 0; column < g->columns; column += NR)
        for (isize i = 0; i < rows; i += TREE_ROWS) {
            const real *b = (const real *)g->b + column * g->depth;
            real *y = (real *)g->y + (first + i) * g->columns + column;
            const isize left = rows - i, columns = least(NR, g->columns - column);
            if (filled == 8) store_tile(tree_of_8(m, a + i, b, 0), y, g->columns, left, columns);
            else if (filled == 4)
                store_tile(tree_of_4(m, a + i, b, 0), y, g->columns, left, columns);
            else store_tile(tree(m, a + i, b, 0, m->shards), y, g->columns, left, columns);
        }
}
