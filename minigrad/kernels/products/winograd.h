/* Winograd convolution F(2x2, 3x3): a 3 x 3 kernel with stride 1 by 16 multiplications, not 36.

   Two neighbouring outputs of three taps g see four pixels d. That takes six multiplications; four
   are enough with sums and differences:

       m0 = (d0 - d2) * g0                           y0 = d0 g0 + d1 g1 + d2 g2 = m0 + m1 + m2
       m1 = (d1 + d2) * (g0 + g1 + g2) / 2           y1 = d1 g0 + d2 g1 + d3 g2 = m1 - m2 - m3
       m2 = (d2 - d1) * (g0 - g1 + g2) / 2
       m3 = (d1 - d3) * g2                           y = A' ((B' d) . (G g)), "." by elements

   The same along rows and then along columns gives a tile of 2 x 2 outputs from a patch of 4 x 4
   pixels: Y = A' ((B' d B) . (G g G')) A. Channels are added up before A' and A are applied, so
   each of the 16 positions is a matrix product of its own:

       x (N,H,W,C) --B' d B--> V (16, tiles, C) --16 products--> M (16, tiles, F) --A' M A--> y
                               w (3,3,C,F) --G g G'--> U (16, C, F)

   The gradients follow by the chain rule: gx is the convolution of gy with w turned round
   (transpose_problem in conv.pyx), and gw = G' (sum over tiles of V' (A gy A')) G.

   A task computes a block of tiles, whatever images they belong to, and its V and M stay in L2. No
   sum crosses tiles: the bits of an output depend on its own image and on w. Lavin and Gray 2015,
   Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308. */
#pragma once

#include "implicit_gemm.h"

enum { POSITIONS = 16 };

/* --- tiles and patches ------------------------------------------------------------------------ */

/* A tile: its image, and the row and column of its first output. */
typedef struct {
    isize n, row, column;
} Tile;

INLINE Tile tile_at(const Winograd *c, isize index) {
    const isize across = c->tiles_across, per_image = c->tiles_down * across;
    const isize place = index % per_image;
    return (Tile){index / per_image, place / across * 2, place % across * 2};
}

INLINE Tile next_tile(const Winograd *c, Tile t) {
    t.column += 2;
    if (t.column < 2 * c->tiles_across) return t;
    t.column = 0;
    t.row += 2;
    if (t.row < 2 * c->tiles_down) return t;
    return (Tile){t.n + 1, 0, 0};
}

/* Some pixels of an image: where the first is, and how far from it the next row and column are. */
typedef struct {
    const real *first;
    isize down, across;
} Patch;

/* size x size pixels of an image (H, W, C): in place, or copied with zeros where they stick out. */
INLINE Patch patch_at(const real *image, isize H, isize W, isize C, isize row, isize column,
                      const int size, real *copy) {
    if (row >= 0 && row + size <= H && column >= 0 && column + size <= W)
        return (Patch){image + (row * W + column) * C, W * C, C};
    copy_padded(image, H, W, C, row, column, size, size, copy);
    return (Patch){copy, size * C, C};
}

/* --- the transforms: a position in the 4 x 4 grid is row * 4 + column ------------------------ */

/* Row i of B' d, of four vectors that are `step` vectors apart. */
INLINE Vector row_of_input(const int i, const Vector *d, const int step) {
    if (i == 0) return d[0] - d[2 * step];
    if (i == 1) return d[step] + d[2 * step];
    if (i == 2) return d[2 * step] - d[step];
    return d[step] - d[3 * step];
}

/* Rows first to last - 1 of B' d B, for a vector of channels; positions are `step` apart. */
INLINE void transform_patch(const int first, const int last, Patch p, isize n, real *to,
                            isize step) {
    Vector d[16] ALIGNED, row[4] ALIGNED;
    UNROLL for (int k = 0; k < 16; k++) d[k] = load(p.first + k / 4 * p.down + k % 4 * p.across, n);
    UNROLL for (int i = first; i < last; i++) {
        for (int j = 0; j < 4; j++) row[j] = row_of_input(i, d + j, 4);
        for (int j = 0; j < 4; j++, to += step) *(Vector *)to = row_of_input(j, row, 1);
    }
}

/* The same for the tiles of a block, all channels: V. */
INLINE void transform_tiles(const int first, const int last, const Winograd *c, isize begin,
                            isize count, real *V, real *copy) {
    const Conv *v = &c->conv;
    Tile t = tile_at(c, begin);
    for (isize i = 0; i < count; i++, V += c->C_step, t = next_tile(c, t)) {
        const real *image = (const real *)v->x + t.n * v->H * v->W * v->C;
        const Patch p = patch_at(image, v->H, v->W, v->C, t.row - v->pad_top,
                                 t.column - v->pad_left, 4, copy);
        for (isize channel = 0; channel < v->C; channel += LANES) {
            const Patch at = {p.first + channel, p.down, p.across};
            transform_patch(first, last, at, v->C - channel, V + channel, c->V_step);
        }
    }
}

/* Row i of A gy, of two vectors. */
INLINE Vector row_of_gradient(const int i, Vector upper, Vector lower) {
    if (i == 0) return upper;
    if (i == 1) return upper + lower;
    if (i == 2) return upper - lower;
    return -lower;
}

/* G g: of three vectors. */
INLINE void transform_kernel(const Vector *g, const int step, real *to, isize to_step) {
    const Vector outer = (g[0] + g[2 * step]) / 2, inner = g[step] / 2;
    *(Vector *)to = g[0];
    *(Vector *)(to + to_step) = outer + inner;
    *(Vector *)(to + 2 * to_step) = outer - inner;
    *(Vector *)(to + 3 * to_step) = g[2 * step];
}

/* --- forward ---------------------------------------------------------------------------------- */

/* A task: U for LANES channels and all filters, in panels as the micro-kernel reads b. For the
   input's gradient w is turned round: taps from the last one on, channels for filters. */
static inline void winograd_kernel(void *arguments, isize index, int worker) {
    const Winograd *c = arguments;
    const isize C = c->conv.C, F = c->conv.F, filters = (F + NR - 1) / NR * NR;
    const isize first = index * LANES, channels = least(LANES, C - first);
    const real *w = c->conv.w;
    for (isize f = 0; f < filters; f += LANES) {
        real g[9][LANES][LANES] ALIGNED = {0}; /* taps of these channels and filters */
        for (int tap = 0; tap < 9; tap++)
            for (isize j = 0; j < least(LANES, F - f); j++)
                for (isize i = 0; i < channels; i++)
                    g[tap][i][j] = c->turned ? w[((8 - tap) * F + f + j) * C + first + i]
                                             : w[(tap * C + first + i) * F + f + j];
        for (isize i = 0; i < channels; i++) {
            Vector taps[9] ALIGNED, rows[12] ALIGNED;
            real *u = (real *)c->U + f / NR * NR * C + (first + i) * NR + f % NR;
            for (int tap = 0; tap < 9; tap++) taps[tap] = *(Vector *)g[tap][i];
            for (int j = 0; j < 3; j++)
                transform_kernel(taps + j, 3, (real *)(rows + j), 3 * LANES);
            for (int k = 0; k < 4; k++)
                transform_kernel(rows + 3 * k, 1, u + 4 * k * filters * C, filters * C);
        }
    }
}

/* y = relu(A' M A + bias) for one tile, of which `down` x `across` outputs exist. */
INLINE void transform_output(const Winograd *c, const real *m, isize m_step, real *y, int down,
                             int across, Vector bias, isize n) {
    const isize y_row = c->conv.OW * c->conv.F;
    Vector rows[2][4];
    for (int j = 0; j < 4; j++) {
        const Vector m0 = *(const Vector *)(m + j * m_step);
        const Vector m1 = *(const Vector *)(m + (4 + j) * m_step);
        const Vector m2 = *(const Vector *)(m + (8 + j) * m_step);
        rows[0][j] = m0 + m1 + m2;
        rows[1][j] = m1 - m2 - *(const Vector *)(m + (12 + j) * m_step);
    }
    for (int i = 0; i < down; i++)
        for (int j = 0; j < across; j++) {
            const Vector *r = rows[i];
            const Vector sum = (j == 0 ? r[0] + r[1] + r[2] : r[1] - r[2] - r[3]) + bias;
            store(c->conv.relu ? relu_vector(sum) : sum, y + i * y_row + j * c->conv.F, n);
        }
}

/* A task: the outputs of a block of tiles. */
static inline void winograd_forward(void *arguments, isize index, int worker) {
    const Winograd *c = arguments;
    const Conv *v = &c->conv;
    const isize C = v->C, F = v->F, first = index * c->block;
    const isize count = least(c->block, c->tiles - first);
    real *V = scratch_of(v, worker), *M = V + POSITIONS * c->V_step;
    real *copy = M + POSITIONS * c->M_step;
    transform_tiles(0, 4, c, first, count, V, copy);
    for (int k = 0; k < POSITIONS; k++) {
        Gemm g = v->gemm;
        g.rows = count;
        g.a = V + k * c->V_step;
        g.b = (const real *)c->U + k * ((F + NR - 1) / NR * NR) * C;
        g.y = M + k * c->M_step;
        gemm(&g);
    }
    Tile t = tile_at(c, first);
    for (isize i = 0; i < count; i++, t = next_tile(c, t)) {
        real *y = (real *)v->y + ((t.n * v->OH + t.row) * v->OW + t.column) * F;
        const int down = (int)least(2, v->OH - t.row), across = (int)least(2, v->OW - t.column);
        for (isize f = 0; f < F; f += LANES) {
            const real *bias = v->bias;
            transform_output(c, M + i * c->F_step + f, c->M_step, y + f, down, across,
                             bias == NULL ? (Vector){0} : load(bias + f, F - f), F - f);
        }
    }
}

/* --- gradient of the kernel ------------------------------------------------------------------- */

/* dU (4, C, F_step) of the positions in row i for a chunk of images, a block of tiles at a time. */
INLINE void sum_row_of_positions(const int i, const Winograd *c, isize chunk, int worker) {
    const Conv *v = &c->conv;
    const isize C = v->C, F = v->F, per_image = c->tiles_down * c->tiles_across;
    const isize end = (chunk + 1) * v->N / v->chunks * per_image;
    real *V = scratch_of(v, worker), *D = V + 4 * c->V_step, *copy = D + 4 * c->M_step;
    real *dU = (real *)c->U + (chunk * POSITIONS + 4 * i) * C * c->F_step;
    memset(dU, 0, 4 * C * c->F_step * sizeof(real));
    for (isize first = chunk * v->N / v->chunks * per_image; first < end; first += c->block) {
        const isize count = least(c->block, end - first);
        transform_tiles(i, i + 1, c, first, count, V, copy);
        Tile t = tile_at(c, first);
        for (isize tile = 0; tile < count; tile++, t = next_tile(c, t)) {
            const real *gy = (const real *)v->y + t.n * v->OH * v->OW * F;
            const Patch p = patch_at(gy, v->OH, v->OW, F, t.row, t.column, 2, copy);
            for (isize f = 0; f < F; f += LANES) {
                Vector of_column[2];
                for (int j = 0; j < 2; j++) {
                    const real *upper = p.first + j * p.across + f, *lower = upper + p.down;
                    of_column[j] = row_of_gradient(i, load(upper, F - f), load(lower, F - f));
                }
                for (int j = 0; j < 4; j++)
                    *(Vector *)(D + tile * c->F_step + j * c->M_step + f) =
                        row_of_gradient(j, of_column[0], of_column[1]);
            }
        }
        for (int k = 0; k < 4; k++) {
            Gemm g = v->gemm;
            g.depth = count;
            g.a = V + k * c->V_step;
            g.b = D + k * c->M_step;
            g.y = dU + k * C * c->F_step;
            gemm(&g);
        }
    }
}

/* A task: one row of the 4 x 4 positions, so that what it adds to stays in L2, and one chunk. */
static inline void winograd_backward_kernel(void *arguments, isize index, int worker) {
    switch (index % 4) { /* a constant in each copy of the loops */
    case 0: sum_row_of_positions(0, arguments, index / 4, worker); break;
    case 1: sum_row_of_positions(1, arguments, index / 4, worker); break;
    case 2: sum_row_of_positions(2, arguments, index / 4, worker); break;
    case 3: sum_row_of_positions(3, arguments, index / 4, worker); break;
    }
}

/* G' u: of four vectors, three. */
INLINE void transform_back(const Vector *u, const int step, Vector *to, const int to_step) {
    const Vector sum = (u[step] + u[2 * step]) / 2;
    to[0] = u[0] + sum;
    to[to_step] = (u[step] - u[2 * step]) / 2;
    to[2 * to_step] = sum + u[3 * step];
}

/* A task: gw = G' dU G of one channel, from the sum of all chunks. */
static inline void winograd_kernel_back(void *arguments, isize channel, int worker) {
    const Winograd *c = arguments;
    const isize C = c->conv.C, F = c->conv.F, size = C * c->F_step; /* of a position */
    for (isize f = 0; f < F; f += LANES) {
        Vector u[16] ALIGNED, rows[12] ALIGNED, g[9] ALIGNED;
        for (int k = 0; k < POSITIONS; k++) {
            const real *from = (const real *)c->U + k * size + channel * c->F_step + f;
            u[k] = *(const Vector *)from;
            for (isize chunk = 1; chunk < c->conv.chunks; chunk++)
                u[k] += *(const Vector *)(from + chunk * POSITIONS * size);
        }
        for (int j = 0; j < 4; j++) transform_back(u + j, 4, rows + j, 4);
        for (int i = 0; i < 3; i++) transform_back(rows + 4 * i, 1, g + 3 * i, 1);
        for (int tap = 0; tap < 9; tap++)
            store(g[tap], (real *)c->conv.w + (tap * C + channel) * F + f, F - f);
    }
}
