/* What the pooling kernels work on; the loops are in pooling_template.h. */
#include <math.h>

#include "task.h"

/* Windows on images (N, H, W, C), and what is pooled from them, (N, OH, OW, C). */
typedef struct {
    ptrdiff_t N, H, W, C, OH, OW;
    int pool_height, pool_width, stride_height, stride_width, pad_top, pad_left;
    void *image;    /* x or its gradient */
    void *pooled;   /* y or its gradient */
    int *winner;    /* or NULL, for means */
    ptrdiff_t rows; /* of what is pooled, in one task */
    int clear;      /* backward: a task is an image, and sets it to 0 first */
} Pool;

/* One window, clipped to its image. */
typedef struct {
    ptrdiff_t image, pooled; /* where its first cell and what is pooled from it begin */
    ptrdiff_t rows, columns;
    int number; /* of its first cell, which is not 0 if cells before it are clipped off */
} Window;

static inline Window clip(const Pool *p, ptrdiff_t n, ptrdiff_t oh, ptrdiff_t ow)
{
    const ptrdiff_t top = oh * p->stride_height - p->pad_top, h = top > 0 ? top : 0;
    const ptrdiff_t left = ow * p->stride_width - p->pad_left, w = left > 0 ? left : 0;
    const ptrdiff_t bottom = top + p->pool_height, right = left + p->pool_width;
    const Window window = {
        .image = ((n * p->H + h) * p->W + w) * p->C,
        .pooled = ((n * p->OH + oh) * p->OW + ow) * p->C,
        .rows = (bottom < p->H ? bottom : p->H) - h,
        .columns = (right < p->W ? right : p->W) - w,
        .number = (int)((h - top) * p->pool_width + w - left),
    };
    return window;
}

#define TEMPLATE "pooling_template.h"
#pragma GCC diagnostic ignored "-Wunused-variable" /* a mean has no winner, a maximum no division */
#include "levels.h"

TASK(max_pool_forward) TASK(max_pool_backward) TASK(avg_pool_forward) TASK(avg_pool_backward)
