/* The tasks of a matrix product, which the pool of threads shares (gemm.pyx makes the plan).

   A dense task is a panel of b and a block of rows of a. A skipping task (zero_skip.h) is a column
   block of four panels and a block of rows. If there are too few skipping tasks to share, each is
   split along the depth (split-K): add_sums then adds the pieces in order. Which cuts are made
   depends on the sizes and on the zeros of a, never on the number of threads: so the order of
   additions, and the bits, are the same for any number of threads. */
#pragma once

#include "gemm.h"
#include "pack.h"
#include "zero_skip.h"

/* GEMV: one row of a times the columns begin to end - 1 of b, each of which is contiguous. A dot
   product for each, with a partial sum in each lane of a vector. */
static inline void gemv(const Gemm *g, isize b_column_stride, isize begin, isize end) {
    const real *a = g->a, *bias = g->bias;
    for (isize j = begin; j < end; j++) {
        const real *b = (const real *)g->b + j * b_column_stride;
        Vector sum = {0};
        real lanes[LANES], total = bias == NULL ? 0 : bias[j];
        isize k = 0;
        for (; k + LANES <= g->depth; k += LANES)
            sum += *(const Vector *)(a + k) * *(const Vector *)(b + k);
        memcpy(lanes, &sum, sizeof(lanes));
        for (isize i = 0; i < LANES; i++) total += lanes[i];
        for (; k < g->depth; k++) total += a[k] * b[k];
        ((real *)g->y)[j] = g->relu ? relu_one(total) : total;
    }
}

/* A dense task: one panel of b and one block of rows, KC of the depth at a time. */
static inline void dense_matmul(const MatMul *m, isize index, int worker) {
    Gemm g = m->gemm; /* becomes the product of KC columns of a with KC rows of b */
    const isize depth = g.depth, skipped = m->column_blocks * BLOCK_PANELS;
    const isize panels = (g.columns + NR - 1) / NR - skipped;
    const isize panel = skipped + index % panels, block = index / panels;
    const isize column = panel * NR, columns = least(NR, g.columns - column);
    if (g.rows == 1 && g.b_row_stride == 1 && m->a_column_stride == 1) {
        gemv(&g, m->b_column_stride, column, column + columns);
        return;
    }
    for (isize k = 0; k == 0 || k < depth; k += KC) { /* once if depth is 0: y = relu(bias) */
        g.depth = least(KC, depth - k);
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
        g.add = k > 0;
        g.bias = k > 0 ? NULL : m->gemm.bias;
        g.relu = m->gemm.relu && k + KC >= depth;
        gemm_panel(&g, panel, block * g.rows / m->row_blocks,
                   (block + 1) * g.rows / m->row_blocks);
    }
}

static inline void matmul(void *arguments, isize index, int worker) {
    const MatMul *m = arguments;
    const isize skipping_tasks = m->column_blocks * m->skip_row_blocks * m->depth_splits;
    if (index < skipping_tasks) skip_zeros(m, index, worker);
    else dense_matmul(m, index - skipping_tasks, worker);
}
