/* GEMM: matrix products made of tiles.

                                  b   | panel 0 | panel 1 | ...
                                      |         |         |
                                      |         |         |
         a   ------ MR rows ------    |  tile   |  tile   |    y
             ---------------------    |  tile   |  tile   |

   A tile of y needs the rows of a to its left and the panel of b above it. Each loop is blocked so
   that what it reads again is still in a cache:

       registers   a tile of y, MR x NR, while k runs                      gemm_microkernel.h
       L1          4 * MR rows of a, while all panels go by                gemm
       L2          KC rows of a panel of b, while all rows of a go by      matmul.h

   A convolution calls gemm for a strip of its outputs; matmul.h cuts a matrix product into tasks.
*/
#pragma once

#include "gemm_microkernel.h"

/* All of a product. Loop order: blocks of 4 * MR rows of a outside, panels of b inside. */
static inline void gemm(const Gemm *g) {
    for (isize first = 0; first < g->rows; first += 4 * MR)
        for (isize panel = 0; panel * NR < g->columns; panel++)
            gemm_panel(g, panel, first, least(first + 4 * MR, g->rows));
}

/* One chunk of y: the arrays are added in order, and relu comes last. */
static inline void add_sums(void *arguments, isize index, int worker) {
    const Sums *s = arguments;
    const isize first = chunk_begin(s->size, index);
    const isize size = chunk_begin(s->size, index + 1) - first;
    real *restrict y = (real *)s->y + first;
    memcpy(y, (const real *)s->x + first, size * sizeof(real));
    for (isize i = 1; i < s->count; i++) {
        const real *restrict x = (const real *)s->x + i * s->stride + first;
        for (isize j = 0; j < size; j++) y[j] += x[j];
    }
    for (isize j = 0; s->relu && j < size; j++) y[j] = y[j] < 0 ? 0 : y[j];
}
