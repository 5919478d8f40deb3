/* Memory that begins at a cache line. malloc's begins 16 bytes into one, or 48, and then every
   vector that is read lies across two: a product takes up to 1.4 times as long. */
#ifndef MINIGRAD_ALIGNED_H
#define MINIGRAD_ALIGNED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 64 };

/* The byte before the data tells how far they are from the start of the block. The first argument of
   each function is NumPy's, which calls them for the arrays that _arrays.pyx makes. */
static char *aligned_begin(char *start)
{
    char *data = start + LINE_BYTES - (uintptr_t)start % LINE_BYTES;
    data[-1] = (char)(data - start);
    return data;
}

static void *aligned_malloc(void *context, size_t size)
{
    char *start = malloc(size + LINE_BYTES);
    return start == NULL ? NULL : aligned_begin(start);
}

static void aligned_free(void *context, void *data, size_t size)
{
    if (data != NULL)
        free((char *)data - ((char *)data)[-1]);
}

static inline void *aligned_calloc(void *context, size_t count, size_t item)
{
    void *data = aligned_malloc(context, count * item);
    return data == NULL ? NULL : memset(data, 0, count * item);
}

static inline void *aligned_realloc(void *context, void *data, size_t size)
{
    const char offset = data == NULL ? LINE_BYTES : ((char *)data)[-1];
    char *start = realloc(data == NULL ? NULL : (char *)data - offset, size + LINE_BYTES);
    const ptrdiff_t moved = start == NULL ? 0 : LINE_BYTES - (uintptr_t)start % LINE_BYTES - offset;
    if (start == NULL)
        return NULL;
    if (data != NULL && moved != 0)
        memmove(start + offset + moved, start + offset, size);
    return aligned_begin(start);
}

#endif
