/* Convolution of one channel with few filters, max pooling of 2 x 2 behind it: LeNet's first layer.

   The micro-kernel's lanes are filters, so six filters leave most of a panel empty. Here the lanes
   are outputs: a vector of neighbouring windows for each filter and each cell of the window.

       row of x    p0 p1 p2 p3 p4 p5 ...     copied as    p0 p2 p4 ... | p1 p3 p5 ...

   Window j's cell in column c sees the pixel 2 j + c + kw of a row: for one tap, LANES windows read
   LANES neighbours in one half of the copy. Each output adds up tap by tap from its bias on, as the
   micro-kernel does, so the bits are the same.

   The gradient of the kernel goes through the winners: of a window only the largest cell has a
   gradient, so each filter adds up to one patch for each window, a quarter of the multiplications.
   The winners of each row of results are listed first, so that the sums run row by row. */
#pragma once

#include "fused_pool.h"
#include "strips.h"

enum {
    FILTERS = VECTOR_BYTES == 64 ? 6 : 3, /* at once: 4 sums each */
    MOST_TAPS = 7, /* in a row of a kernel whose gradient goes through the winners */
};

/* --- forward ---------------------------------------------------------------------------------- */

/* The windows of a row of outputs from column j on, LANES of them, for some filters from f on. x is
   the first of their rows of pixels; its halves are `half` long. */
INLINE void convolve_windows(const int filters, const Conv *c, const real *x, isize half, isize f,
                             isize count, real *y, unsigned char *argmax) {
    const real *bias = c->bias, *w = (const real *)c->w + f;
    Vector sum[FILTERS][4];
    UNROLL for (int i = 0; i < filters; i++)
        for (int cell = 0; cell < 4; cell++)
            sum[i][cell] = (Vector){0} + (bias == NULL ? 0 : bias[f + i]);
    for (isize kh = 0; kh < c->KH; kh++)
        for (isize kw = 0; kw < c->KW; kw++, w += c->F)
            UNROLL for (int cell = 0; cell < 4; cell++) {
                const isize row = kh + cell / 2, column = kw + cell % 2;
                const real *from = x + (2 * row + column % 2) * half + column / 2;
                const Vector pixel = *(const Vector *)from;
                UNROLL for (int i = 0; i < filters; i++) sum[i][cell] += w[i] * pixel;
            }
    UNROLL for (int i = 0; i < filters; i++) {
        Vector best = {0};
        Mask which = {0};
        if (c->relu) which = which + NO_ARGMAX;
        else best = sum[i][0];
        UNROLL for (int cell = 0; cell < 4; cell++) keep_larger(sum[i][cell], cell, &best, &which);
        for (isize j = 0; j < count; j++) {
            y[j * c->F + i] = best[j];
            argmax[j * c->F + i] = (unsigned char)which[j];
        }
    }
}

/* The output rows first to first + rows - 1 of image n; output number `start` of y comes first. */
static inline void convolve_few(const Conv *c, isize n, isize first, isize rows, isize start,
                                int worker) {
    const isize F = c->F, half = c->strip_width / 2;
    const real *image = (const real *)c->x + n * c->H * c->W;
    real *copy = scratch_of(c, worker), *line = copy + c->input_strip_size;
    for (isize i = 0; i < 2 * rows + c->KH - 1; i++) {
        copy_padded(image, c->H, c->W, 1, 2 * first + i - c->pad_top, -c->pad_left, 1, 2 * half,
                    line);
        for (isize j = 0; j < half; j++) {
            copy[2 * i * half + j] = line[2 * j];
            copy[(2 * i + 1) * half + j] = line[2 * j + 1];
        }
    }
    for (isize i = 0; i < rows; i++)
        for (isize j = 0; j < c->OW; j += LANES) {
            const isize place = (start + i * c->OW + j) * F, count = least(LANES, c->OW - j);
            const real *x = copy + 4 * i * half + j;
            real *y = (real *)c->y + place;
            unsigned char *argmax = c->argmax + place;
            isize f = 0;
            for (; f + FILTERS <= F; f += FILTERS)
                convolve_windows(FILTERS, c, x, half, f, count, y + f, argmax + f);
            for (; f < F; f++) convolve_windows(1, c, x, half, f, count, y + f, argmax + f);
        }
}

/* --- gradients of kernel and bias ------------------------------------------------------------- */

/* sums, bias (+)= the gradients of one filter from a strip, K x K taps and the bias. gy and argmax
   are those of `rows` rows of outputs. The winners' columns and gradients have room for 3 OW. */
INLINE void add_winners(const int K, const Conv *c, const real *strip, isize rows, const real *gy,
                        const unsigned char *argmax, isize *columns, real *gradients, int add,
                        real *sums, real *bias) {
    const isize F = c->F, OW = c->OW, width = c->strip_width;
    const real scale = (real)c->dropout.scale;
    Half sum[MOST_TAPS];
    for (int i = 0; i < K; i++) {
        sum[i] = (Half){0};
        for (int j = 0; add == RESUME && j < K; j++) sum[i][j] = sums[(i * K + j) * F];
    }
    for (; rows > 0; rows--, gy += OW * F, argmax += OW * F) {
        isize count[3] = {0}; /* in the upper row, in the lower one, in windows without a winner */
        for (isize j = 0; j < OW; j++) {
            const int cell = argmax[j * F], row = cell == NO_ARGMAX ? 2 : cell / 2;
            const isize place = row * OW + count[row]++;
            columns[place] = 2 * j + cell % 2;
            gradients[place] = gy[j * F] * scale;
        }
        for (int row = 0; row < 2; row++, strip += width) {
            real row_sum = 0;
            for (isize i = row * OW; i < row * OW + count[row]; i++) {
                UNROLL for (int k = 0; k < K; k++)
                    sum[k] += *(const Half *)(strip + k * width + columns[i]) * gradients[i];
                row_sum += gradients[i];
            }
            *bias += row_sum;
        }
    }
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) sums[(i * K + j) * F] = sum[i][j];
}

/* The gradients of a strip; 0 if a pixel is not finite: a loser's 0 times infinity would be NaN. */
static inline int add_few_filters(const Conv *c, const real *strip, isize rows, const real *gy,
                                  const unsigned char *argmax, isize *columns, real *gradients,
                                  int add, real *sums) {
    const isize size = (2 * rows + c->KH - 1) * c->strip_width;
    real *bias = sums + c->KH * c->KW * c->F;
    if ((int)HALF_LANES <= (int)MOST_TAPS) return 0; /* conv.pyx does not ask for it */
    real zero = 0;
#pragma omp simd reduction(+ : zero)
    for (isize i = 0; i < size; i++) zero += strip[i] * 0;
    if (!(zero == 0)) return 0;
    for (isize f = 0; f < c->F; f++) {
        const real *g = gy + f;
        const unsigned char *a = argmax + f;
        if (c->KH == 5)
            add_winners(5, c, strip, rows, g, a, columns, gradients, add, sums + f, bias + f);
        else add_winners(7, c, strip, rows, g, a, columns, gradients, add, sums + f, bias + f);
    }
    return 1;
}
