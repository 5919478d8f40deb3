/* Fusion: Conv2D + MaxPooling2D (+ Dropout) as one kernel, with the same results as one by one.

   A strip's results of the convolution lie in a thread's scratch memory and never leave the cache:

       strip of x  --gemm-->  results  --maximum-->  y, argmax  --dropout-->  y, argmax

   A Conv2D of 32 filters on MNIST makes 26 * 26 * 32 results for each image, 86 KB; what reaches
   memory is y (13, 13, 32), 22 KB, and a byte for each of its elements.

   The results of a pooling window follow each other, (outputs, cells, F), since the offset tables
   visit pixels in this order. argmax says which cell was the (first) largest, or NO_ARGMAX. The
   backward pass needs nothing else: it scatters an output's gradient to that cell. */
#pragma once

#include "simd.h"

/* y, argmax = the largest of `cells` results (cells, F), and its cell, for up to LANES filters. If
   relu is given the search begins at 0, so that y is relu of the maximum, and NO_ARGMAX stays where
   nothing is larger. The first NaN wins, as in NumPy. */
INLINE void max_of_cells(const Conv *c, const real *results, real *y, unsigned char *argmax,
                         const isize filters, const int cells) {
    real few[LANES] = {0};
    Vector best = {0};
    Mask which = {0};
    if (c->gemm.relu) which = which + NO_ARGMAX;
    for (int cell = 0; cell < cells; cell++, results += c->F) {
        if (filters < LANES) memcpy(few, results, filters * sizeof(real));
        const Vector value = *(const Vector *)(filters < LANES ? few : results);
        if (cell == 0 && !c->gemm.relu) best = value;
        const Mask larger = ~(Mask)(value <= best) & (Mask)(best == best);
        best = BLEND(larger, value, best);
        which = (larger & cell) | (~larger & which);
    }
    const Bytes cell_number = __builtin_convertvector(which, Bytes);
    if (filters < LANES) {
        memcpy(y, &best, filters * sizeof(real));
        memcpy(argmax, &cell_number, filters);
    } else {
        *(Vector *)y = best;
        *(Bytes *)argmax = cell_number;
    }
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
        const isize block = begin / BLOCK * BLOCK;
        const uint64_t key = mix64(d->key + (uint64_t)(block / BLOCK));
        const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
        real *y = (real *)c->gemm.y + block;
        end = least(block + BLOCK, last);
        for (int i = (int)(begin - block); i < (int)(end - block); i++) {
            const real value = y[i]; /* read in any case, or clang does not vectorize */
            y[i] = (mix32((uint32_t)i ^ low, high) <= last_kept ? value : 0) * scale;
        }
    }
    const real *y = c->gemm.y;
    for (isize i = first; i < last; i++) argmax[i] |= y[i] == 0 ? NO_ARGMAX : 0;
}

/* The backward pass of max_of_cells, for up to HALF_LANES filters: an output's gradient gy goes to
   the cell that argmax names, 0 to the others (cells, F), and it is added to that of the bias. */
INLINE void scatter_to_cells(const Conv *c, const real *gy, const unsigned char *argmax,
                             real *results, real *bias, const isize filters, const int cells) {
    const int whole = filters == HALF_LANES; /* else gy and bias are copied: they end here */
    real gy_copy[HALF_LANES] = {0}, bias_copy[HALF_LANES] = {0};
    integer cell_numbers[HALF_LANES] = {0};
    for (isize f = 0; f < filters; f++) cell_numbers[f] = argmax[f];
    memcpy(gy_copy, gy, filters * sizeof(real));
    memcpy(bias_copy, bias, filters * sizeof(real));
    const HalfMask which = *(const HalfMask *)cell_numbers;
    const HalfMask bits = *(const HalfMask *)(whole ? gy : gy_copy);
    const HalfMask kept = bits & ~(HalfMask)(which == NO_ARGMAX);
    *(Half *)(whole ? bias : bias_copy) += (Half)kept;
    if (!whole) memcpy(bias, bias_copy, filters * sizeof(real));
    for (int cell = 0; cell < cells; cell++, results += c->F) {
        const HalfMask part = bits & (HalfMask)(which == cell);
        if (whole) *(HalfMask *)results = part;
        else memcpy(results, &part, filters * sizeof(real));
    }
}

/* The gradients of the results (outputs, cells, F) and of the bias, from gy (outputs, F). */
INLINE void scatter_windows(const Conv *c, isize outputs, const real *gy,
                            const unsigned char *argmax, real *results, real *bias,
                            const int cells) {
    const isize F = c->F;
    for (; outputs > 0; outputs--, gy += F, argmax += F, results += cells * F) {
        isize f = 0;
        for (; f + HALF_LANES <= F; f += HALF_LANES)
            scatter_to_cells(c, gy + f, argmax + f, results + f, bias + f, HALF_LANES, cells);
        if (f < F) scatter_to_cells(c, gy + f, argmax + f, results + f, bias + f, F - f, cells);
    }
}

static inline void scatter_to_argmax(const Conv *c, isize outputs, const real *gy,
                                     const unsigned char *argmax, real *results, real *bias) {
    const int cells = (int)(c->pool_height * c->pool_width);
    if (cells == 4) /* a constant, as in pool */
        scatter_windows(c, outputs, gy, argmax, results, bias, 4);
    else scatter_windows(c, outputs, gy, argmax, results, bias, cells);
}

/* Of blank outputs only the bias gets a gradient. */
static inline void scatter_to_bias(const Conv *c, isize outputs, const real *gy,
                                   const unsigned char *argmax, real *restrict bias) {
    for (; outputs > 0; outputs--, gy += c->F, argmax += c->F)
        for (isize f = 0; f < c->F; f++) bias[f] += argmax[f] == NO_ARGMAX ? 0 : gy[f];
}
