/* Memory in which vectors are read and written fastest.

   Blocks begin at a cache line. malloc's blocks begin 16 or 48 bytes after one, so every 64-byte
   vector crosses two lines: a product takes up to 1.4 times as long.

   Large blocks begin at different offsets in their pages of 4096 bytes. To find out whether a read
   depends on an earlier write, a processor compares the last 12 bits of their addresses. If w, m
   and v all begin at the same offset, these bits agree by chance: Adam takes 1.6 times as long ("4K
   aliasing"). */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { LINE_BYTES = 64, PAGE = 4096, HEAD = sizeof(size_t) };

/* The distance from a block's start to its data: to the next line, or to one of a page's lines. */
static size_t aligned_distance(const char *start, size_t room) {
    static _Thread_local size_t turn; /* each block begins 21 lines (of 64) after the last one */
    const size_t place = room == PAGE ? turn++ * 21 % 64 * LINE_BYTES : 0;
    return HEAD + (place - (uintptr_t)(start + HEAD)) % room;
}

/* Return the data, with their distance from the start stored right before them. */
static void *aligned_data(char *start, size_t distance) {
    memcpy(start + distance - HEAD, &distance, HEAD);
    return start + distance;
}

static char *aligned_start(void *data) {
    size_t distance;
    memcpy(&distance, (char *)data - HEAD, HEAD);
    return (char *)data - distance;
}

/* The first argument of these is NumPy's, which calls them for the arrays of memory.pyx. */
static void *aligned_malloc(void *context, size_t size) {
    const size_t room = size < 4 * PAGE ? LINE_BYTES : PAGE;
    char *start = malloc(size + HEAD + room);
    return start == NULL ? NULL : aligned_data(start, aligned_distance(start, room));
}

static void aligned_free(void *context, void *data, size_t size) {
    if (data != NULL) free(aligned_start(data));
}

static inline void *aligned_calloc(void *context, size_t count, size_t item) {
    void *data = aligned_malloc(context, count * item);
    return data == NULL ? NULL : memset(data, 0, count * item);
}

static inline void *aligned_realloc(void *context, void *data, size_t size) {
    if (data == NULL) return aligned_malloc(context, size);
    const size_t before = (char *)data - aligned_start(data);
    char *start = realloc(aligned_start(data), size + HEAD + PAGE);
    if (start == NULL) return NULL;
    const size_t distance = aligned_distance(start, PAGE);
    memmove(start + distance, start + before, size);
    return aligned_data(start, distance);
}

/* Let glibc keep what is freed, up to 512 MB, instead of returning it to the system. */
static inline void keep_freed_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0); /* no block apart from the heap, however large */
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}
