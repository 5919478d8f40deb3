/* A part of a kernel's work: number `index` of some count, done by thread number `worker`. */
#ifndef MINIGRAD_TASK_H
#define MINIGRAD_TASK_H

#include <stddef.h>

typedef void (*Task)(void *arguments, ptrdiff_t index, int worker);

/* Where elements are independent, a task is a chunk of them: element index * CHUNK and so on. Its
   size is fixed, so that an element takes the same path through a vectorised loop, and gets the same
   bits, whatever the number of threads; Adam's four arrays of float32 take 256 KiB, part of L2. */
enum { CHUNK = 16384 };

static inline ptrdiff_t chunk_end(ptrdiff_t size, ptrdiff_t index)
{
    return (index + 1) * CHUNK < size ? (index + 1) * CHUNK : size;
}

#endif
