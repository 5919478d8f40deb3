/* Strips: what a task of a convolution reads, and a thread's scratch memory.

   A strip of outputs sees some rows of the image, the input strip. With padding that is a copy with
   zeros around it; without, it is the image itself. */
#pragma once

#include "simd.h"

/* Copy the rows row to row + height - 1 and the columns column to column + width - 1 of an image
   (H, W, C). Where they lie outside of the image, the copy is 0. */
static inline void copy_padded(const real *image, isize H, isize W, isize C, isize row,
                               isize column, isize height, isize width, real *copy) {
    const isize left = column < 0 ? least(-column, width) : 0, over = column + width - W;
    const isize right = over < 0 ? 0 : least(over, width - left), inside = width - left - right;
    for (isize i = row; i < row + height; i++, copy += width * C) {
        if (i < 0 || i >= H) {
            memset(copy, 0, width * C * sizeof(real));
            continue;
        }
        memset(copy, 0, left * C * sizeof(real));
        memcpy(copy + left * C, image + (i * W + column + left) * C, inside * C * sizeof(real));
        memset(copy + (left + inside) * C, 0, right * C * sizeof(real));
    }
}

static inline real *scratch_of(const Conv *c, int worker) {
    return (real *)c->scratch + worker * (c->scratch_size + APART);
}

/* The input strip of the output rows first to first + rows - 1 of image n: the image itself from
   its first row on, or a zero-padded copy. */
static inline const real *input_strip(const Conv *c, isize n, isize first, isize rows, int worker) {
    const real *image = (const real *)c->x + n * c->H * c->W * c->C;
    const isize step = c->pool_height * c->stride_height; /* rows of x for each row of y */
    if (!c->padded) return image + first * step * c->W * c->C;
    real *copy = scratch_of(c, worker);
    copy_padded(image, c->H, c->W, c->C, first * step - c->pad_top, -c->pad_left,
                (rows - 1) * step + c->receptive_height, c->strip_width, copy);
    return copy;
}
