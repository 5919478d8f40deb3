/* Blank borders: outputs of a convolution that see only zeros, as at the edges of a digit of MNIST.

   All outputs whose receptive fields hold only zeros are the same: the bias, after relu. So one of
   them is computed and copied, and the kernel's gradient skips them. In the first layer half of
   MNIST's outputs are blank and 22 % of Fashion-MNIST's. On MNIST forward takes 0.73 of the
   time and backward 0.63; images without blank borders pay 2 to 3 % for the search.

   An input strip is searched column by column, all of its rows at once. Output o of a row sees the
   elements o * step to o * step + width - 1 of each row of the strip (element = pixel and channel):

       strip's columns      0 0 0 0 0 0 0 7 3 9 5 0 0 0 0 0 0        first = 7, last = 11
       output 0             [---]                                    step = 2, width = 3
       output 1                 [---]
       output 2                     [---]                            ends before the 7: blank
       output 3                         [---]                        sees the 7: begin = 3
       output 5                                 [---]                sees the 5
       output 6                                     [---]            begins after the 5: end = 6

   Output o is blank on the left if o * step + width <= first: begin = (first - width) / step + 1.
   It is blank on the right if o * step >= last: end = last / step, rounded up. */
#pragma once

#include "simd.h"

enum { SHORT_ROW = 256 }; /* elements: longer rows, as in later layers, have few blank borders */

typedef struct {
    isize begin, end; /* outputs of a row: begin, begin + 1, ..., end - 1 */
} Span;

/* The outputs between the blank borders, the same in each of the `rows` rows of outputs. */
static inline Span find_blank_borders(const Conv *c, const real *strip, isize rows) {
    const isize height = (rows - 1) * c->pool_height * c->stride_height + c->receptive_height;
    const isize step = c->pool_width * c->stride_width * c->C;
    const isize width = step + ((c->KW - 1) * c->dilation_width - c->stride_width + 1) * c->C;
    const int size = (int)least(c->strip_width * c->C, SHORT_ROW + 1);
    integer any[SHORT_ROW]; /* whether any element of a column is not 0 */
    int first = 0, last = size;
    Span seen = {0, c->OW};
    if (size == 0 || size > SHORT_ROW) return seen;
    for (int j = 0; j < size; j++) any[j] = 0;
    for (isize i = 0; i < height; i++, strip += size)
        for (int j = 0; j < size; j++) any[j] |= strip[j] != 0;
    for (; first < size && !any[first]; first++);
    for (; last > first && !any[last - 1]; last--);
    if (first >= width) seen.begin = least((first - width) / step + 1, c->OW);
    seen.end = least((last + step - 1) / step, c->OW);
    if (seen.end < seen.begin) seen.end = seen.begin;
    return seen;
}

/* Set the outputs begin to end - 1 of y, and of argmax if there is one, to what `output` is. */
static inline void repeat_output(const Conv *c, isize output, isize begin, isize end) {
    const isize F = c->F;
    real *y = c->y;
    for (isize i = begin; i < end; i++) {
        memcpy(y + i * F, y + output * F, F * sizeof(real));
        if (c->argmax != NULL) memcpy(c->argmax + i * F, c->argmax + output * F, F);
    }
}
