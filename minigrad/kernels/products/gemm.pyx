"""The matrix product y = relu(a @ b + bias): checks, blocking and threads around matmul.h.

The product is cut into tasks, which the pool of threads shares:

    dense tasks       a panel of b (NR columns) and a block of rows of a        micro-kernel
    skipping tasks    a column block (4 panels), rows, perhaps a piece of k     zero_skip.h

Where 30 % of a is 0 or more, as behind relu and dropout, zeros are skipped in as many columns as
fill whole column blocks; the panels that remain are dense. Both add up in the same order, so the
bits of a row depend on nothing but that row and b (matmul.h).

These kernels call no BLAS: its threads and ours would keep each other waiting (in a prototype, a
training step took four times as long), and its results change with its number of threads. And this
file asks NumPy's C interface what the arrays are: four memoryviews take longer than a small
product.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from minigrad.kernels.products.problem cimport (
    BLOCK_PANELS, COPIED_ROWS, KC, LINE_BYTES, MACS_PER_ELEMENT, Gemm, MatMul, Products, Sums,
    fast_double, fast_float, write_strides,
)
from minigrad.kernels.runtime.arrays cimport check_apart, copy_cuts
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIM, PyArray_ISBEHAVED_RO, PyArray_ISCARRAY,
    PyArray_ISCARRAY_RO, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_STRIDE, PyArray_TYPE,
    import_array, ndarray
)
from minigrad.kernels.runtime.threads cimport chunk_count, run_tasks, team_size

import_array()

_tables = <size_t>&fast_float, <size_t>&fast_double  # for conv.pyx: the C is linked in here alone

cdef enum:
    TASKS = 24  # to aim for: if the system interrupts a thread, the others take over its tasks
    TILES_IN_BLOCK = 4  # rows of tiles in a block, as in gemm.h
    PACK_FROM = 256  # rows and depth: fewer rows do not repay the copy, a shorter panel fits L1
    SKIP_FROM = 1 << 18  # multiply-adds: reading a sample of a then takes under 1 % of the time
    SKIP_ROWS = 8  # rows of a: fewer do not repay packing b and searching it for infinities
    SAMPLE = 128  # elements of a that are read
    WORD = 64  # elements of a for each word of the bitmask
    BITMASK_FROM = 8  # column blocks: from here on the bitmask is built once for all of them
    FEW_COLUMNS = 256  # and a depth from DEEP on: there are too few column blocks to share, so
    DEEP = 2048        # the depth is cut into
    PIECES = 8         # pieces: enough for 8 threads, and little to add up
    PAGE = 4096  # bytes: at this distance lines of memory share a set of L1,
    WAYS = 8     # which has so many places


cdef Py_ssize_t sample_zeros(
    const void* x, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t row_stride,
    Py_ssize_t column_stride, Py_ssize_t item,
) noexcept nogil:
    """Guess from a sample which part of x is 0, in percent."""
    cdef Py_ssize_t i, row, column, offset, zeros = 0
    for i in range(SAMPLE):
        row = i * rows // SAMPLE
        column = i * 40507 % columns  # a prime near 2**16 / golden ratio: evenly over the row
        offset = row * row_stride + column * column_stride
        if item == sizeof(float):
            zeros += (<const float*>x)[offset] == 0
        else:
            zeros += (<const double*>x)[offset] == 0
    return 100 * zeros // SAMPLE


cdef Py_ssize_t zeros_of_a(const MatMul* m, Py_ssize_t item) noexcept nogil:
    cdef const Gemm* g = &m.gemm
    return sample_zeros(g.a, g.rows, g.depth, m.a_row_stride, m.a_column_stride, item)


cdef void cut_depth(MatMul* m) noexcept nogil:
    """Cut the depth into pieces, by columns and depth alone: this fixes the order of additions."""
    cdef Py_ssize_t depth = m.gemm.depth, words = (depth + WORD - 1) // WORD
    m.piece_depth = KC
    if m.gemm.columns <= FEW_COLUMNS and depth >= DEEP:
        m.piece_depth = min(KC, (words + PIECES - 1) // PIECES * WORD)
    m.pieces = (depth + m.piece_depth - 1) // m.piece_depth


cdef void plan_skipping(
    MatMul* m, Py_ssize_t block_columns, Py_ssize_t item, int team
) noexcept nogil:
    """Cut what skips zeros into tasks, if a has many."""
    cdef const Gemm* g = &m.gemm
    cdef Py_ssize_t wanted = 2 * team if team > 1 else 1  # tasks
    if (
        g.rows < SKIP_ROWS or g.columns < block_columns
        or g.rows * g.columns * g.depth < SKIP_FROM or zeros_of_a(m, item) < 30
    ):
        return
    m.column_blocks = g.columns // block_columns
    # Every block of rows packs all of b again: 256 rows repay that. With fewer, pieces of the depth
    # are shared if there are any; if not, idle threads cost more.
    wanted = (wanted + m.column_blocks - 1) // m.column_blocks
    m.skip_row_blocks = max(1, min(wanted, g.rows // 256))
    if m.skip_row_blocks < wanted:
        m.split_k = m.pieces > 1
        if not m.split_k:
            m.skip_row_blocks = max(1, min(wanted, g.rows // 32))


cdef bint plan_skipping_in_shards(
    MatMul* m, Py_ssize_t block_columns, Py_ssize_t item
) noexcept nogil:
    """Skip zeros of a if it has many; return whether b has more: then the product is turned.

    It takes more of them than without shards, since each shard is a loop that ends unforeseen; and
    most with the widest vectors, which lose most time by that.
    """
    cdef const Gemm* g = &m.gemm
    cdef Py_ssize_t i, depth, of_a, of_b, shortest = WORD
    cdef bint wide = block_columns * item == BLOCK_PANELS * 2 * LINE_BYTES  # vectors of a line
    for i in range(m.shards):
        depth = m.cuts[i + 1] - m.cuts[i]
        shortest = min(shortest, depth)
        if depth > WORD:
            return False
    if m.shards not in (4, 8) or g.rows * g.columns * g.depth < SKIP_FROM:
        return False
    of_a = zeros_of_a(m, item)
    of_b = sample_zeros(g.b, g.depth, g.columns, g.b_row_stride, m.b_column_stride, item)
    # Turned, y is written in squares of 4 x 4.
    if (
        of_b >= max(of_a, 60) and shortest >= 4 and m.a_row_stride == 1
        and g.rows % 4 == 0 and g.columns % 4 == 0
    ):
        return True
    if of_a >= (70 if wide else 40) and shortest >= 8:
        m.column_blocks = g.columns // block_columns
    return False


cdef bint is_crowded(const MatMul* m, Py_ssize_t item) noexcept nogil:
    """True if the rows of a tile lie a multiple of PAGE apart: in one set of L1, of WAYS lines."""
    return m.a_column_stride == 1 and m.a_row_stride * item % PAGE == 0


cdef void spread_rows(MatMul* m, char* to, Py_ssize_t item) noexcept nogil:
    """Copy a, with rows a line of the cache longer."""
    cdef Py_ssize_t i, length = m.gemm.depth * item, row = m.a_row_stride * item
    for i in range(m.gemm.rows):
        memcpy(to + i * (length + LINE_BYTES), <const char*>m.gemm.a + i * row, length)
    m.gemm.a, m.a_row_stride = to, m.gemm.depth + LINE_BYTES // item


cdef bint is_matrix(ndarray x, int kind, Py_ssize_t rows, Py_ssize_t columns) noexcept:
    return (
        PyArray_NDIM(x) == 2 and PyArray_DIM(x, 0) == rows and PyArray_DIM(x, 1) == columns
        and PyArray_TYPE(x) == kind and PyArray_ISBEHAVED_RO(x)
    )


cdef object refuse(a, b, y, bias):
    found = ", ".join([f"{x.shape} of {x.dtype}" for x in (a, b, y, bias) if x is not None])
    return ValueError(
        "matmul: expected a (M, K), b (K, N), y (M, N) and perhaps bias (N,), all of float32 or of "
        f"float64, y and bias contiguous, y writable; got {found}"
    )


def matmul(
    ndarray a not None, ndarray b not None, ndarray bias, bint relu, ndarray y not None,
    int threads, tuple cuts=None,
):
    """Compute y = a @ b (+ bias), with its negative elements set to 0 if relu is true.

    IN a (M, K), b (K, N), bias (N,) or None; OUT y (M, N). a and b may have any strides. With cuts,
    ints from 0 to K, there is one sum over k between each two of them, and the sums are added as a
    tree.
    """
    cdef int kind = PyArray_TYPE(y)
    cdef Py_ssize_t rows = 0, columns = 0, depth = 0
    if PyArray_NDIM(y) == 2 and PyArray_NDIM(a) == 2:
        rows, columns, depth = PyArray_DIM(y, 0), PyArray_DIM(y, 1), PyArray_DIM(a, 1)
    if not (
        kind in (NPY_FLOAT, NPY_DOUBLE) and is_matrix(a, kind, rows, depth)
        and is_matrix(b, kind, depth, columns) and PyArray_NDIM(y) == 2 and PyArray_ISCARRAY(y)
        and (bias is None or PyArray_NDIM(bias) == 1 and PyArray_DIM(bias, 0) == columns
             and PyArray_TYPE(bias) == kind and PyArray_ISCARRAY_RO(bias))
    ):
        raise refuse(a, b, y, bias)
    check_apart("matmul", y, a, b, bias)
    cdef Memory cuts_memory
    if cuts is not None:
        cuts_memory = copy_cuts("matmul", cuts, depth)
        if bias is not None or relu or depth > KC:
            raise ValueError(
                f"matmul: expected cuts without bias and relu, and K of at most {KC}, got {depth}"
            )
    if rows == 0 or columns == 0:
        return
    # the problem
    cdef Py_ssize_t item = PyArray_ITEMSIZE(y)
    cdef const Products* products = &fast_float if kind == NPY_FLOAT else &fast_double
    cdef Py_ssize_t MR = products.tile_rows, NR = products.tile_columns
    cdef MatMul m
    memset(&m, 0, sizeof(m))
    cdef Gemm* g = &m.gemm
    g.rows, g.columns, g.depth = rows, columns, depth
    g.a, g.b, g.y = PyArray_DATA(a), PyArray_DATA(b), PyArray_DATA(y)
    g.bias, g.relu = NULL if bias is None else PyArray_DATA(bias), relu
    g.b_panel_stride, g.b_row_stride = NR, PyArray_STRIDE(b, 0) // item
    m.b_column_stride = PyArray_STRIDE(b, 1) // item
    m.a_row_stride, m.a_column_stride = PyArray_STRIDE(a, 0) // item, PyArray_STRIDE(a, 1) // item
    if cuts is not None and depth > 0:
        m.shards, m.cuts = len(cuts) - 1, <Py_ssize_t*>cuts_memory.data
    # its tasks
    cdef int team = team_size(rows * columns * depth // MACS_PER_ELEMENT, threads)
    cdef Py_ssize_t panels = (columns + NR - 1) // NR
    m.pack_b = m.b_column_stride != 1 or min(rows, depth) >= PACK_FROM
    m.row_blocks = (TASKS + panels - 1) // panels if team > 1 else 1
    if not m.pack_b and columns % NR == 0:  # more blocks cost nothing: none has to pack its panel
        m.row_blocks = max(m.row_blocks, rows // (TILES_IN_BLOCK * MR))
    m.row_blocks = min(m.row_blocks, (rows + MR - 1) // MR)
    cdef bint turned = False
    cut_depth(&m)
    if m.shards == 0:
        plan_skipping(&m, BLOCK_PANELS * NR, item, team)
    else:
        turned = plan_skipping_in_shards(&m, BLOCK_PANELS * NR, item)
    cdef Py_ssize_t skipping = m.column_blocks * m.skip_row_blocks * (m.pieces if m.split_k else 1)
    cdef Py_ssize_t dense = (panels - m.column_blocks * BLOCK_PANELS) * m.row_blocks
    # its memory
    cdef Py_ssize_t piece = min(depth, m.piece_depth)
    m.packed_size = max(piece, min(depth, WORD) * BLOCK_PANELS) * NR
    cdef Memory packed_b
    cdef Py_ssize_t groups = (columns + COPIED_ROWS - 1) // COPIED_ROWS
    if turned:  # a task has rows of a that fill a column block, and all of b
        dense = (rows + BLOCK_PANELS * NR - 1) // (BLOCK_PANELS * NR)
        m.packed_size = BLOCK_PANELS * NR * depth
        packed_b = Memory(groups * COPIED_ROWS * depth * item)
        m.turned_b = packed_b.data
    elif m.shards > 0:  # a task has few rows of a, and all of b
        dense = (rows + COPIED_ROWS - 1) // COPIED_ROWS
        m.packed_size = COPIED_ROWS * depth
        packed_b = Memory(panels * NR * depth * item)
        products.pack(g.b, g.b_row_stride, m.b_column_stride, depth, columns, packed_b.data)
        g.b = packed_b.data
        if m.column_blocks > 0 and not products.is_finite(g.b, panels * NR * depth):
            m.column_blocks = 0
    cdef Memory packed = Memory(team * m.packed_size * item)
    cdef Py_ssize_t sums_size = 0
    if m.column_blocks > 0 and m.pieces > 1:
        sums_size = rows * columns * (m.pieces if m.split_k else 1)
    cdef Memory partial_sums = Memory(sums_size * item)
    cdef bint has_bitmask = m.column_blocks >= BITMASK_FROM and m.shards == 0
    cdef Py_ssize_t words = (depth + WORD - 1) // WORD * rows if has_bitmask else 0
    words = groups * m.shards * COPIED_ROWS if turned else words
    cdef Memory nonzero_bits = Memory(words * sizeof(uint64_t))
    m.packed, m.partial_sums = packed.data, partial_sums.data
    m.nonzero_bits = <uint64_t*>nonzero_bits.data if words > 0 else NULL
    cdef Sums sums = Sums(
        partial_sums.data, m.pieces, rows * columns, rows * columns, g.y, relu
    )
    cdef Memory spread
    if MR > WAYS and m.column_blocks + m.shards == 0 and rows > WAYS and is_crowded(&m, item):
        spread = Memory(rows * (depth + LINE_BYTES // item) * item)
        spread_rows(&m, <char*>spread.data, item)
    cdef Memory _offsets
    if m.shards == 0:  # else nothing reads them
        _offsets = write_strides(g, rows, m.a_row_stride, piece, m.a_column_stride, columns)
    with nogil:
        if m.nonzero_bits is not NULL:
            products.find_zeros(&m)
        run_tasks(products.matmul, &m, skipping + dense, team)
        if m.split_k:
            run_tasks(products.add_sums, &sums, chunk_count(sums.size), team)
