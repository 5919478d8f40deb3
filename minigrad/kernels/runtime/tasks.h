/* A part of a kernel's work: number `index` of some count, done by thread number `worker`. */
#ifndef MINIGRAD_TASKS_H
#define MINIGRAD_TASKS_H

#include <stddef.h>

typedef void (*Task)(void *arguments, ptrdiff_t index, int worker);

/* Where elements are independent, a task is a chunk of them. How they are cut depends on nothing
   but their number, so that an element takes the same path through a vectorised loop, and gets the
   same bits, whatever the number of threads; Adam's four arrays of float32 take 256 KiB, part of
   L2. The number of chunks is even, so that two threads have as much to do. */
enum { CHUNK = 16384 }; /* about, or less */

static inline ptrdiff_t chunk_count(ptrdiff_t size) {
    return (size + 2 * CHUNK - 1) / (2 * CHUNK) * 2;
}

static inline ptrdiff_t chunk_begin(ptrdiff_t size, ptrdiff_t index) {
    const ptrdiff_t count = chunk_count(size);
    const ptrdiff_t begin = (size / 64 + count) / count * 64 * index;
    return begin < size ? begin : size;
}

#endif
