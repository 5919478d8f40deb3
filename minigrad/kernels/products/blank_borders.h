/* Blank borders: outputs of a convolution that see only zeros, as at the edges of a digit of MNIST.

   All outputs whose receptive fields hold only zeros are the same (the bias, after relu), so one
   is computed and copied, and to the kernel's gradient they add nothing. On MNIST a third of the
   outputs of the first layer are blank.

   The columns of an input strip are looked at, all of its rows together. Output o of a row sees the
   elements o * step to o * step + width - 1 of each row of the strip:

       strip's columns      0 0 0 0 0 0 0 7 3 9 5 0 0 0 0 0 0        first = 7, last = 11
       output 0             [---]                                    step = 2, width = 3
       output 1                 [---]
       output 2                     [---]                            the last one left of `first`
       output 3 ...                     [---]                        sees the 7: begin = 3
       output 5 ...                             [---]                sees the 5: end = 6
       output 6                                     [---]            begins behind `last`

   Output o is blank on the left if o * step + width <= first, so begin = (first - width) / step + 1,
   and blank on the right if o * step >= last, so end = last / step, rounded up. */
#ifndef MINIGRAD_BLANK_BORDERS_H
#define MINIGRAD_BLANK_BORDERS_H

#include "simd.h"

enum { SHORT_ROW = 256 /* elements: longer rows, of later layers, have too few borders to look */ };

typedef struct {
    isize begin, end; /* outputs of a row: begin, begin + 1, ..., end - 1 */
} Span;

/* The outputs of each row of a strip that may see anything but zeros; `rows` is in outputs. */
static inline Span find_blank_borders(const Conv *c, const real *strip, isize rows)
{
    const isize height = (rows - 1) * c->pool_height * c->stride_height + c->receptive_height;
    const isize step = c->pool_width * c->stride_width * c->C;
    const isize width = step + ((c->KW - 1) * c->dilation_width - c->stride_width + 1) * c->C;
    const int size = (int)least(c->strip_width * c->C, SHORT_ROW + 1);
    integer any[SHORT_ROW]; /* what is not 0 in a column of the strip */
    int first = 0, last = size;
    Span seen = {0, c->OW};
    if (size == 0 || size > SHORT_ROW)
        return seen;
    for (int j = 0; j < size; j++)
        any[j] = 0;
    for (isize i = 0; i < height; i++, strip += size)
        for (int j = 0; j < size; j++)
            any[j] |= strip[j] != 0;
    for (; first < size && !any[first]; first++);
    for (; last > first && !any[last - 1]; last--);
    if (first >= width)
        seen.begin = least((first - width) / step + 1, c->OW);
    seen.end = least((last + step - 1) / step, c->OW);
    if (seen.end < seen.begin)
        seen.end = seen.begin;
    return seen;
}

/* Set the outputs begin to end - 1 of y, and of argmax if there is one, to what `output` is. */
static inline void repeat_output(const Conv *c, isize output, isize begin, isize end)
{
    const isize F = c->F;
    real *y = c->gemm.y;
    for (isize i = begin; i < end; i++) {
        memcpy(y + i * F, y + output * F, F * sizeof(real));
        if (c->argmax != NULL)
            memcpy(c->argmax + i * F, c->argmax + output * F, F);
    }
}

#endif
