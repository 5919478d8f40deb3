/* The innermost loop of the matrix product and of convolution: one tile of a product, in registers.

       y[i, j] = sum over k of a[i, k] * b[k, j]          i < ROWS,  j < COLUMNS

   The tile has up to 14 rows and two vectors of columns (AVX-512), all of it in vector registers:

                   b[k, :]   [ b0 ][ b1 ]            two loads for each k
       a[0, k] --> sum[0]    [    ][    ]
       a[1, k] --> sum[1]    [    ][    ]            each a[i, k] is spread over a vector,
         ...        ...                              multiplied with b0 and b1, and added
       a[13,k] --> sum[13]   [    ][    ]

   so that one load of b serves fourteen multiplications, and nothing is stored before k is through.

   Where the elements of a lie is the caller's business, who writes two tables: a[i, k] lies at
   a_row[i] + a_column[k]. For a matrix these are plain strides. For a convolution the rows are
   pixels and k runs over the patch under the kernel, in place in the image: im2col without columns.
*/
#ifndef MINIGRAD_TILE_H
#define MINIGRAD_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "dropout.h"

/* y (rows, columns) = relu(a @ b + bias), or with `add` relu(y + a @ b). */
typedef struct {
    ptrdiff_t rows, columns, depth;
    const void *a;
    const ptrdiff_t *a_row, *a_column; /* a[i, k] lies at a_row[i] + a_column[k] */
    ptrdiff_t ahead;                   /* what is prefetched moves so many elements with each k */
    const void *b;                     /* in panels of COLUMNS columns, rows of each b_row apart */
    ptrdiff_t b_panel, b_row, b_group; /* b_group: from one group of a convolution to the next */
    void *y;
    const ptrdiff_t *y_row, *y_column; /* y[i, j] lies at y_row[i] + y_column[j], or j if NULL */
    const void *bias;                  /* (columns,) or NULL */
    int relu, add;
} Product;

/* A matrix product, in tasks of one panel and one block of rows. */
typedef struct {
    Product product;
    ptrdiff_t row_blocks, a_row, a_column, b_column; /* from one row or column to the next */
    int pack;       /* whether all panels of b are packed */
    void *packed;   /* `room` elements for each thread */
    ptrdiff_t room;
    /* The first tasks pass over zeros (sparse_template.h): `wide` times WIDE panels, each of them
       in blocks of rows and parts of the depth, of which several are added up afterwards. */
    ptrdiff_t wide, wide_blocks, parts, part_depth;
    void *sums;
    uint64_t *bits; /* which elements of a are not 0 (find_all), or NULL */
} MatMul;

enum { DEPTH_BLOCK = 1408 }; /* of float32: a panel's piece of b takes 176 KB, a part of L2 */
enum { WIDE = 4 };           /* 8 sums in registers: enough to keep the multipliers busy */

/* A convolution, forward or backward, of x (N, H, W, C) with outputs y (N, OH, OW, F). If `winner`
   is not NULL, the outputs are the maxima of windows of pool_height * pool_width results. */
typedef struct {
    const void *x;
    ptrdiff_t N, H, W, C, KH, KW, OH, OW, F;
    ptrdiff_t stride_height, stride_width, top, left, dilation_height, dilation_width;
    ptrdiff_t groups, group_channels; /* channels of x from one group to the next */
    ptrdiff_t pool_height, pool_width;
    unsigned char *winner; /* which cell of its window each output is */
    Dropout dropout;       /* of the pooled outputs, after relu */
    Product product;
    ptrdiff_t reach_height, window_width;  /* what a row of y sees, what a band sees */
    int padded;                            /* whether windows must be cut out of x */
    void *scratch;                         /* scratch_size elements for each thread: */
    ptrdiff_t scratch_size, window_size;   /* the window cut out, the map to pool, packed gy */
    ptrdiff_t bands, band_rows;            /* the parts of one image's outputs */
    ptrdiff_t chunks, pack;                /* kernel gradient: sums; elements of gy packed */
} Conv;

/* y = the sum of `count` arrays of `size` elements, `step` apart; then perhaps its relu. */
typedef struct {
    const void *x;
    ptrdiff_t count, step, size;
    void *y;
    int relu;
} Sums;

enum { SHORT_ROW = 256 }; /* elements of a row of an image that is looked at for margins */
enum { NO_WINNER = 255 }; /* where relu killed the whole window, or dropout what was left of it */

static inline int lowest_bit(uint64_t bits)
{
#ifdef __GNUC__
    return __builtin_ctzll(bits);
#else
    int number = 0;
    for (; !(bits >> number & 1); number++);
    return number;
#endif
}

typedef void (*PackLoop)(const void *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, void *);
typedef ptrdiff_t (*Size)(void);
typedef void (*Find)(const MatMul *);

#if defined(__has_builtin) && !defined(MINIGRAD_PLAIN)
#if __has_builtin(__builtin_shufflevector) /* gcc 12 and clang */
#define HAS_SHUFFLE
#endif
#endif
#define TEMPLATE "product_template.h"
#include "levels.h"
#undef TEMPLATE

CHOICE(Task, matmul_task, matmul)
CHOICE(Task, conv_forward_task, conv_forward)
CHOICE(Task, conv_backward_kernel_task, conv_backward_kernel)
CHOICE(Task, conv_backward_input_task, conv_backward_input)
CHOICE(Task, add_sums_task, add_sums)
CHOICE(PackLoop, pack_loop, pack)
CHOICE(Find, find_loop, find_all)
CHOICE(Size, panel_columns, panel_columns)
CHOICE(Size, tile_rows, tile_rows)

#endif
