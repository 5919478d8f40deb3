/* The tasks of a matrix product, which the pool of threads shares (gemm.pyx makes the plan).

   A dense task is a panel of b and a block of rows of a. A skipping task (zero_skip.h) is a column
   block of four panels, a block of rows and, if these are too few to share, a piece of the depth
   (split-K).

   **One order of additions.** An element of y is the sum of its pieces of the depth, in order; a
   piece is added up in the order of k, the first one from the bias on. Columns and depth alone
   say where the pieces end. So a row of y has the same bits whatever the number of threads, however
   many rows a has and whatever is in them: leaving out 0 * b changes no sum. */
#pragma once

#include "gemm.h"
#include "pack.h"
#include "shards.h"
#include "turned.h"
#include "zero_skip.h"

/* A dense task: one panel of b and one block of rows, a piece of the depth at a time. */
static inline void dense_matmul(const MatMul *m, isize index, int worker) {
    Gemm g = m->gemm; /* becomes the product of a piece's columns of a with its rows of b */
    const isize depth = g.depth, skipped = m->column_blocks * BLOCK_PANELS;
    const isize panels = (g.columns + NR - 1) / NR - skipped;
    const isize panel = skipped + index % panels, block = index / panels;
    const isize column = panel * NR, columns = least(NR, g.columns - column);
    for (isize k = 0; k == 0 || k < depth; k += m->piece_depth) { /* depth 0: y = relu(bias) */
        g.depth = least(m->piece_depth, depth - k);
        g.a = (const real *)m->gemm.a + k * m->a_column_stride;
        g.b = (const real *)m->gemm.b + k * m->gemm.b_row_stride;
        if (m->pack_b || columns < NR) {
            real *packed = (real *)m->packed + worker * m->packed_size;
            pack((const real *)g.b + column * m->b_column_stride, m->gemm.b_row_stride,
                 m->b_column_stride, g.depth, columns, packed);
            g.b = packed;
            g.b_panel_stride = 0; /* it is the only one there */
            g.b_row_stride = NR;
        }
        g.bias = k > 0 ? NULL : m->gemm.bias;
        if (m->split_k) { /* add_sums adds the pieces of all columns up */
            g.y = (real *)m->partial_sums + k / m->piece_depth * g.rows * g.columns;
            g.relu = 0;
        } else {
            g.add = k > 0;
            g.relu = m->gemm.relu && k + m->piece_depth >= depth;
        }
        gemm_panel(&g, panel, block * g.rows / m->row_blocks,
                   (block + 1) * g.rows / m->row_blocks);
    }
}

/* Before the tasks. */
static inline void find_zeros(const MatMul *m) {
    if (m->turned_b != NULL) turn_b(m);
    else build_bitmask(m);
}

static inline void matmul(void *arguments, isize index, int worker) {
    const MatMul *m = arguments;
    const isize pieces = m->split_k ? m->pieces : 1; /* tasks for each column block and row block */
    const isize skipping = m->column_blocks * m->skip_row_blocks * pieces;
    if (m->turned_b != NULL) skip_turned(m, index, worker);
    else if (m->shards > 0) sum_shards(m, index, worker);
    else if (index < skipping) skip_zeros(m, index, worker);
    else dense_matmul(m, index - skipping, worker);
}
