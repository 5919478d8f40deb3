/* The micro-kernel: the innermost loop of every matrix product and of every convolution.

       y[i, j] = sum over k of a[i, k] * b[k, j]          i < MR,  j < NR

   It computes one tile of y, MR rows by NR columns (two vectors), and keeps all of it in registers
   while k runs. AVX-512, float32:

                        b[k, :]    [   b0   ][   b1   ]       2 loads for each k
       a[0, k]  -->     sum[0]     [        ][        ]
       a[1, k]  -->     sum[1]     [        ][        ]       each a[i, k] is broadcast to a vector,
         ...             ...                                  multiplied by b0 and b1, and added
       a[13, k] -->     sum[13]    [        ][        ]

   So each load of b serves 14 multiplications, and y is stored once, when all k are through.

   Why 14 rows: 28 sums, 2 vectors of b and 1 broadcast element of a take 31 of the 32 registers
   of AVX-512; with 15 rows some sums would go to memory and back for every k. AVX2 and SSE2 have
   16 registers: 6 rows take 12 + 2 + 1 = 15. NEON: 12 rows take 24 + 2 + 1 = 27 of 32.

   Where rows and columns of a lie is the caller's choice, in two tables of offsets (Gemm in
   problem.h). This is why one loop serves matrix products, convolutions and their gradients.

   Sums are added up in the order of k, one lane for each element of y. The bits of y depend on
   neither the tile that an element falls into nor the number of threads. */
#pragma once

#include <math.h>

#include "simd.h"

/* y[i, :] = relu(start + a[i, :] @ b) for i < rows, plus y[i, :] before relu with ADD; with RESUME
   y[i, :] is the start. Row i of y begins at y_row_offset[i]. With ADD, rows of y may overlap, as
   patches of an image do: they are added to one after the other.

   rows (1 to MR) and vectors (2, or 1 for a panel that is half empty) are constants wherever this
   is inlined, so the compiler unrolls the loops over them and gives each sum a register. So is
   `strided`: columns of a that lie at a stride need no table, and no load from it for each k. */
INLINE void microkernel(const int rows, const int vectors, const int strided, const Gemm *g,
                        const isize *a_row_offset, const real *b, const real *start, real *y,
                        const isize *y_row_offset, int add, int relu) {
    const real *a = g->a;
    const isize depth = g->depth, b_row_stride = g->b_row_stride, step = g->prefetch_step;
    Vector sum[MR][2], b_vector[2];
    isize row_offset[MR];
    UNROLL for (int i = 0; i < rows; i++) {
        const real *from = add == RESUME ? y + y_row_offset[i] : start;
        for (int v = 0; v < vectors; v++) sum[i][v] = ((const Vector *)from)[v];
        row_offset[i] = a_row_offset[i];
    }
    /* Prefetch into L2. A matrix product (prefetch_step 0) fetches the line after the last row's
       element; a convolution (prefetch_step LINE) one line further with each k: the next tile. */
    isize prefetch_offset = row_offset[rows - 1] + LINE;
    for (isize k = 0; k < depth; k++, b += b_row_stride) {
        const real *a_column = strided ? a : a + g->a_column_offset[k];
        if (strided) a += g->a_column_stride;
        else __builtin_prefetch(a_column + prefetch_offset, 0, 2);
        prefetch_offset += step;
        for (int v = 0; v < vectors; v++) b_vector[v] = ((const Vector *)b)[v];
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int v = 0; v < vectors; v++)
                sum[i][v] += a_column[row_offset[i]] * b_vector[v];
    }
    UNROLL for (int i = 0; i < rows; i++) {
        for (int v = 0; v < vectors; v++) {
            Vector *out = (Vector *)(y + y_row_offset[i]) + v;
            if (add == ADD) sum[i][v] += *out;
            *out = relu ? relu_vector(sum[i][v]) : sum[i][v];
        }
    }
}

/* Dispatch: the last tiles of a product have fewer rows than MR, the last panel perhaps one vector.
   Each size is a copy of the micro-kernel of its own, in which it is constant. */
static void run_microkernel(int rows, int vectors, const Gemm *g, const isize *a_row_offset,
                            const real *b, const real *start, real *y, const isize *y_row_offset,
                            int add, int relu) {
    const int strided = vectors == 2 && g->a_column_stride > 0; /* one vector: no copy for it */
    switch (4 * rows + 2 * strided + vectors) { /* one number for all: vectors is 1 or 2 */
#define SIZE(n, v, s)                                                                              \
    case 4 * n + 2 * s + v:                                                                        \
        microkernel(n, v, s, g, a_row_offset, b, start, y, y_row_offset, add, relu);               \
        return;
#define SIZES(n) SIZE(n, 1, 0) SIZE(n, 2, 0) SIZE(n, 2, 1)
        SIZES(1) SIZES(2) SIZES(3) SIZES(4) SIZES(5) SIZES(6)
#if MR >= 12
        SIZES(7) SIZES(8) SIZES(9) SIZES(10) SIZES(11) SIZES(12)
#endif
#if MR >= 14
        SIZES(13) SIZES(14)
#endif
#undef SIZES
#undef SIZE
    }
}

/* Where column j of y is, and how many columns from j to end - 1 lie next to each other there. */
INLINE isize y_column(const Gemm *g, isize j) {
    return g->y_column_offset == NULL ? j : g->y_column_offset[j];
}

INLINE isize adjacent_columns(const Gemm *g, isize j, isize end) {
    isize count = g->y_column_offset == NULL ? end - j : 1;
    while (j + count < end && y_column(g, j + count) == y_column(g, j) + count) count++;
    return count;
}

/* Store `count` adjacent columns of a tile's row: y = sums, or with `add` y + sums, but at least
   `lowest`. That is 0 for relu, else -infinity, which changes nothing and needs no branch. */
INLINE void store_columns(const real *sums, real *y, isize count, int add, real lowest) {
    for (; count >= HALF_LANES; count -= HALF_LANES, sums += HALF_LANES, y += HALF_LANES) {
        Half value = *(const Half *)sums;
        if (add) value += *(const Half *)y;
        *(Half *)y = at_least(value, lowest);
    }
    for (; count > 0; count--, sums++, y++) {
        const real value = add ? *y + *sums : *sums;
        *y = value < lowest ? lowest : value;
    }
}

/* Compute the rows first to last - 1 of one panel of y, in tiles of MR rows or fewer, all about
   equally high: 15 rows are 8 + 7, not 14 + 1, since a tile of one row uses 2 sums of 28.

   A tile whose columns fill whole vectors of y is stored there. Any other is stored in `tile`, and
   its columns are then copied to their places: the remainder of y, or pixels of an image. To go on
   from y, they are copied into `tile` first. */
static void gemm_panel(const Gemm *g, isize panel, isize first, isize last) {
    real tile[MR * NR] ALIGNED, start[NR] ALIGNED = {0}, *y = g->y;
    isize tile_row_offset[MR];
    const real *b = (const real *)g->b + panel * g->b_panel_stride;
    const isize begin = panel * NR, end = least(begin + NR, g->columns);
    const int vectors = end - begin > LANES ? 2 : 1, add = g->add;
    const real lowest = g->relu ? 0 : -INFINITY;
    const int in_place = adjacent_columns(g, begin, end) == vectors * LANES;
    if (g->bias != NULL) memcpy(start, (const real *)g->bias + begin, (end - begin) * sizeof(real));
    for (int i = 0; i < MR; i++) tile_row_offset[i] = i * NR;
    for (isize tiles = (last - first + MR - 1) / MR; tiles > 0; tiles--) {
        const int rows = (int)((last - first + tiles - 1) / tiles);
        const isize *a_row_offset = g->a_row_offset + first;
        const isize *y_row_offset = g->y_row_offset + first;
        if (in_place)
            run_microkernel(rows, vectors, g, a_row_offset, b, start, y + y_column(g, begin),
                            y_row_offset, add, g->relu);
        else {
            for (int i = 0; add == RESUME && i < rows; i++)
                for (isize j = begin; j < end; j++)
                    tile[tile_row_offset[i] + j - begin] = y[y_row_offset[i] + y_column(g, j)];
            run_microkernel(rows, vectors, g, a_row_offset, b, start, tile, tile_row_offset,
                            add == RESUME ? RESUME : 0, 0);
        }
        for (isize j = begin, count; !in_place && j < end; j += count) {
            real *column = y + y_column(g, j);
            count = adjacent_columns(g, j, end);
            for (int i = 0; i < rows; i++)
                store_columns(tile + tile_row_offset[i] + (j - begin), column + y_row_offset[i],
                              count, add == ADD, lowest);
        }
        first += rows;
    }
}
