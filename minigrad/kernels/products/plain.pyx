"""Convolution and the matrix product as they are taught: im2col, col2im and three nested loops.

This is the text to read first. It also runs: `MINIGRAD_KERNELS=plain`, and wherever the compiler
has no vector extensions.

**A convolution is a matrix product.** The patch of the image under the kernel at one output pixel
is written down as a row, and so is the next one, with the values that both see written twice:

      x (H, W)               columns (pixels, KH*KW*C)          w               y
      a b c d                pixel 0:  a b e f
      e f g h    KH = KW = 2 pixel 1:  b c f g              (KH*KW*C, F)   (pixels, F)
      i j k l   ----------►  pixel 2:  c d g h          @                =
                  im2col     pixel 3:  e f i j
                             ...

Pixels outside the image are padding, and are 0 in `columns`. With strides, rows are left out. With
dilation, the pixels of a patch lie further apart. With groups, all of this is done once a group,
with the group's channels of x and the group's filters of w.

**Its gradients are matrix products as well.** From y = columns @ w follow, as for every product,

      gw       = columns.T @ gy       (KH*KW*C, pixels) @ (pixels, F)
      gcolumns = gy @ w.T             (pixels, F) @ (F, KH*KW*C)

and gx = col2im(gcolumns). im2col is a linear map: each element of `columns` is a copy of one
element of x. Hence its gradient is the transposed map: each element of x receives the sum of the
gradients of all its copies. In the drawing, gx at f is the sum of four elements of gcolumns:
those in the places where `columns` has f, in pixels 0, 1, 3 and 4. So col2im is im2col with the
assignment reversed:

      im2col:   columns[pixel, tap]     = x[where that tap sees]
      col2im:   x[where that tap sees] += columns[pixel, tap]

**The product** adds up y[i, j] = sum over k of a[i, k] * b[k, j] in the order i, k, j. In the
innermost loop a[i, k] is a constant, while the rows b[k] and y[i] lie contiguous in memory: the
compiler turns it into vector instructions. In the order i, j, k, which the formula suggests, it
would walk down a column of b, a cache line for every element.

**What the fast path does differently** (implicit_gemm.h, gemm_microkernel.h): it never stores
`columns`, which are KH*KW times as large as x, but looks elements up in x through two tables of
offsets; it keeps a block of y in registers for the whole sum over k, where this loop loads and
stores y for each k; it skips zeros; and its threads share the blocks. A training step of the MNIST
example takes about six times as long with this file. The fused convolution and max pooling
(fused_pool.h) has no plain version: the layers run one after the other instead.

One thread does all the work: `threads` is accepted and ignored, so results cannot depend on it.
"""

import functools

import numpy as np

from cython cimport floating
from cython.view cimport contiguous, strided

from minigrad.kernels.reference import _add_shards, _refuse_beside_cuts
from minigrad.kernels.runtime.arrays cimport check_geometry

# Steps from patch to patch, padding, steps from tap (position) to tap of the kernel, all in pixels;
# and the number of groups.
cdef struct Geometry:
    Py_ssize_t stride_height, stride_width, top, left, dilation_height, dilation_width, groups


def _require_memory(str kernel, written, *others):
    """Raise ValueError unless all arrays are aligned, and the one that is written is apart."""
    written, *others = [np.asarray(x) for x in (written, *others) if x is not None]
    apart = not any([np.may_share_memory(written, x) for x in others])
    fits = apart and all([x.flags.aligned for x in (written, *others)])
    _require(fits, f"{kernel}: expected aligned arrays, of which the written one is apart", written)


def _require(bint fits, str expected, *arrays):
    """Raise ValueError with the shapes of the arrays unless they fit."""
    if not fits:
        found = ", ".join([str(array.shape) for array in arrays if array is not None])
        raise ValueError(f"{expected}, got {found}")


# --- the matrix product ------------------------------------------------------------------------


cdef void add_product(
    const floating[:, :] a,                     # IN (M, K)
    const floating[::strided, ::contiguous] b,  # IN (K, N): rows that are contiguous
    floating[::strided, ::contiguous] y,        # INOUT (M, N): the same
) noexcept:
    """Compute y += a @ b."""
    cdef Py_ssize_t i, j, k
    cdef floating factor
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            factor = a[i, k]
            for j in range(b.shape[1]):
                y[i, j] += factor * b[k, j]


cdef void add_bias(floating[:, ::1] y, const floating[::1] bias, bint relu) noexcept:
    """Add the bias, if there is one, to each row of y; then apply relu, if it is true."""
    cdef Py_ssize_t i, j
    for i in range(y.shape[0]):
        if bias is not None:
            for j in range(y.shape[1]):
                y[i, j] += bias[j]
        if relu:
            for j in range(y.shape[1]):
                y[i, j] = 0 if y[i, j] < 0 else y[i, j]  # always a store: that is vectorized


def matmul(
    const floating[:, :] a not None,    # IN (M, K)
    const floating[:, :] b not None,    # IN (K, N)
    const floating[::1] bias,  # IN (N,) or None
    bint relu,
    floating[:, ::1] y not None,        # OUT (M, N)
    int threads,
    tuple cuts=None,                    # ints from 0 to K
):
    """Compute y = a @ b (+ bias), with its negative elements set to 0 if relu is true.

    With cuts, the sums over k between each two of them are added as a tree.
    """
    cdef Py_ssize_t M = a.shape[0], K = a.shape[1], N = b.shape[1]
    cdef bint fits = b.shape[0] == K and y.shape[0] == M and y.shape[1] == N
    fits = fits and (bias is None or bias.shape[0] == N)
    expected = "matmul: expected a (M, K), b (K, N), y (M, N) and perhaps bias (N,)"
    _require(fits, expected, a, b, y, bias)
    _require_memory("matmul", y, a, b, bias)
    if cuts is not None:
        _refuse_beside_cuts(bias, relu)
        _add_shards("matmul", _product, (np.asarray(a).T, np.asarray(b)), (np.asarray(y),), cuts)
        return
    y[...] = 0
    add_product[floating](a, np.ascontiguousarray(b), y)  # copies b if it is transposed
    add_bias[floating](y, bias, relu)


def _product(a, b, y):
    matmul(a.T, b, None, False, y, 1)


# --- im2col and its transpose ------------------------------------------------------------------


cdef void im2col(
    const floating[:, :, ::contiguous] x, floating[:, :, :, :, ::1] columns, Geometry g
) noexcept:
    """Copy the patch of each output pixel: columns[oh, ow, kh, kw] = x[h, w], or 0 outside x.

    x (H, W, C): one image, the channels of one group; columns (OH, OW, KH, KW, C).
    """
    cdef Py_ssize_t oh, ow, kh, kw, h, w, c
    for oh in range(columns.shape[0]):
        for ow in range(columns.shape[1]):
            for kh in range(columns.shape[2]):
                h = oh * g.stride_height + kh * g.dilation_height - g.top
                for kw in range(columns.shape[3]):
                    w = ow * g.stride_width + kw * g.dilation_width - g.left
                    inside = 0 <= h < x.shape[0] and 0 <= w < x.shape[1]
                    for c in range(columns.shape[4]):
                        columns[oh, ow, kh, kw, c] = x[h, w, c] if inside else 0


cdef void col2im(
    const floating[:, :, :, :, ::1] columns, floating[:, :, ::contiguous] x, Geometry g
) noexcept:
    """Add each element to the one that im2col copies: x[h, w] += columns[oh, ow, kh, kw]; INOUT x.
    """
    cdef Py_ssize_t oh, ow, kh, kw, h, w, c
    for oh in range(columns.shape[0]):
        for ow in range(columns.shape[1]):
            for kh in range(columns.shape[2]):
                h = oh * g.stride_height + kh * g.dilation_height - g.top
                for kw in range(columns.shape[3]):
                    w = ow * g.stride_width + kw * g.dilation_width - g.left
                    if 0 <= h < x.shape[0] and 0 <= w < x.shape[1]:
                        for c in range(columns.shape[4]):
                            x[h, w, c] += columns[oh, ow, kh, kw, c]


# --- convolution -------------------------------------------------------------------------------


cdef Geometry describe(str kernel, x, w, y, tuple geometry) except *:
    """Give the numbers in geometry their names; ValueError unless they and the shapes fit."""
    cdef Geometry g
    check_geometry(kernel, geometry, 2)
    g.stride_height, g.stride_width, g.top, g.left = geometry[:4]
    g.dilation_height, g.dilation_width, g.groups = geometry[4:]
    fits = x.shape[0] == y.shape[0] and x.shape[3] == w.shape[2] * g.groups
    fits = fits and w.shape[3] == y.shape[3] and w.shape[3] % g.groups == 0
    expected = f"expected x (N, H, W, C), w (KH, KW, C / {g.groups}, F), y (N, OH, OW, F)"
    _require(fits, f"{kernel}: {expected}", x, w, y)
    return g


cdef tuple by_group(x, w, y, groups):
    """Return views of x, w and y with an axis for the groups; and memory for columns, two views."""
    (N, H, W, _), (KH, KW, C, F), (_, OH, OW, _) = x.shape, w.shape, y.shape
    x = np.reshape(x, (N, H, W, groups, C))  # (N, H, W, groups * C) ->
    w = np.reshape(w, (KH * KW * C, groups, F // groups))  # (KH, KW, C, F) ->
    y = np.reshape(y, (N, OH * OW, groups, F // groups))  # (N, OH, OW, F) ->
    columns = np.empty((OH, OW, KH, KW, C), y.dtype)
    return x, w, y, columns, columns.reshape(OH * OW, KH * KW * C)


def conv2d_forward(
    const floating[:, :, :, ::1] x not None,  # IN (N, H, W, C)
    const floating[:, :, :, ::1] w not None,  # IN (KH, KW, C / groups, F)
    const floating[::1] bias,        # IN (F,) or None
    bint relu,
    floating[:, :, :, ::1] y not None,        # OUT (N, OH, OW, F)
    tuple geometry,                  # strides, padding (top, left), dilation, groups
    int threads,
):
    """Compute y = im2col(x) @ w (+ bias), with its negative elements set to 0 if relu is true."""
    cdef Geometry g = describe("conv2d_forward", x, w, y, geometry)
    cdef Py_ssize_t N = y.shape[0], F = y.shape[3], pixels = y.shape[1] * y.shape[2]
    _require(bias is None or bias.shape[0] == F, f"conv2d_forward: expected bias ({F},)", bias)
    _require_memory("conv2d_forward", y, x, w, bias)
    xs, ws, ys, columns, matrix = by_group(x, w, y, g.groups)
    y[...] = 0
    for n, group in np.ndindex(N, g.groups):
        im2col[floating](xs[n, :, :, group], columns, g)
        add_product[floating](matrix, ws[:, group], ys[n, :, group])
    add_bias[floating](ys.reshape(N * pixels, F), bias, relu)


def conv2d_backward_kernel(
    const floating[:, :, :, ::1] x not None,   # IN (N, H, W, C)
    const floating[:, :, :, ::1] gy not None,  # IN (N, OH, OW, F)
    floating[:, :, :, ::1] gw not None,        # OUT (KH, KW, C / groups, F)
    tuple geometry,                   # as in conv2d_forward
    int threads,
    tuple cuts=None,                  # ints from 0 to N
):
    """Compute gw = im2col(x).T @ gy, the gradient with respect to the convolution's kernel.

    With cuts, there is one sum for the images between each two of them, added as a tree.
    """
    cdef Geometry g = describe("conv2d_backward_kernel", x, gw, gy, geometry)
    _require_memory("conv2d_backward_kernel", gw, x, gy)
    if cuts is not None:
        own = functools.partial(conv2d_backward_kernel, geometry=geometry, threads=threads)
        arrays = (np.asarray(x), np.asarray(gy)), (np.asarray(gw),)
        _add_shards("conv2d_backward_kernel", own, *arrays, cuts)
        return
    xs, gws, gys, columns, matrix = by_group(x, gw, gy, g.groups)
    gw[...] = 0
    for n, group in np.ndindex(x.shape[0], g.groups):
        im2col[floating](xs[n, :, :, group], columns, g)
        add_product[floating](matrix.T, gys[n, :, group], gws[:, group])


def conv2d_backward_bias(
    const floating[:, :, :, ::1] gy not None,  # IN (N, OH, OW, F)
    floating[::1] gb not None,                 # OUT (F,)
    int threads,
    tuple cuts=None,                           # ints from 0 to N
):
    """Add up the pixels of gy, the gradient with respect to the convolution's bias."""
    cdef Py_ssize_t n, i, j, f
    cdef double total
    expected = "conv2d_backward_bias: expected gy (N, OH, OW, F) and gb (F,)"
    _require(gy.shape[3] == gb.shape[0], expected, gy, gb)
    _require_memory("conv2d_backward_bias", gb, gy)
    if cuts is not None:
        own = functools.partial(conv2d_backward_bias, threads=threads)
        _add_shards("conv2d_backward_bias", own, (np.asarray(gy),), (np.asarray(gb),), cuts)
        return
    for f in range(gb.shape[0]):
        total = 0
        for n in range(gy.shape[0]):
            for i in range(gy.shape[1]):
                for j in range(gy.shape[2]):
                    total += gy[n, i, j, f]
        gb[f] = total


def conv2d_backward_input(
    const floating[:, :, :, ::1] gy not None,  # IN (N, OH, OW, F)
    const floating[:, :, :, ::1] w not None,   # IN (KH, KW, C / groups, F)
    floating[:, :, :, ::1] gx not None,        # OUT (N, H, W, C)
    tuple geometry,                   # as in conv2d_forward
    int threads,
):
    """Compute gx = col2im(gy @ w.T), the gradient with respect to the convolution's input."""
    cdef Geometry g = describe("conv2d_backward_input", gx, w, gy, geometry)
    _require_memory("conv2d_backward_input", gx, gy, w)
    gxs, ws, gys, columns, matrix = by_group(gx, w, gy, g.groups)
    transposed = np.ascontiguousarray(ws.T)  # (KH*KW*C, groups, F) -> (F, groups, KH*KW*C)
    gx[...] = 0
    for n, group in np.ndindex(gx.shape[0], g.groups):
        matrix[...] = 0
        add_product[floating](gys[n, :, group], transposed[:, group], matrix)
        col2im[floating](columns, gxs[n, :, :, group], g)
