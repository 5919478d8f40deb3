# The C types of core.py, which Cython reads when it compiles core.py; core.py stays plain Python.
# Attributes become fields of a C struct, without a look-up by name, and functions call each other
# as C functions. Nothing else makes the compiled engine fast.

cimport cython


cdef class TensorBase:
    cdef public object _data, _deferred, _rows, _signature, _version, grad, made_by, name, node
    cdef public bint _is_view, requires_grad
    cdef object __weakref__


cdef class Function:
    cdef public tuple needs, saved, _signature, _watched
    cdef public list _origins
    cdef public object _walk, _gradient
    cdef public Py_ssize_t _uses
    cdef public bint _owned
    cdef object __weakref__


cdef list _NEEDS

cpdef bint is_grad_enabled()
cpdef as_array(data, dtype=*, default=*)
cpdef values_here(TensorBase tensor)
cdef _constant(value, dtype)
cdef _fill(TensorBase tensor, array)
cdef list _version_of(TensorBase tensor)
cdef _watch(Function function, kept, bint is_view, TensorBase tensor)
cdef tuple _signature_of(TensorBase tensor)
cdef _first_float_type(tuple inputs)
cdef tuple _results(Function node, gy)
cdef bint _is_private(gx, gy, tuple results, Function node)
cdef _begin(Function node, walk)
cdef _conform(gx, tuple signature, Function node)


@cython.locals(i=Py_ssize_t, wanted=Py_ssize_t, tensor=TensorBase, output=TensorBase, cls=type)
cdef TensorBase _apply(Function function, tuple inputs)


@cython.locals(i=Py_ssize_t)
cdef _record(Function function, tuple inputs, list arrays, list origins, TensorBase output)


@cython.locals(i=Py_ssize_t, node=Function, below=Function, total=Function)
cdef _backpropagate(Function root, gy)


@cython.locals(node=Function, below=Function)
cdef _count_uses(Function root, dict leaves)
