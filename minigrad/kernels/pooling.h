/* What the pooling kernels work on; for the loops, pooling_template.h. */
#ifndef MINIGRAD_POOLING_H
#define MINIGRAD_POOLING_H

#include <stdint.h>
#include <string.h>

#include "task.h"

/* Windows on images (N, H, W, C), and what is pooled from them, (N, OH, OW, C). */
typedef struct {
    ptrdiff_t N, H, W, C, OH, OW;
    int pool_height, pool_width, stride_height, stride_width, pad_top, pad_left;
    ptrdiff_t rows; /* of the pooled, in one task */
    void *image;    /* x or its gradient */
    void *pooled;   /* y or its gradient */
    int *winner;
} Pool;

/* One window, clipped to its image. */
typedef struct {
    ptrdiff_t image, pooled; /* where its first cell and what is pooled from it begin */
    ptrdiff_t rows, columns;
    int first; /* the number of its first cell, which is not 0 if cells before it are clipped off */
} Window;

/* A kernel's work on one window, for the channels c to c + width - 1. */
typedef void (*Strip)(const Pool *p, const Window *window, ptrdiff_t c, int width);

static inline Window clip(const Pool *p, ptrdiff_t n, ptrdiff_t oh, ptrdiff_t ow)
{
    const ptrdiff_t top = oh * p->stride_height - p->pad_top, h = top > 0 ? top : 0;
    const ptrdiff_t left = ow * p->stride_width - p->pad_left, w = left > 0 ? left : 0;
    const ptrdiff_t bottom = top + p->pool_height, right = left + p->pool_width;
    const Window window = {
        ((n * p->H + h) * p->W + w) * p->C,
        ((n * p->OH + oh) * p->OW + ow) * p->C,
        (bottom < p->H ? bottom : p->H) - h,
        (right < p->W ? right : p->W) - w,
        (int)((h - top) * p->pool_width + w - left),
    };
    return window;
}

#define TEMPLATE "pooling_template.h"
#include "levels.h"
#undef TEMPLATE

CHOICE(Task, max_pool_forward_task, max_pool_forward)
CHOICE(Task, max_pool_backward_task, max_pool_backward)
CHOICE(Task, avg_pool_forward_task, avg_pool_forward)
CHOICE(Task, avg_pool_backward_task, avg_pool_backward)

#endif
