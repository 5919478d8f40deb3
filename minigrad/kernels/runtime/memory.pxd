cdef class Memory:
    cdef void* data
