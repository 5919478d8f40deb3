"""Let the C library keep freed memory for the next step instead of handing it back.

A training step allocates and frees tens of megabytes. glibc returns such blocks to the system and
fetches them anew, page by page, in every step: a third of the step's time. With these two limits
it keeps up to 256 MB of freed memory. Other C libraries decide for themselves.
"""

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static void keep_freed_memory(void)
    {
        mallopt(M_MMAP_THRESHOLD, 32 << 20);  /* the largest that glibc accepts */
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
    }
    #else
    static void keep_freed_memory(void) {}
    #endif
    """
    void keep_freed_memory()

keep_freed_memory()
