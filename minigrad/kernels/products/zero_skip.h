/* Zero skipping: y = a @ b where 30 % of a or more is 0, as it is behind relu and dropout.

   A word of 64 bits says which of 64 elements in a row of a are not 0. For each of them, one row of
   b is multiplied and added to the sums. The sums stay in registers: one row of a column block of y
   (BLOCK_PANELS panels, 8 vectors):

       a[i, :]    0 0 3 0 5 0 0 2 ...       sums = 3 * b[2, :] + 5 * b[4, :] + 2 * b[7, :] + ...
       bits       0 0 1 0 1 0 0 1 ...

   One instruction finds the lowest bit, the next k; a branch for each element would be mispredicted
   as often as not. 64 rows of a column block, 64 * 128 * 4 bytes = 32 KB, stay in the nearest
   caches while all rows of a go by.

   For (60, 5408) @ (5408, 128) it takes 0.4 times as long as the micro-kernel if a fifth of a is
   not 0, 0.7 times if a half is not, and as long if three quarters are not. */
#pragma once

#include "gemm_microkernel.h"
#include "pack.h"

enum { WORD = 64, BLOCK_VECTORS = 2 * BLOCK_PANELS };

/* bits[i] = which of a[i, 0] to a[i, depth - 1] are not 0, for up to 64 rows; depth <= 64. Not
   inlined: beside its loops gcc 12 leaves the row kernel too few registers, and with AVX-512 a
   product takes 1.17 times as long. */
static __attribute__((noinline)) void find_nonzero(const real *a, isize a_row_stride,
                                                   isize a_column_stride, isize rows, isize depth,
                                                   uint64_t *bits) {
    uint32_t half[2][WORD] = {{0}}; /* gcc 12 vectorizes these better than words of 64 bits */
    if (a_column_stride != 1 || depth < WORD) { /* columns outside: rows fill the vectors */
        for (isize k = 0; k < depth; k++, a += a_column_stride)
            for (isize i = 0; i < rows; i++)
                half[k / 32][i] |= -(uint32_t)(a[i * a_row_stride] != 0) & (uint32_t)1 << k % 32;
        for (isize i = 0; i < rows; i++) bits[i] = half[0][i] | (uint64_t)half[1][i] << 32;
        return;
    }
    for (isize i = 0; i < rows; i++, a += a_row_stride) {
        uint32_t low = 0, high = 0;
        for (int k = 0; k < 32; k++) {
            low |= -(uint32_t)(a[k] != 0) & (uint32_t)1 << k;
            high |= -(uint32_t)(a[k + 32] != 0) & (uint32_t)1 << k;
        }
        bits[i] = low | (uint64_t)high << 32;
    }
}

/* Build the bitmask of all of a once, when many column blocks of b would each build it:
   nonzero_bits[k / 64, i] says which of a[i, k] to a[i, k + 63] are not 0. */
static inline void build_bitmask(const MatMul *m) {
    const isize rows = m->gemm.rows, depth = m->gemm.depth;
    for (isize k = 0; k < depth; k += WORD)
        for (isize i = 0; i < rows; i += WORD)
            find_nonzero((const real *)m->gemm.a + i * m->a_row_stride + k * m->a_column_stride,
                         m->a_row_stride, m->a_column_stride, least(rows - i, WORD),
                         least(depth - k, WORD), m->nonzero_bits + k / WORD * rows + i);
}

/* Vector v of row k of a column block. */
INLINE Vector block_vector(const Gemm *g, isize k, int v) {
    const real *row = (const real *)g->b + k * g->b_row_stride + v / 2 * g->b_panel_stride;
    return ((const Vector *)row)[v % 2];
}

/* Whether vectors hold neither infinities nor NaN: 0 times those is NaN, and that product must not
   be skipped. */
INLINE int are_finite(const Vector zero[BLOCK_VECTORS]) {
    real total = 0;
    for (int i = 0; i < BLOCK_VECTORS * LANES; i++) total += zero[i / LANES][i % LANES];
    return total == 0;
}

static inline int block_is_finite(const Gemm *g) {
    Vector zero[BLOCK_VECTORS] = {0};
    for (isize k = 0; k < g->depth; k++)
        for (int v = 0; v < BLOCK_VECTORS; v++) zero[v] += 0 * block_vector(g, k, v);
    return are_finite(zero);
}

static inline int is_finite(const void *array, isize size) {
    Vector zero[BLOCK_VECTORS] = {0};
    for (isize i = 0; i < size / LANES; i++) zero[i % 2] += 0 * ((const Vector *)array)[i];
    return are_finite(zero);
}

/* The row kernel: y = relu(start + the sum of a[k] * b[k, :] over all k whose bit is set). */
static inline void add_nonzero(const Gemm *g, const real *a, isize a_column_stride, uint64_t bits,
                               const real *start, real *y) {
    Vector sum[BLOCK_VECTORS];
    UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) sum[v] = ((const Vector *)start)[v];
    for (; bits != 0; bits &= bits - 1) { /* clears the lowest bit */
        const int k = __builtin_ctzll(bits);
        UNROLL for (int v = 0; v < BLOCK_VECTORS; v++)
            sum[v] += a[k * a_column_stride] * block_vector(g, k, v);
    }
    UNROLL for (int v = 0; v < BLOCK_VECTORS; v++)
        ((Vector *)y)[v] = g->relu ? relu_vector(sum[v]) : sum[v];
}

/* Rows begin to end - 1 of a column block, for the columns k to k + 63 of a. */
static inline void skip_in_rows(const MatMul *m, const Gemm *g, isize k, isize begin, isize end,
                                const real *start) {
    const uint64_t all = block_is_finite(g) ? 0 : UINT64_MAX >> (WORD - g->depth);
    uint64_t own_bits[WORD];
    const uint64_t *bits = own_bits; /* of 64 rows of a */
    for (isize i = begin; i < end; i++) {
        const real *a = (const real *)g->a + i * m->a_row_stride;
        real *y = (real *)g->y + g->y_row_offset[i];
        const isize row = (i - begin) % WORD;
        if (row == 0 && m->nonzero_bits != NULL) bits = m->nonzero_bits + k / WORD * g->rows + i;
        else if (row == 0)
            find_nonzero(a, m->a_row_stride, m->a_column_stride, least(end - i, WORD), g->depth,
                         own_bits);
        add_nonzero(g, a, m->a_column_stride, bits[row] | all, g->add ? y : start, y);
    }
}

/* One piece of the depth, for rows begin to end - 1 of the column block that starts at `column`;
   64 rows of b at a time. */
static inline void skip_in_piece(const MatMul *m, isize piece, isize column, isize begin,
                                 isize end, int relu, real *y, real *packed) {
    Gemm g = m->gemm; /* becomes the product of 64 columns of a with 64 rows of b */
    const isize first = piece * m->piece_depth, last = least(first + m->piece_depth, g.depth);
    real start[BLOCK_PANELS * NR] = {0};
    if (piece == 0 && g.bias != NULL) memcpy(start, (const real *)g.bias + column, sizeof(start));
    g.y = y + column;
    g.columns = BLOCK_PANELS * NR;
    for (isize k = first; k < last; k += WORD) {
        g.depth = least(last - k, WORD);
        g.a = (const real *)m->gemm.a + k * m->a_column_stride;
        g.b = (const real *)m->gemm.b + k * m->gemm.b_row_stride + column * m->b_column_stride;
        /* One column block is all of b: its rows follow each other, and it is read in place. Of
           several, the rows lie far apart and would push each other out of the cache. */
        if (m->b_column_stride != 1 || m->column_blocks > 1) {
            pack(g.b, m->gemm.b_row_stride, m->b_column_stride, g.depth, g.columns, packed);
            g.b = packed;
            g.b_panel_stride = g.depth * NR;
            g.b_row_stride = NR;
        }
        g.add = k > first;
        g.relu = relu && k + WORD >= last;
        skip_in_rows(m, &g, k, begin, end, start);
    }
}

/* y += sums, in one column block of one row. */
static inline void add_piece(const real *sums, int relu, real *y) {
    for (int v = 0; v < BLOCK_VECTORS; v++) {
        const Vector total = ((const Vector *)y)[v] + ((const Vector *)sums)[v];
        ((Vector *)y)[v] = relu ? relu_vector(total) : total;
    }
}

/* A task: one column block and block of rows, and one piece of the depth if split_k, else all. */
static inline void skip_zeros(const MatMul *m, isize index, int worker) {
    const isize column = index % m->column_blocks * BLOCK_PANELS * NR;
    const isize block = index / m->column_blocks % m->skip_row_blocks;
    const isize begin = block * m->gemm.rows / m->skip_row_blocks;
    const isize end = (block + 1) * m->gemm.rows / m->skip_row_blocks;
    const isize columns = m->gemm.columns, size = m->gemm.rows * columns;
    real *packed = (real *)m->packed + worker * m->packed_size;
    real *y = m->gemm.y, *sums = m->partial_sums;
    if (m->split_k) {
        const isize piece = index / m->column_blocks / m->skip_row_blocks;
        skip_in_piece(m, piece, column, begin, end, 0, sums + piece * size, packed);
        return;
    }
    skip_in_piece(m, 0, column, begin, end, m->gemm.relu && m->pieces == 1, y, packed);
    for (isize piece = 1; piece < m->pieces; piece++) {
        skip_in_piece(m, piece, column, begin, end, 0, sums, packed);
        for (isize i = begin * columns + column; i < end * columns; i += columns)
            add_piece(sums + i, m->gemm.relu && piece == m->pieces - 1, y + i);
    }
}
