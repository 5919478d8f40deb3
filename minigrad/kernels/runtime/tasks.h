/* A task: part number `index` of a kernel's work, done by thread number `worker`. */
#pragma once

#include <stddef.h>

typedef void (*Task)(void *arguments, ptrdiff_t index, int worker);

/* Independent elements are cut into chunks. The cuts depend only on the number of elements: an
   element takes the same path through the vectorized loop, and gets the same bits, for any number
   of threads. The number of chunks is even, so two threads have nearly equal work. */
enum { CHUNK = 16384 }; /* elements, about: Adam's four float32 arrays then take 256 KiB of L2 */

static inline ptrdiff_t chunk_count(ptrdiff_t size) {
    return (size + 2 * CHUNK - 1) / (2 * CHUNK) * 2;
}

static inline ptrdiff_t chunk_begin(ptrdiff_t size, ptrdiff_t index) {
    const ptrdiff_t count = chunk_count(size);
    const ptrdiff_t begin = (size / 64 + count) / count * 64 * index;
    return begin < size ? begin : size;
}
