/* The problems that the C loops solve, each described by one struct.

   gemm.pyx and conv.pyx check the caller's arrays, fill in a struct, and run one of the tasks of
   the table Products on the pool of threads. The C files know no Python and allocate nothing.

       problem      what it computes                              solved in
       Gemm         y = relu(a @ b + bias), on one thread         gemm_microkernel.h, gemm.h
       MatMul       the same, cut into tasks                      matmul.h, zero_skip.h
       Conv         a convolution or one of its gradients         implicit_gemm.h, fused_pool.h
       Winograd     a 3 x 3 convolution by fewer multiplications  winograd.h
       Sums         y = the sum of some arrays                    gemm.h

   Pointers are `void *` since the same structs serve float and double. Unless a field says
   otherwise, sizes, strides and offsets count elements, never bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dropout.h"
#include "tasks.h"

typedef ptrdiff_t isize; /* a size, an index or an offset; Cython calls the type Py_ssize_t */

enum {
    /* The longest sum that one run of the micro-kernel adds up. A panel of b that deep takes
       1408 * 32 * 4 bytes = 176 KB (AVX-512): it stays in L2 (256 KB and more) while all rows of
       a go by. GEMM papers call it KC, the block size along K. */
    KC = 1408,
    /* Panels in a column block, which skips zeros: 4 panels are 8 vectors of sums. A multiply-add
       takes 4 cycles and two can begin in each cycle, so 8 sums keep both units busy. */
    BLOCK_PANELS = 4,
    /* So many multiply-adds take about as long as one element of an optimizer's loop. team_size,
       which decides whether threads repay their wake-up, counts in such elements. */
    MACS_PER_ELEMENT = 16,
    /* In argmax: no cell of the window gets a gradient, since relu or dropout made its output 0. */
    NO_ARGMAX = 255,
    ADD = 1, RESUME = 2, /* of Gemm.add */
    COPIED_ROWS = 24, /* of a, where a product is cut at shards: with a panel of b they fit L1 */
    /* Results of a convolution in a piece of an image, at most: so many gradients are added up one
       after the other. A million numbers 0.01 make 9,865 in one piece, 9,999.8 in such pieces. */
    PIECE = 4096,
    /* Elements between the scratch memory of two threads. Beyond what one reads, the processor
       fetches lines that the other writes: without, MNIST's kernel gradient takes 10 % longer. */
    APART = 256,
    LINE_BYTES = 64, /* of a line of the cache */
};

/* GEMM, the general matrix product: y = relu(a @ b + bias).
   a is (rows, depth), b is (depth, columns), y is (rows, columns).

   Rows and columns of a and y are found through tables of offsets. For a plain matrix they hold
   multiples of a stride; for a convolution they address the image in place (implicit_gemm.h). */
typedef struct {
    isize rows, columns, depth;
    const void *a;                /* a[i, k] is a[a_row_offset[i] + a_column_offset[k]] */
    isize *a_row_offset;          /* (rows,) */
    isize *a_column_offset;       /* (depth,), but (min(depth, KC),) for MatMul */
    isize a_column_stride;        /* the same, k * a_column_stride, where it is not 0 */
    isize prefetch_step;          /* how far ahead the next prefetch is, with each k */
    const void *b;                /* panel j holds the columns NR * j to NR * (j + 1) - 1: */
    isize b_panel_stride;         /* from a panel to the next */
    isize b_row_stride;           /* from a row of a panel to the next; NR if packed */
    void *y;                      /* y[i, j] is y[y_row_offset[i] + y_column_offset[j]] */
    isize *y_row_offset;          /* (rows,) */
    isize *y_column_offset;       /* (columns,), or NULL: y_column_offset[j] = j */
    const void *bias;             /* (columns,) or NULL */
    int relu;                     /* set negative elements to 0, after everything else */
    int add;                      /* ADD: relu(y + (a @ b + bias)). RESUME: a @ b, each sum going on
                                     from y, as if depth had not been cut. 0: overwrite y */
} Gemm;

/* A Gemm cut into tasks. Tasks that skip zeros come first (zero_skip.h): one for each column block,
   block of rows and piece of the depth. Dense tasks follow (matmul.h): one block of rows in
   one panel outside the column blocks. */
typedef struct {
    Gemm gemm;                   /* of the whole product */
    isize a_row_stride, a_column_stride, b_column_stride; /* b's row stride is in gemm */
    isize row_blocks;            /* dense tasks for each panel */
    int pack_b;                  /* copy every panel of b, not only a partial one */
    void *packed;                /* packed_size elements for each thread */
    isize packed_size;           /* the larger of a panel's piece and a column block, 64 deep */
    isize column_blocks;         /* of BLOCK_PANELS panels; 0: a has too few zeros to skip any */
    isize skip_row_blocks;       /* blocks of rows for each column block */
    isize pieces;                /* of the depth, which are added up one after the other */
    isize piece_depth;           /* of all but the last: a multiple of 64, at most KC */
    int split_k;                 /* each piece is a task of its own */
    void *partial_sums;          /* for zero skipping in several pieces: (pieces, rows, columns) if
                                    split_k, else (rows, columns): those of the piece at work */
    isize shards;                /* of a sum over samples that ranks share (shards.h); else 0 */
    const isize *cuts;           /* (shards + 1,): shard i is k from cuts[i] to cuts[i + 1] - 1 */
    void *turned_b;              /* with shards: b.T, if y.T = b.T @ a.T since b has the zeros to
                                    skip: (columns / COPIED_ROWS rounded up, depth, COPIED_ROWS) */
    uint64_t *nonzero_bits;      /* (depth / 64 rounded up, rows), or NULL: each task finds them;
                                    of turned_b (columns as above, shards, COPIED_ROWS) */
} MatMul;

/* A convolution of images x (N, H, W, C) with kernels w (KH, KW, C / groups, F) that gives outputs
   y (N, OH, OW, F), or one of its gradients.

   If `argmax` is given, Conv2D, MaxPooling2D and Dropout run as one (fused_pool.h): an output is
   then the maximum of a window of pool_height * pool_width results of the convolution. */
typedef struct {
    isize N, H, W, C, KH, KW, OH, OW, F;
    isize stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width;
    isize groups;
    isize group_channels;             /* C / groups */
    isize pool_height, pool_width;    /* 1, 1 without pooling */
    unsigned char *argmax;            /* (N, OH, OW, F): the cell of each maximum; or NULL */
    Dropout dropout;                  /* of the pooled outputs; scale = 0: none (1 in backward) */
    void *x, *w, *y, *bias;           /* or gradients of their shapes; bias may be NULL */
    int relu;
    Gemm gemm;                        /* the product for one strip of one image, or one image */
    isize b_group_stride;             /* from a group's packed panels to the next group's */

    /* A task computes a strip of output rows from an input strip: all that they depend on. */
    isize strips, strip_rows;         /* strips of an image; rows of y in each but the last */
    isize receptive_height;           /* rows of the input that one row of y depends on */
    isize strip_width;                /* pixels of a row of the input strip */
    int padded;                       /* 1: input strips are copied with their padding */
    int few_filters;                  /* 1: few_filters.h computes it */
    isize shards;                     /* this is one of so many calls in a row; or 0 */
    int team;                         /* how many threads share the tasks */

    /* Each thread has scratch_size elements, and APART to the next one's: first the padded input
       strip (none if x is read in place), then a strip's results before pooling or their gradients
       (none without pooling), then, for the kernel gradient, the sums of rows and of a piece (none
       without pooling), and a strip of gy packed (none if it is read in place). */
    void *scratch;
    isize scratch_size, input_strip_size, packed_gy_size;
    isize *seen_offset; /* of each thread: the pixels of a strip between its blank borders */
    isize chunks;     /* of images: each gives a partial sum of the kernel gradient */
    isize piece_rows; /* rows of an image's results whose sum is added to that of the chunk */
} Conv;

/* A convolution with 3 x 3 kernels as 16 matrix products, one for each position of a 4 x 4 grid.
   Each thread's scratch memory has V, then M, and a patch of pixels that sticks out of an image. */
typedef struct {
    Conv conv;                       /* for the input gradient: the transposed problem */
    isize tiles_down, tiles_across;  /* tiles of 2 x 2 outputs in an image */
    isize tiles;                     /* of all images */
    isize block;                     /* tiles that a task transforms at once */
    isize C_step, F_step;            /* C and F rounded up to whole vectors: rows of V and M */
    isize V_step, M_step;            /* from a position to the next in V (block, C_step) and M */
    int turned;                      /* 1: w is that of the problem before it was transposed */
    void *U;                         /* the kernel transformed, (16, panels, C, NR); or the partial
                                        sums of its gradient, (chunks, 16, C, F_step) */
} Winograd;

/* y = relu(x[0] + x[1] + ... + x[count - 1]) for arrays of `size` elements, `stride` apart. */
typedef struct {
    const void *x;
    isize count, stride, size;
    void *y;
    int relu;
} Sums;

/* The C functions for one type and one instruction set (fast.c). */
typedef struct {
    isize item_size;               /* bytes of an element */
    isize tile_rows, tile_columns; /* of the micro-kernel: MR, NR */
    Task matmul;                   /* of a MatMul; see there how many */
    Task conv_forward;             /* of a Conv, one for each strip of each image */
    Task conv_backward_kernel, conv_backward_bias; /* of a Conv, one for each chunk of images */
    Task conv_backward_input;      /* of a Conv, one for each image */
    Task winograd_kernel;          /* of a Winograd: U, one for each vector of channels */
    Task winograd_forward;         /* one for each block of tiles */
    Task winograd_backward_kernel; /* one for each chunk of images and row of positions */
    Task winograd_kernel_back;     /* gw from its partial sums, one for each channel */
    Task add_sums;                 /* of Sums, one for each chunk of elements (tasks.h) */
    void (*pack)(const void *b, isize b_row_stride, isize b_column_stride, isize depth,
                 isize columns, void *packed);
    void (*find_zeros)(const MatMul *m);
    int (*is_finite)(const void *array, isize size); /* of whole vectors */
} Products;

/* Hidden: each gemm module links its own, compiled for its own instruction set. */
extern __attribute__((visibility("hidden"))) const Products fast_float, fast_double;
