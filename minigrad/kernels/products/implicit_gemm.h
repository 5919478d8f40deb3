/* Implicit GEMM: a convolution is a matrix product whose left matrix is never stored.

   im2col writes the patch of x below the kernel, for each pixel of y, as a row of a matrix A; then
   y = A @ w. A is KH * KW times as large as x, and writing it takes longer than the product. But
   each of its elements lies somewhere in x, at an offset that is a sum of two:

       A[i, k] = x[pixel_offset[i] + patch_offset[k]]

   pixel_offset: where the patch of output pixel i begins; patch_offset: how far the element k of a
   patch lies from its begin. An image of 5 * 5 pixels, one channel, and a kernel of 3 * 3:

       x      0  1  2  3  4        pixel_offset   0  1  2   5  6  7   10 11 12
              5  6  7  8  9        patch_offset   0  1  2   5  6  7   10 11 12
             10 11 12 13 14
             15 16 17 18 19        A[4, 5] = x[6 + 7] = x[13]
             20 21 22 23 24

   The micro-kernel reads a through two such tables anyway. So a convolution and its two gradients
   are one call each, which differ in what the tables hold (conv.pyx writes them):

                          a                    b           y                  sums run over
       forward            A: pixels x patch    w           y                  the patch
       kernel gradient    A.T                  gy          gw                 the pixels
       input gradient     gy                   w.T         A, added to gx     the filters

   The last one is col2im: y's rows are patches of gx, which overlap; the micro-kernel adds to them.

   Padding: a strip of x is copied to scratch memory with zeros around it; without padding the strip
   is x itself. Groups: a loop around the product, each with its channels of x and filters of w. */
#pragma once

#include "few_filters.h"
#include "gemm.h"
#include "pack.h"
#include "strips.h"

/* --- forward ---------------------------------------------------------------------------------- */

/* The outputs begin to end - 1 of a strip whose first output is number `start` of y. */
static inline void convolve(const Conv *c, const real *strip, real *results, isize start,
                            isize begin, isize end) {
    const isize cells = c->pool_height * c->pool_width, y_offset = (start + begin) * c->F;
    const int pooled = c->argmax != NULL;
    for (isize group = 0; group < c->groups; group++) {
        Gemm g = c->gemm;
        g.rows = (end - begin) * cells;
        g.a = strip + group * c->group_channels;
        g.a_row_offset += begin * cells;
        g.b = (const real *)g.b + group * c->b_group_stride;
        g.bias = c->bias == NULL ? NULL : (const real *)c->bias + group * g.columns;
        g.y = (pooled ? results : (real *)c->y + y_offset) + group * g.columns;
        g.relu = c->relu && !pooled; /* pooling begins at 0 instead */
        gemm(&g);
    }
    if (pooled) pool(c, end - begin, results, (real *)c->y + y_offset, c->argmax + y_offset);
}

/* The same for `rows` rows of outputs. Of blank outputs one in each row is computed. */
static inline void convolve_rows(const Conv *c, const real *strip, real *results, isize start,
                                 isize rows) {
    const isize OW = c->OW;
    Span computed = find_blank_borders(c, strip, rows);
    isize blank; /* the output of a row that is computed for all the others to copy */
    if (computed.begin > 0) blank = --computed.begin;
    else blank = computed.end++;
    if (computed.end - computed.begin >= OW) { /* at most one blank output */
        convolve(c, strip, results, start, 0, rows * OW);
        return;
    }
    for (isize row = 0; row < rows * OW; row += OW) {
        convolve(c, strip, results, start, row + computed.begin, row + computed.end);
        repeat_output(c, start + row + blank, start + row, start + row + computed.begin);
        repeat_output(c, start + row + blank, start + row + computed.end, start + row + OW);
    }
}

/* A task: a strip of output rows of one image. */
static inline void conv_forward(void *arguments, isize index, int worker) {
    const Conv *c = arguments;
    const isize n = index / c->strips, first = index % c->strips * c->strip_rows;
    const isize rows = least(c->strip_rows, c->OH - first), start = (n * c->OH + first) * c->OW;
    if (c->few_filters) convolve_few(c, n, first, rows, start, worker);
    else
        convolve_rows(c, input_strip(c, n, first, rows, worker),
                      scratch_of(c, worker) + c->input_strip_size, start, rows);
    if (c->dropout.scale != 0) drop_outputs(c, start * c->F, (start + rows * c->OW) * c->F);
}

/* --- gradients of kernel and bias ------------------------------------------------------------- */

/* Fused with pooling or not, both are added up in one order: pixel by pixel of a piece of an image,
   row by row (of the bias: rows, of sums of their pixels); piece by piece of a chunk of images;
   chunk by chunk. */

/* sums (+)= A.T @ gy for some pixels of a strip and their gy (pixels, F); add: as in Gemm. */
static inline void add_pixels(const Conv *c, const real *strip, isize *pixel_offset, isize pixels,
                              const real *gy, int add, int worker, real *sums) {
    real *packed = scratch_of(c, worker) + c->scratch_size - c->packed_gy_size;
    for (isize group = 0; group < c->groups; group++) {
        Gemm g = c->gemm;
        g.depth = pixels;
        g.add = add;
        g.a = strip + group * c->group_channels;
        g.a_column_offset = pixel_offset;
        g.b = gy + group * g.columns;
        if (c->packed_gy_size > 0) {
            pack(g.b, c->F, 1, g.depth, g.columns, packed);
            g.b = packed;
            g.b_panel_stride = g.depth * NR;
        }
        g.y = sums + group * g.columns;
        gemm(&g);
    }
}

/* The offsets of the pixels that are seen in some rows of results: all, or written to `offset`. */
static inline isize *find_seen_pixels(const Conv *c, isize rows, Span seen, isize *offset) {
    const isize width = c->OW * c->pool_width, begin = seen.begin * c->pool_width;
    const isize count = seen.end * c->pool_width - begin;
    if (count == width) return c->gemm.a_column_offset;
    for (isize i = 0; i < rows; i++)
        memcpy(offset + i * count, c->gemm.a_column_offset + i * width + begin,
               count * sizeof(isize));
    return offset;
}

/* The output rows first to last - 1 of image n after pooling, strip by strip: a piece. sums += its
   gradients of kernel and bias. */
static inline void add_pooled_piece(const Conv *c, isize n, isize first, isize last, int worker,
                                    int skip_blank, real *sums) {
    const isize F = c->F, size = c->gemm.rows * F; /* of the kernel; that of the bias follows */
    real *results = scratch_of(c, worker) + c->input_strip_size;
    const isize pixels = c->strip_rows * c->pool_height * c->OW * c->pool_width;
    isize *seen_offset = c->seen_offset + worker * (pixels + APART), *seen_pixels;
    real *row_sums = results + pixels * F;
    real *piece = row_sums + c->pool_height * (F + NR);
    memset(piece + size, 0, F * sizeof(real));
    for (int add = 0; first < last; first += c->strip_rows, add = RESUME) {
        const isize rows = least(c->strip_rows, last - first);
        const isize start = (n * c->OH + first) * c->OW * F;
        const real *strip = input_strip(c, n, first, rows, worker);
        const real *gy = (const real *)c->y + start;
        const unsigned char *argmax = c->argmax + start;
        if (c->few_filters &&
            add_few_filters(c, strip, rows, gy, argmax, seen_offset, results, add, piece))
            continue;
        const Span seen = skip_blank ? find_blank_borders(c, strip, rows) : (Span){0, c->OW};
        const isize height = rows * c->pool_height, width = c->pool_width * (seen.end - seen.begin);
        scatter_to_argmax(c, rows, gy, argmax, seen, results, row_sums, piece + size);
        seen_pixels = find_seen_pixels(c, height, seen, seen_offset);
        add_pixels(c, strip, seen_pixels, height * width, results, add, worker, piece);
    }
    for (isize i = 0; i < size + F; i++) sums[i] += piece[i];
}

/* sums += the kernel gradient of image n without pooling, piece by piece. */
static inline void add_image(const Conv *c, isize n, int worker, real *sums) {
    const real *image = input_strip(c, n, 0, c->OH, worker);
    const real *gy = (const real *)c->y + n * c->OH * c->OW * c->F;
    const isize pixels = c->OH * c->OW, most = c->piece_rows * c->OW;
    for (isize first = 0, count; first < pixels; first += count) {
        count = least(most, pixels - first);
        if (c->OW > PIECE) count = least(PIECE, c->OW - first % c->OW); /* a part of one row */
        add_pixels(c, image, c->gemm.a_column_offset + first, count, gy + first * c->F, ADD, worker,
                   sums);
    }
}

static inline void sum_chunk(const Conv *c, isize chunk, int worker, int skip_blank, real *sums) {
    const isize begin = chunk * c->N / c->chunks, end = (chunk + 1) * c->N / c->chunks;
    const int pooled = c->argmax != NULL;
    isize rows = c->piece_rows / c->pool_height; /* of outputs in a piece */
    if (rows < 1) rows = 1;
    memset(sums, 0, (c->gemm.rows + pooled) * c->F * sizeof(real));
    for (isize n = begin; n < end; n++)
        if (!pooled) add_image(c, n, worker, sums);
        else
            for (isize first = 0; first < c->OH; first += rows)
                add_pooled_piece(c, n, first, least(first + rows, c->OH), worker, skip_blank, sums);
}

/* A task: a chunk of images, and a partial sum of each gradient. If pooling is fused, blank outputs
   are skipped: their patches are 0. But 0 times infinity is NaN. So if the bias gradient is not
   finite, the chunk is computed again without skipping. */
static inline void conv_backward_kernel(void *arguments, isize chunk, int worker) {
    const Conv *c = arguments;
    const int pooled = c->argmax != NULL;
    real *sums = (real *)c->gemm.y + chunk * (c->gemm.rows + pooled) * c->F;
    int finite = 1;
    sum_chunk(c, chunk, worker, pooled, sums);
    for (isize f = 0; pooled && f < c->F; f++)
        finite = finite && isfinite(sums[c->gemm.rows * c->F + f]);
    if (!finite) sum_chunk(c, chunk, worker, 0, sums);
}

/* sums += the pixels of an image gy (OH, OW, F), row by row, for `vectors` vectors of filters. The
   last pixels of the array, which ends at `end`, are copied: a vector would reach beyond it. */
INLINE void add_pixel_sums(const Conv *c, const real *gy, const real *end, real *sums,
                           const isize filters, const int vectors) {
    Vector piece[4] = {0};
    for (isize i = 0, rows = 1; i < c->OH; i++, rows++) {
        Vector row[4] = {0};
        for (isize j = 0; j < c->OW; j++, gy += c->F) {
            real few[LANES] = {0};
            const int copied = filters < LANES && end - gy < LANES;
            if (copied) memcpy(few, gy, filters * sizeof(real));
            const Vector *pixel = (const Vector *)(copied ? few : gy);
            UNROLL for (int v = 0; v < vectors; v++) row[v] += pixel[v];
            if (j % PIECE < PIECE - 1) continue;
            for (int v = 0; v < vectors; v++) piece[v] += row[v], row[v] = (Vector){0};
        }
        UNROLL for (int v = 0; v < vectors; v++) piece[v] += row[v];
        if (rows < c->piece_rows && i < c->OH - 1) continue;
        for (isize f = 0; f < filters; f++) sums[f] += piece[f / LANES][f % LANES];
        for (int v = 0; v < vectors; v++) piece[v] = (Vector){0};
        rows = 0;
    }
}

/* A task: a chunk of images without pooling, and a partial sum of the bias gradient. */
static inline void conv_backward_bias(void *arguments, isize chunk, int worker) {
    const Conv *c = arguments;
    const isize F = c->F, size = c->OH * c->OW * F;
    const real *end = (const real *)c->y + c->N * size;
    real *sums = (real *)c->gemm.y + chunk * F;
    memset(sums, 0, F * sizeof(real));
    for (isize n = chunk * c->N / c->chunks; n < (chunk + 1) * c->N / c->chunks; n++) {
        const real *gy = (const real *)c->y + n * size;
        isize f = 0;
        for (; f + 4 * LANES <= F; f += 4 * LANES) /* four sums at once: an addition takes long */
            add_pixel_sums(c, gy + f, end, sums + f, 4 * LANES, 4);
        for (; f < F; f += LANES) add_pixel_sums(c, gy + f, end, sums + f, least(F - f, LANES), 1);
    }
}

/* --- input gradient --------------------------------------------------------------------------- */

/* A task: one image. Row i of gy @ w.T is added to the patch that pixel i saw: in gx, or, with
   padding, in a padded copy that is then cropped. bias and relu are those of a forward pass that
   runs as its transposed problem (conv.pyx). */
static inline void conv_backward_input(void *arguments, isize index, int worker) {
    const Conv *c = arguments;
    const isize size = c->H * c->W * c->C, gy_size = c->OH * c->OW * c->F;
    real *image = (real *)c->x + index * size;
    real *strip = c->padded ? scratch_of(c, worker) : image;
    const real *bias = c->bias, lowest = c->relu ? 0 : -INFINITY;
    memset(strip, 0, (c->padded ? c->input_strip_size : size) * sizeof(real));
    for (isize group = 0; group < c->groups; group++) {
        Gemm g = c->gemm;
        g.a = (const real *)c->y + index * gy_size + group * g.depth;
        g.b = (const real *)g.b + group * c->b_group_stride;
        g.y = strip + group * c->group_channels;
        gemm(&g);
    }
    if (c->padded)
        copy_padded(strip, c->input_strip_size / (c->strip_width * c->C), c->strip_width, c->C,
                    c->pad_top, c->pad_left, c->H, c->W, image);
    if (bias != NULL || c->relu)
        for (real *pixel = image; pixel < image + size; pixel += c->C)
            store_columns(bias == NULL ? pixel : bias, pixel, c->C, bias != NULL, lowest);
}
