from minigrad.core cimport Function


cpdef combine(str function, x, y)
cpdef chain(str function, gy, y)


cdef class Add(Function):
    pass


cdef class Sub(Function):
    pass


cdef class Mul(Function):
    pass


cdef class Div(Function):
    pass


cdef class Neg(Function):
    pass
