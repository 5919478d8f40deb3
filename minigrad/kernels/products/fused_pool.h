/* Fusion: Conv2D + MaxPooling2D (+ Dropout) as one kernel, with the same results as one by one.

   A strip's results of the convolution lie in a thread's scratch memory and never leave the cache:

       strip of x  --gemm-->  results  --maximum-->  y, argmax  --dropout-->  y, argmax

   A Conv2D of 32 filters on MNIST makes 26 * 26 * 32 results for each image, 86 KB; what reaches
   memory is y (13, 13, 32), 22 KB, and a byte for each of its elements.

   The results of a pooling window follow each other, (outputs, cells, F), since the offset tables
   visit pixels in this order. argmax says which cell was the (first) largest, or NO_ARGMAX. The
   backward pass needs nothing else: it scatters an output's gradient to that cell. There the
   results lie row by row, the order in which implicit_gemm.h adds them up with and without pooling:
   what is added between, zeros, changes no sum. */
#pragma once

#include "blank_borders.h"

/* Take a cell's value where it is larger than the best so far. The first NaN wins, as in NumPy. */
INLINE void keep_larger(Vector value, int cell, Vector *best, Mask *which) {
    const Mask larger = ~(Mask)(value <= *best) & (Mask)(*best == *best);
    *best = BLEND(larger, value, *best);
    *which = (larger & cell) | (~larger & *which);
}

/* y, argmax = the largest of `cells` results (cells, F), and its cell, for up to LANES filters. If
   relu is given the search begins at 0, so that y is relu of the maximum, and NO_ARGMAX stays where
   nothing is larger. */
INLINE void max_of_cells(const Conv *c, const real *results, real *y, unsigned char *argmax,
                         const isize filters, const int cells) {
    Vector best = {0};
    Mask which = {0};
    if (c->relu) which = which + NO_ARGMAX;
    for (int cell = 0; cell < cells; cell++, results += c->F) {
        const Vector value = load(results, filters);
        if (cell == 0 && !c->relu) best = value;
        keep_larger(value, cell, &best, &which);
    }
    const Bytes cell_number = __builtin_convertvector(which, Bytes);
    store(best, y, filters);
    if (filters < LANES) memcpy(argmax, &cell_number, filters);
    else *(Bytes *)argmax = cell_number;
}

/* The maxima of `outputs` windows, in two loops: whole vectors of filters, and what remains. */
INLINE void pool_windows(const Conv *c, isize outputs, const real *results, real *y,
                         unsigned char *argmax, const int cells) {
    const isize F = c->F;
    for (; outputs > 0; outputs--, y += F, argmax += F, results += cells * F) {
        isize f = 0;
        for (; f + LANES <= F; f += LANES)
            max_of_cells(c, results + f, y + f, argmax + f, LANES, cells);
        if (f < F) max_of_cells(c, results + f, y + f, argmax + f, F - f, cells);
    }
}

static inline void pool(const Conv *c, isize outputs, const real *results, real *y,
                        unsigned char *argmax) {
    const int cells = (int)(c->pool_height * c->pool_width);
    if (cells == 4) /* windows of 2 * 2: a constant, so that the compiler unrolls the loop */
        pool_windows(c, outputs, results, y, argmax, 4);
    else pool_windows(c, outputs, results, y, argmax, cells);
}

/* Dropout of the elements first to last - 1 of y, after relu and pooling: multiply those whose hash
   is at most last_kept by scale, set the others to 0. Then set argmax to NO_ARGMAX wherever y is 0.
   */
static inline void drop_outputs(const Conv *c, isize first, isize last) {
    const Dropout *d = &c->dropout;
    const real scale = (real)d->scale;
    const uint32_t last_kept = d->last_kept;
    unsigned char *restrict argmax = c->argmax;
    for (isize begin = first, end; begin < last; begin = end) {
        const isize number = (isize)d->first + begin, block = number / BLOCK * BLOCK;
        const uint64_t key = mix64(d->key + (uint64_t)(block / BLOCK));
        const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
        real *y = (real *)c->y + begin;
        const int start = (int)(number - block), size = (int)least(BLOCK - start, last - begin);
        end = begin + size;
        for (int i = 0; i < size; i++) {
            const real value = y[i]; /* read in any case, or clang does not vectorize */
            y[i] = (mix32((uint32_t)(start + i) ^ low, high) <= last_kept ? value : 0) * scale;
        }
    }
    const real *y = c->y;
    for (isize i = first; i < last; i++) argmax[i] |= y[i] == 0 ? NO_ARGMAX : 0;
}

/* The backward pass of max_of_cells, for up to HALF_LANES filters: an output's gradient gy * scale
   goes to the cell that argmax names, 0 to the others. Rows of cells are `size` apart. What each of
   them gets is added to row_sums, whose rows are `stride` apart. */
INLINE void scatter_to_cells(const real *gy, const real scale, const unsigned char *argmax,
                             real *results, const isize F, const isize size, real *row_sums,
                             const isize stride, const isize filters, const int height,
                             const int width) {
    const int whole = filters == HALF_LANES; /* else gy is copied: it ends here */
    real few[HALF_LANES] = {0};
    integer cell_numbers[HALF_LANES] = {0};
    for (isize f = 0; f < filters; f++) cell_numbers[f] = argmax[f];
    if (!whole) memcpy(few, gy, filters * sizeof(real));
    const HalfMask which = *(const HalfMask *)cell_numbers;
    const HalfMask bits = (HalfMask)(*(const Half *)(whole ? gy : few) * scale);
    for (int row = 0, cell = 0; row < height; row++) {
        HalfMask in_row = {0}; /* of one cell at most */
        real *result = results + row * size;
        for (int column = 0; column < width; column++, cell++, result += F) {
            const HalfMask part = bits & (HalfMask)(which == cell);
            in_row |= part;
            if (whole) *(HalfMask *)result = part;
            else memcpy(result, &part, filters * sizeof(real));
        }
        *(Half *)(row_sums + row * stride) += (Half)in_row;
    }
}

/* The gradients of the results of windows side by side. */
INLINE void scatter_windows(const Conv *c, isize windows, const real *gy,
                            const unsigned char *argmax, real *results, real *row_sums,
                            const isize stride, const int height, const int width) {
    const isize F = c->F, size = windows * width * F;
    const real scale = (real)c->dropout.scale;
    for (; windows > 0; windows--, gy += F, argmax += F, results += width * F) {
        isize f = 0;
        for (; f + HALF_LANES <= F; f += HALF_LANES)
            scatter_to_cells(gy + f, scale, argmax + f, results + f, F, size, row_sums + f, stride,
                             HALF_LANES, height, width);
        if (f < F)
            scatter_to_cells(gy + f, scale, argmax + f, results + f, F, size, row_sums + f, stride,
                             F - f, height, width);
    }
}

/* Of blank outputs only the bias gets gradients. The results of their windows are all the same, so
   that the first cell was the largest: row 0. */
static inline void scatter_blank(const Conv *c, isize windows, const real *gy,
                                 const unsigned char *argmax, real *restrict row_sum) {
    const real scale = (real)c->dropout.scale;
    for (; windows > 0; windows--, gy += c->F, argmax += c->F)
        for (isize f = 0; f < c->F; f++) {
            real value = gy[f] * scale; /* a mask, so that no fused multiply-add rounds otherwise */
            integer bits;
            memcpy(&bits, &value, sizeof(bits));
            bits &= -(integer)(argmax[f] != NO_ARGMAX);
            memcpy(&value, &bits, sizeof(bits));
            row_sum[f] += value;
        }
}

/* The gradients of the results of a strip (rows of outputs, window height, seen * window width, F)
   and of the bias, from gy (rows, OW, F): row by row, as without pooling. */
static inline void scatter_to_argmax(const Conv *c, isize rows, const real *gy,
                                     const unsigned char *argmax, Span seen, real *results,
                                     real *row_sums, real *bias) {
    const isize F = c->F, left = seen.begin * F, right = seen.end * F;
    const isize windows = seen.end - seen.begin;
    const isize stride = (F + HALF_LANES - 1) / HALF_LANES * HALF_LANES;
    const int height = (int)c->pool_height, width = (int)c->pool_width;
    for (; rows > 0; rows--, gy += c->OW * F, argmax += c->OW * F) {
        memset(row_sums, 0, height * stride * sizeof(real));
        scatter_blank(c, seen.begin, gy, argmax, row_sums);
        if (height == 2 && width == 2) /* constants, as in pool */
            scatter_windows(c, windows, gy + left, argmax + left, results, row_sums, stride, 2, 2);
        else if (height == 3 && width == 3)
            scatter_windows(c, windows, gy + left, argmax + left, results, row_sums, stride, 3, 3);
        else
            scatter_windows(c, windows, gy + left, argmax + left, results, row_sums, stride, height,
                            width);
        scatter_blank(c, c->OW - seen.end, gy + right, argmax + right, row_sums);
        for (isize i = 0; i < height; i++)
            for (isize f = 0; f < F; f++) bias[f] += row_sums[i * stride + f];
        results += windows * height * width * F;
    }
}
