/* Zeros of b: where it has more of them than a, the product is turned, y.T = b.T @ a.T.

   The gradient of a dense layer's kernel is x.T @ gy, of inputs x (samples, inputs) and gradients
   gy (samples, units). Behind relu and dropout perhaps half of x is 0, and three quarters of gy. So
   a column of gy is the row whose bits are read (zero_skip.h), and chooses among the rows of x:

       column j of gy   0 0 3 0 5 0 0 2 ...   y[:, j] = 3 * x[2, :] + 5 * x[4, :] + 2 * x[7, :] ...
       bits             0 0 1 0 1 0 0 1 ...

   For 128 genuine digits, 5408 x 128 weights and 8 shards that takes 0.7 times as long as with all
   elements. (Without shards it gained nothing with AVX-512, 0.8 with AVX2: not built.) */
#pragma once

#include "pack.h"
#include "shards.h"

/* Before the tasks: copy the columns of b, COPIED_ROWS at once, and find their bits. */
static inline void turn_b(const MatMul *m) {
    const Gemm *g = &m->gemm;
    real *copied = m->turned_b;
    uint64_t *nonzero = m->nonzero_bits;
    for (isize j = 0; j < g->columns; j += COPIED_ROWS) {
        const isize rows = least(COPIED_ROWS, g->columns - j);
        copy_rows((const real *)g->b + j * m->b_column_stride, m->b_column_stride, g->b_row_stride,
                  rows, g->depth, copied);
        find_nonzero_in_shards(m, copied, rows, nonzero);
        copied += COPIED_ROWS * g->depth, nonzero += COPIED_ROWS * m->shards;
    }
}

/* A task: as many rows of a as fill a column block, and all of b. The sums of some columns wait in
   `turned`, and go to y in small squares. */
static inline void skip_turned(const MatMul *m, isize index, int worker) {
    enum { COLUMNS = BLOCK_PANELS * NR };
    const Gemm *g = &m->gemm;
    const isize first = index * COLUMNS, columns = least(COLUMNS, g->rows - first);
    real *block = (real *)m->packed + worker * m->packed_size, turned[COPIED_ROWS * COLUMNS];
    real *y = (real *)g->y + first * g->columns;
    uint64_t all[8 * COPIED_ROWS];
    for (isize k = 0; k < g->depth; k++) {
        memcpy(block + k * COLUMNS, (const real *)g->a + first + k * m->a_column_stride,
               columns * sizeof(real));
        memset(block + k * COLUMNS + columns, 0, (COLUMNS - columns) * sizeof(real));
    }
    const int finite = is_finite(block, COLUMNS * g->depth); /* see zero_skip.h */
    for (isize i = 0; !finite && i < m->shards * COPIED_ROWS; i++)
        all[i] = UINT64_MAX >> (WORD + m->cuts[i / COPIED_ROWS] - m->cuts[i / COPIED_ROWS + 1]);
    for (isize row = 0; row < g->columns; row += COPIED_ROWS, y += COPIED_ROWS) {
        const isize rows = least(COPIED_ROWS, g->columns - row);
        const uint64_t *nonzero = finite ? m->nonzero_bits + row * m->shards : all;
        const real *copied = (const real *)m->turned_b + row * g->depth;
        for (isize i = 0; i < rows; i++) {
            const Factors f = {copied + i, block, m->cuts, COLUMNS, NR, nonzero + i};
            skip_in_row(&f, m->shards, turned + i * COLUMNS);
        }
        for (isize j = 0; j < columns; j += QUAD)
            for (isize i = 0; i < rows; i += QUAD)
                transpose_square(turned + i * COLUMNS + j, COLUMNS, y + j * g->columns + i,
                                 g->columns);
    }
}
