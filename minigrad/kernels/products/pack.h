/* Packing: b is copied into panels of NR columns, in which the rows follow each other.

       b (depth, columns)                     packed
       0  1  2  3 | 4  5  6                   0  1  2  3    panel 0         NR = 4 in this drawing
       7  8  9 10 |11 12 13        -->        7  8  9 10
                                              4  5  6  .    panel 1: zeros fill its last column
                                             11 12 13  .

   The micro-kernel reads row after row of one panel. In place these rows are b_row_stride apart:
   in a large b each lies in another page of memory, and where the stride is a power of two they
   all compete for the same few lines of the cache. Packed, they are read as one stream.

   Three kinds of b must be packed: one whose columns are not contiguous (b.T of a C-contiguous
   array), since a vector is loaded from neighbours; a partial panel, since the micro-kernel loads
   whole vectors and would read beyond the end of b; and a kernel w, once for all its images. */
#pragma once

#include "simd.h"

#if defined(__clang__) || __GNUC__ >= 12 /* these have __builtin_shufflevector */

typedef real Quad VECTOR(16);
enum { QUAD = 16 / sizeof(real) /* 4 floats, 2 doubles */, QUADS_IN_CACHE = 128 };

/* For floats a0 b0 a1 b1 and a2 b2 a3 b3, for doubles a0 b0 and a1 b1. */
#define INTERLEAVE_LOW(a, b)                                                                       \
    __builtin_choose_expr(QUAD == 4, __builtin_shufflevector(a, b, 0, QUAD, 1, QUAD + 1),          \
                          __builtin_shufflevector(a, b, 0, QUAD))
#define INTERLEAVE_HIGH(a, b)                                                                      \
    __builtin_choose_expr(                                                                         \
        QUAD == 4, __builtin_shufflevector(a, b, QUAD - 2, 2 * QUAD - 2, QUAD - 1, 2 * QUAD - 1),  \
        __builtin_shufflevector(a, b, QUAD - 1, 2 * QUAD - 1))

/* to[i, j] = from[j, i] for a square of QUAD * QUAD elements, in registers. Interleaving row 0 with
   row 2 and row 1 with row 3, and then the results in the same way, transposes four rows. */
INLINE void transpose_square(const real *from, isize from_stride, real *to, isize to_stride) {
    Quad row[QUAD], mixed[QUAD];
    for (int i = 0; i < QUAD; i++) row[i] = *(const Quad *)(from + i * from_stride);
    for (int round = 1; round < QUAD; round *= 2) {
        for (int i = 0; i < QUAD / 2; i++) {
            mixed[2 * i] = INTERLEAVE_LOW(row[i], row[i + QUAD / 2]);
            mixed[2 * i + 1] = INTERLEAVE_HIGH(row[i], row[i + QUAD / 2]);
        }
        for (int i = 0; i < QUAD; i++) row[i] = mixed[i];
    }
    for (int i = 0; i < QUAD; i++) *(Quad *)(to + i * to_stride) = row[i];
}

#else

enum { QUAD = 4, QUADS_IN_CACHE = 128 };

INLINE void transpose_square(const real *from, isize from_stride, real *to, isize to_stride) {
    for (isize i = 0; i < QUAD; i++)
        for (isize j = 0; j < QUAD; j++) to[j * to_stride + i] = from[i * from_stride + j];
}

#endif

/* Transpose contiguous columns of b into the rows of a panel, 128 rows at a time, which stay in L1.
   Return how many rows are done: the last depth % QUAD are left to the caller. */
static inline isize transpose_panel(const real *b, isize b_column_stride, isize depth,
                                    real *panel) {
    const isize done = depth / QUAD * QUAD;
    for (isize begin = 0, end; begin < done; begin = end) {
        end = least(begin + QUADS_IN_CACHE, done);
        for (isize j = 0; j < NR; j += QUAD)
            for (isize k = begin; k < end; k += QUAD)
                transpose_square(b + k + j * b_column_stride, b_column_stride, panel + k * NR + j,
                                 NR);
    }
    return done;
}

/* Copy b (depth, columns) into panels of NR columns; zeros fill up the last one. */
static inline void pack(const void *b, isize b_row_stride, isize b_column_stride, isize depth,
                        isize columns, void *packed) {
    real *panel = packed;
    for (isize begin = 0; begin < columns; begin += NR, panel += depth * NR) {
        const real *from = (const real *)b + begin * b_column_stride;
        const isize left = columns - begin;
        isize k = 0;
        if (b_row_stride == 1 && left >= NR)
            k = transpose_panel(from, b_column_stride, depth, panel);
        if (b_column_stride == 1 && left >= NR)
            for (; k < depth; k++)
                memcpy(panel + k * NR, from + k * b_row_stride, NR * sizeof(real));
        for (; k < depth; k++)
            for (isize j = 0; j < NR; j++)
                panel[k * NR + j] = j < left ? from[k * b_row_stride + j * b_column_stride] : 0;
    }
}
