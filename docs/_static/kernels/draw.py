"""Draw the pictures of docs/kernels.md: ``python docs/_static/kernels/draw.py`` writes them all.

Each function below draws one picture and is called as its file. In all of them the left matrix a
(or the image x) is blue, the right matrix b (or the kernel w) is orange, and results are green.
"""

from pathlib import Path
from xml.sax.saxutils import escape

WIDTH = 700
STYLE = """
text { font: 18px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328 }
.code { font: 16px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.code { white-space: pre }
.bold { font-weight: bold }
.soft { fill: #5c6570 }
.line { stroke: #7d8590; stroke-width: 2; fill: none }
.dashed { stroke-dasharray: 5 4 }
.tip { fill: #7d8590 }
.blue { fill: #3b82f6; stroke: #3b82f6; fill-opacity: .25; stroke-width: 1.5 }
.orange { fill: #e8872b; stroke: #e8872b; fill-opacity: .3; stroke-width: 1.5 }
.green { fill: #2da567; stroke: #2da567; fill-opacity: .28; stroke-width: 1.5 }
.grey { fill: #7d8590; stroke: #7d8590; fill-opacity: .14; stroke-width: 1.5 }
.empty { fill: none; stroke: #7d8590; stroke-width: 1.5 }
.strong { fill-opacity: .75 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .soft { fill: #a0a8b2 } }
"""


class Drawing:
    """An SVG file, WIDTH wide; coordinates are pixels from the top left."""

    def __init__(self, title, height):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" '
            'markerHeight="5" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>',
        ]

    def text(self, x, y, words, look="", anchor="start"):
        where = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
        self.parts.append(f'<text {where} class="{look}">{escape(words)}</text>')

    def box(self, x, y, width, height, look, words="", text_look=""):
        """A rectangle with words in its middle."""
        where = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self.parts.append(f'<rect {where} rx="2" class="{look}"/>')
        if words:
            self.text(x + width / 2, y + height / 2 + 6, words, text_look, "middle")

    def cells(self, x, y, rows, look, width=36, height=30, marked=()):
        """A grid of numbers; those in `marked`, pairs (row, column), are drawn stronger."""
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                own = f"{look} strong" if (i, j) in marked else look
                self.box(x + j * width, y + i * height, width, height, own, f"{value}", "code")

    def arrow(self, *points, look=""):
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline class="line {look}" points="{path}" marker-end="url(#tip)"/>')

    def line(self, x1, y1, x2, y2, look=""):
        self.parts.append(f'<path class="line {look}" d="M{x1:g} {y1:g}L{x2:g} {y2:g}"/>')

    def svg(self):
        return "\n".join([*self.parts, "</svg>", ""])


def ways():
    d = Drawing("Three ways to run a kernel: reference, plain and fast", 250)
    d.box(220, 8, 260, 40, "grey", "ops.conv2d(x, w)", "code")
    d.arrow((350, 48), (350, 74))
    d.box(200, 76, 300, 40, "grey", "kernels.conv2d_forward", "code")
    for i, (name, file, how, look) in enumerate(
        [
            ("reference", "reference.py", "NumPy", "blue"),
            ("plain", "products/plain.pyx", "Cython", "orange"),
            ("fast", "products/conv.pyx", "Cython + C", "green"),
        ]
    ):
        x = 8 + i * 232
        d.arrow((350, 116), (350, 134), (x + 110, 134), (x + 110, 152))
        d.box(x, 154, 220, 88, look)
        d.text(x + 110, 178, name, "bold", "middle")
        d.text(x + 110, 204, file, "code", "middle")
        d.text(x + 110, 230, how, "", "middle")
    return d


def loops():
    d = Drawing("One Cython file becomes three modules, one for each instruction set", 258)
    d.box(8, 92, 172, 64, "grey")
    d.text(94, 119, "optimizers.pyx", "code", "middle")
    d.text(94, 143, "one text", "soft", "middle")
    for i, (module, lanes) in enumerate(
        [("optimizers_baseline", 4), ("optimizers_avx2", 8), ("optimizers_avx512", 16)]
    ):
        y = 8 + i * 84
        d.arrow((180, 124), (202, 124), (202, y + 40), (226, y + 40))
        d.text(236, y + 20, module, "code")
        d.text(692, y + 20, f"{lanes} floats an instruction", "soft", "end")
        for lane in range(lanes):
            d.box(236 + lane * 28.5, y + 30, 28.5, 30, "green")
    return d


SIDE, TAPS = 4, (2, 2)  # the image of im2col and of the offset tables: its elements are 0 to 15
PIXELS = [row * SIDE + column for row in range(SIDE - 1) for column in range(SIDE - 1)]
PATCH = [row * SIDE + column for row in range(TAPS[0]) for column in range(TAPS[1])]
COLUMNS = [[pixel + tap for tap in PATCH] for pixel in PIXELS]
SHOWN = 4  # the output pixel whose patch is marked


def im2col():
    d = Drawing("im2col: each patch of the image becomes a row of a matrix", 344)
    image = [range(row * SIDE, (row + 1) * SIDE) for row in range(SIDE)]
    patch = {divmod(offset, SIDE) for offset in COLUMNS[SHOWN]}
    d.text(86, 28, "x (4, 4)", "bold", "middle")
    d.cells(14, 40, image, "blue", marked=patch)
    d.text(86, 192, "patch of", "soft", "middle")
    d.text(86, 214, "output pixel 4", "soft", "middle")
    d.arrow((166, 100), (214, 100))
    d.text(189, 88, "copy", "soft", "middle")
    d.text(316, 28, "columns (9, 4)", "bold", "middle")
    d.cells(244, 40, COLUMNS, "blue", marked={(SHOWN, k) for k in range(4)})
    for pixel in range(9):
        d.text(238, 61 + pixel * 30, f"{pixel}", "soft", "end")
    d.text(420, 180, "@", "bold", "middle")
    d.text(498, 28, "w (4, F)", "bold", "middle")
    d.box(448, 40, 100, 120, "orange")
    d.text(572, 180, "=", "bold", "middle")
    d.text(640, 28, "y (9, F)", "bold", "middle")
    d.box(590, 40, 100, 270, "green")
    d.box(590, 160, 100, 30, "green strong", "pixel 4")
    d.text(316, 334, "16 numbers became 36", "soft", "middle")
    return d


def offsets():
    d = Drawing("Implicit GEMM: two tables of offsets address the patches in the image", 446)
    row, column = SHOWN, 2
    found = COLUMNS[row][column]
    d.text(14, 26, "x as it lies in memory", "bold")
    d.cells(14, 38, [range(16)], "blue", 42, marked={(0, offset) for offset in COLUMNS[row]})
    d.text(121, 112, "pixel_offset[i]", "bold", "middle")
    d.text(300, 112, "patch_offset[k]", "bold", "middle")
    d.cells(216, 122, [PATCH], "grey", 42, marked={(0, column)})
    d.cells(100, 164, [[pixel] for pixel in PIXELS], "grey", 42, marked={(row, 0)})
    for i, values in enumerate(COLUMNS):
        for k, value in enumerate(values):
            look = "blue" if i == row or k == column else "empty dashed"
            strong = "strong" if i == row and k == column else ""
            d.box(216 + k * 42, 164 + i * 30, 42, 30, f"{look} {strong}", f"{value}", "code")
    x, y = 14 + found * 42 + 21, 164 + row * 30 + 15
    d.arrow((384, y), (x, y), (x, 72))
    d.text(x + 14, y - 40, f"A[{row}, {column}]", "code")
    d.text(x + 14, y - 14, f"= x[pixel_offset[{row}]", "code")
    d.text(x + 14, y + 12, f"    + patch_offset[{column}]]", "code")
    d.text(x + 14, y + 38, f"= x[{PIXELS[row]} + {PATCH[column]}]", "code")
    d.text(x + 14, y + 64, f"= x[{found}]", "code")
    d.text(x + 14, y + 108, "A itself is never stored", "soft")
    return d


def microkernel():
    d = Drawing(
        "The micro-kernel: 28 sums, two vectors of b and one element of a in registers", 560
    )
    d.text(292, 24, "row k of b: 2 vectors of 16 floats", "bold", "middle")
    for v in range(2):
        d.box(160 + v * 134, 34, 130, 30, "orange", f"b{v}", "code")
    d.text(14, 58, "column k of a", "bold")
    for i in range(14):
        y = 76 + i * 22
        d.box(96, y, 40, 20, "blue")
        for v in range(2):
            d.box(160 + v * 134, y, 130, 20, "green")
    for i, name in ((0, "a[0, k]"), (1, "a[1, k]"), (13, "a[13, k]")):
        d.text(88, 92 + i * 22, name, "code", "end")
        for v in range(2):
            d.text(225 + v * 134, 92 + i * 22, f"sum[{i}][{v}]", "code", "middle")
    d.text(446, 120, "a tile of y:", "bold")
    d.text(446, 148, "MR = 14 rows,")
    d.text(446, 174, "NR = 32 columns")
    d.text(446, 216, "For each k:")
    d.text(446, 242, "2 loads of b,")
    d.text(446, 268, "14 broadcasts of a,")
    d.text(446, 294, "28 multiply-adds of")
    d.text(446, 320, "16 floats each")
    rows = [("AVX-512", 28, 32), ("AVX2", 12, 16), ("SSE2", 12, 16), ("NEON", 24, 32)]
    d.text(14, 424, "Vector registers: sums, b, broadcast of a, free", "bold")
    for r, (name, sums, registers) in enumerate(rows):
        y = 438 + r * 30
        d.text(14, y + 18, name)
        for i in range(registers):
            look = "green" if i < sums else "orange" if i < sums + 2 else "blue"
            d.box(100 + i * 13, y, 11, 24, look if i < sums + 3 else "empty")
        d.text(530, y + 18, f"{sums} + 2 + 1 of {registers}")
    return d


def packing():
    d = Drawing("Packing: b is copied into panels whose rows follow each other", 338)
    b = [[7 * row + column for column in range(7)] for row in range(3)]
    d.text(14, 26, "b (3, 7): a row is 7 long", "bold")
    for row in range(3):
        d.cells(14, 40 + row * 30, [b[row][:4]], "orange strong")
        d.cells(158, 40 + row * 30, [b[row][4:]], "orange")
    d.text(86, 154, "panel 0", "soft", "middle")
    d.text(212, 154, "panel 1", "soft", "middle")
    d.arrow((286, 85), (356, 85))
    d.text(321, 73, "pack", "soft", "middle")
    d.text(376, 26, "panels of NR = 4 columns", "bold")
    d.cells(376, 40, [row[:4] for row in b], "orange strong")
    d.cells(546, 40, [[*row[4:], 0] for row in b], "orange")
    d.text(448, 154, "panel 0", "soft", "middle")
    d.text(618, 154, "panel 1: filled up", "soft", "middle")
    d.text(14, 206, "In memory, packed: the micro-kernel reads one stream", "bold")
    packed = [value for row in b for value in row[:4]]
    d.cells(14, 218, [packed], "orange strong", 28)
    d.cells(14 + 12 * 28, 218, [[v for row in b for v in [*row[4:], 0]]], "orange", 28)
    d.text(14, 286, "In memory, as b was: a panel's rows lie apart", "bold")
    for i in range(21):
        look = "orange strong" if i % 7 < 4 else "orange"
        d.box(14 + i * 28, 298, 28, 30, look, f"{i}", "code")
    return d


def blocking():
    d = Drawing("Blocking: which part of the product stays in which cache", 372)
    rows = [
        ("registers", "a tile of y: 14 × 32 floats", "while k runs over KC", "green", 250),
        ("L1, 32 KB", "4·MR = 56 rows of a", "while all panels of b go by", "blue", 390),
        ("L2, 1 MB", "a panel of b: 1408 × 32 × 4 bytes = 176 KB", "while all rows of a go by",
         "orange", 530),
        ("memory", "a, b and y", "", "grey", 676),
    ]  # fmt: skip
    for i, (place, what, how_long, look, width) in enumerate(rows):
        y = 8 + i * 90
        d.box((WIDTH - width) / 2, y, width, 78 if how_long else 66, look)
        d.text(WIDTH / 2, y + 22, place, "bold", "middle")
        d.text(WIDTH / 2, y + 46, what, "", "middle")
        d.text(WIDTH / 2, y + 69, how_long, "soft", "middle")
    return d


def split_k():
    d = Drawing("Split-K: the depth is cut into 8 pieces whose sums are added in order", 344)
    d.text(14, 26, "a (60, 5408)", "bold")
    d.text(462, 26, "b (5408, 128)", "bold")
    for piece in range(8):
        look = "strong" if piece < 4 else ""
        d.box(14 + piece * 50, 38, 46, 56, f"blue {look}", f"{piece}", "code")
        d.box(462, 38 + piece * 25, 110, 22, f"orange {look}", f"{piece}", "code")
        d.box(14 + piece * 50, 142, 46, 56, f"green {look}", f"{piece}", "code")
        d.arrow((37 + piece * 50, 96), (37 + piece * 50, 138))
    d.text(14, 222, "8 partial sums (60, 128)", "bold")
    d.text(586, 92, "thread 0")
    d.text(586, 192, "thread 1")
    d.arrow((212, 234), (212, 268))
    d.text(230, 258, "add_sums: 0 + 1 + 2 + ... + 7, always in this order", "soft")
    d.box(120, 272, 184, 60, "green strong", "y (60, 128)")
    return d


ROW_OF_A = [0, 0, 3, 0, 5, 0, 0, 2]


def zeros():
    d = Drawing("Zero skipping: only rows of b whose element of a is not 0 are read", 320)
    d.text(14, 32, "a[i, :]", "bold")
    used = [k for k, value in enumerate(ROW_OF_A) if value]
    d.cells(110, 12, [ROW_OF_A], "blue", marked={(0, k) for k in used})
    d.text(14, 88, "bits", "bold")
    d.cells(
        110, 68, [[int(value != 0) for value in ROW_OF_A]], "grey", marked={(0, k) for k in used}
    )
    d.text(110, 124, "64 of them are one word", "soft")
    d.text(560, 26, "b, 128 columns", "bold", "middle")
    for k in range(8):
        look = "orange strong" if k in used else "empty dashed"
        d.box(460, 38 + k * 26, 200, 23, look, f"row {k}" if k in used else "", "code")
    d.text(14, 170, "lowest bit set: 2, then 4, then 7", "code")
    d.text(14, 214, "sums = 3 * b[2, :]", "code")
    d.text(14, 240, "     + 5 * b[4, :]", "code")
    d.text(14, 266, "     + 2 * b[7, :]", "code")
    for v in range(8):
        d.box(230 + v * 26, 196, 23, 60, "green")
    d.text(334, 282, "8 vectors in registers", "soft", "middle")
    d.text(560, 282, "5 of 8 rows: not read", "soft", "middle")
    return d


def pooling():
    d = Drawing("Fused pooling: a byte, argmax, says which cell of a window won", 420)
    d.text(14, 26, "forward", "bold")
    d.box(14, 44, 110, 70, "blue", "strip of x")
    d.arrow((126, 79), (196, 79))
    d.text(161, 68, "gemm", "soft", "middle")
    d.text(276, 26, "results of a window", "", "middle")
    d.cells(204, 44, [["0.4", "-1.0"], ["1.7", "0.2"]], "green", 72, 35, marked={(1, 0)})
    d.text(276, 140, "cells 0, 1; 2, 3", "soft", "middle")
    d.arrow((350, 79), (420, 79))
    d.text(385, 68, "max", "soft", "middle")
    d.box(428, 40, 110, 34, "green strong", "y = 1.7")
    d.box(428, 84, 110, 34, "grey", "argmax = 2")
    d.arrow((540, 57), (612, 57))
    d.text(577, 34, "dropout", "soft", "middle")
    d.box(616, 40, 78, 34, "green", "y")
    d.box(616, 84, 78, 34, "grey", "2 or 255")
    d.line(14, 166, 686, 166, "dashed")
    d.text(14, 198, "backward", "bold")
    d.box(428, 212, 110, 34, "green strong", "gy = 0.5")
    d.box(428, 256, 110, 34, "grey", "argmax = 2")
    d.arrow((426, 251), (352, 251))
    d.text(389, 240, "scatter", "soft", "middle")
    d.cells(204, 216, [["0", "0"], ["0.5", "0"]], "green", 72, 35, marked={(1, 0)})
    d.arrow((202, 251), (130, 251))
    d.text(166, 240, "gemm", "soft", "middle")
    d.box(14, 216, 110, 70, "orange", "gw")
    d.text(556, 256, "255: no cell", "soft")
    d.text(556, 280, "gets a gradient", "soft")
    d.text(14, 338, "For each image of MNIST, 32 filters", "bold")
    d.text(14, 368, "stays in the cache: 26 × 26 × 32 results")
    d.box(418, 352, 268, 22, "green", "86 KB")
    d.text(14, 402, "is stored: y 13 × 13 × 32, and a byte each")
    d.box(418, 386, 67, 22, "green strong", "22 KB")
    d.box(486, 386, 17, 22, "grey")
    return d


STRIP = [0, 0, 0, 0, 0, 0, 0, 7, 3, 9, 5, 0, 0, 0, 0, 0, 0]


def blank():
    step, width, count = 2, 3, 8
    d = Drawing("Blank borders: outputs that see only zeros are computed once and copied", 352)
    d.text(14, 26, "a row of x; each output sees 3 elements, 2 further on", "bold")
    lit = {(0, j) for j, value in enumerate(STRIP) if value}
    d.cells(14, 38, [STRIP], "blue", 39, marked=lit)
    for o in range(count):
        seen = any(STRIP[o * step : o * step + width])
        x, y = 14 + o * step * 39, 78 + o * 24
        d.box(x + 3, y, width * 39 - 6, 20, "green strong" if seen else "empty dashed")
        d.text(x + 58, y + 16, f"{o}", "code", "middle")
    d.text(14, 312, "0 to 2 and 6, 7: blank. One is computed, the others are copies.")
    d.text(14, 338, "3 to 5: computed. begin = 3, end = 6.")
    return d


def transposed():
    filters, taps, lanes = 17, 49, 32
    d = Drawing("The transposed problem fills whole panels where filters are few", 304)
    d.text(14, 26, "16×16×50 → 17 filters of 7×7: forward", "bold")
    d.box(14, 40, 170, 70, "blue", "columns")
    d.text(199, 82, "@", "bold", "middle")
    for j in range(filters):
        d.box(216 + j * 9.5, 40, 8.5, 70, "orange")
    d.box(216 + filters * 9.5, 40, (lanes - filters) * 9.5, 70, "empty dashed", "zeros", "soft")
    d.text(216, 136, "17 columns of 32: 53 % of the panel works", "soft")
    panels = (filters * taps + lanes - 1) // lanes
    d.text(14, 184, "transposed: input gradient, w flipped", "bold")
    d.box(14, 198, 90, 70, "blue", "x")
    d.text(119, 240, "@", "bold", "middle")
    for j in range(panels):
        last = j == panels - 1
        d.box(136 + j * 20.5, 198, 18.5, 70, "empty dashed" if last else "orange")
    d.box(136 + (panels - 1) * 20.5, 198, 1.5, 70, "orange")
    count = f"7·7·17 = {filters * taps} columns: {panels - 1} full panels and one column"
    d.text(136, 294, count, "soft")
    return d


def winograd():
    def product(*matrices):
        a, b, *rest = matrices
        c = [
            [
                sum(x * y for x, y in zip(row, column, strict=True))
                for column in zip(*b, strict=True)
            ]
            for row in a
        ]
        return product(c, *rest) if rest else c

    def turned(a):
        return [list(column) for column in zip(*a, strict=True)]

    B = [[1, 0, 0, 0], [0, 1, -1, 1], [-1, 1, 1, 0], [0, 0, 0, -1]]
    G = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    A = [[1, 0], [1, 1], [1, -1], [0, -1]]
    patch = [[1, 2, 0, 1], [0, 3, 1, 2], [2, 1, 1, 0], [1, 0, 2, 3]]
    kernel = [[2, 0, 2], [0, 4, 0], [2, 0, 2]]
    V, U = product(turned(B), patch, B), product(G, kernel, turned(G))
    M = [[v * u for v, u in zip(*rows, strict=True)] for rows in zip(V, U, strict=True)]
    Y = product(turned(A), M, A)
    direct = [
        [
            sum(kernel[a][b] * patch[i + a][j + b] for a in range(3) for b in range(3))
            for j in range(2)
        ]
        for i in range(2)
    ]
    assert direct == Y

    d = Drawing("Winograd: two by two outputs by sixteen multiplications", 330)

    def grid(x, y, rows, look, words):
        d.cells(x, y, [[f"{value:g}" for value in row] for row in rows], look, 36, 30)
        d.text(x + 18 * len(rows[0]), y - 10, words, "", "middle")

    grid(14, 34, patch, "blue", "d: 4 × 4 pixels")
    grid(14, 214, kernel, "orange", "g: the kernel")
    grid(220, 34, V, "blue", "V = B' d B")
    grid(220, 204, U, "orange", "U = G g G'")
    grid(410, 120, M, "grey", "M = V · U")
    grid(604, 150, Y, "green", "A' M A")
    d.arrow((162, 94), (214, 94))
    d.arrow((126, 260), (214, 260))
    d.arrow((368, 94), (390, 94), (390, 160), (406, 160))
    d.arrow((368, 260), (390, 260), (390, 200), (406, 200))
    d.arrow((558, 180), (600, 180))
    d.text(410, 282, "16 multiplications; directly,", "soft")
    d.text(410, 306, "4 outputs of 9 taps take 36", "soft")
    return d


def threads():
    d = Drawing("The pool of threads: shares of tasks, and how a job begins and ends", 452)
    d.text(14, 26, "12 tasks in shares; a thread that is done takes another's", "bold")
    for worker, (name, look) in enumerate((("caller", "green"), ("helper 0", "blue"),
                                           ("helper 1", "orange"))):  # fmt: skip
        x = 14 + worker * 228
        for i in range(4):
            own = "green" if worker == 2 and i == 3 else look
            d.box(x + i * 52, 40, 48, 34, f"{own} strong", f"{worker * 4 + i}", "code")
        d.text(x + 102, 98, name, "", "middle")
    d.arrow((190, 104), (190, 126), (648, 126), (648, 78))
    d.text(420, 148, "the caller is done with 3 and takes 11", "soft", "middle")
    d.line(14, 172, 686, 172, "dashed")
    d.text(14, 206, "caller", "bold")
    d.box(120, 186, 110, 30, "grey", "Python")
    d.box(232, 186, 198, 30, "green strong", "tasks")
    d.box(432, 186, 64, 30, "grey", "wait")
    d.box(498, 186, 188, 30, "grey", "Python")
    d.text(14, 322, "helper", "bold")
    d.box(120, 302, 110, 30, "empty", "spin")
    d.box(244, 302, 232, 30, "blue strong", "tasks")
    d.box(478, 302, 112, 30, "empty", "spin")
    d.box(592, 302, 94, 30, "empty dashed", "sleep")
    d.line(232, 216, 232, 258, "dashed")
    d.text(238, 250, "open = job", "code")
    d.line(431, 216, 431, 258, "dashed")
    d.text(424, 250, "open = 0", "code", "end")
    d.text(244, 286, "inside += 1", "code")
    d.text(476, 286, "inside -= 1", "code")
    d.arrow((496, 270), (496, 220))
    d.text(534, 356, "50 to 100 µs", "soft", "middle")
    d.text(14, 400, "The helper goes inside, then looks whether the job is open.")
    d.text(14, 428, "The caller closes the job, then waits until nobody is inside.")
    return d


def dropout():
    d = Drawing("Dropout: a hash of the seed and the position decides what is kept", 306)
    d.box(14, 18, 190, 40, "grey", "seed, block number")
    d.arrow((206, 38), (262, 38))
    d.box(266, 18, 100, 40, "orange", "mix64", "code")
    d.arrow((368, 38), (412, 38))
    d.box(416, 18, 120, 40, "orange strong", "high")
    d.box(538, 18, 120, 40, "orange strong", "low")
    d.text(537, 80, "64-bit key, one for 4,096 elements", "soft", "middle")
    d.box(14, 134, 190, 40, "grey", "position in block")
    d.arrow((206, 154), (262, 154))
    d.box(266, 134, 52, 40, "blue", "xor", "code")
    d.arrow((320, 154), (376, 154))
    d.box(380, 134, 100, 40, "blue", "mix32", "code")
    d.arrow((598, 88), (598, 102), (292, 102), (292, 132))
    d.arrow((440, 88), (440, 132))
    d.text(452, 126, "half-way", "soft")
    d.arrow((482, 154), (526, 154))
    d.box(530, 134, 156, 40, "blue strong", "32 bits")
    d.arrow((608, 176), (608, 226))
    d.text(598, 206, "≤ last_kept ?", "code", "end")
    d.box(320, 230, 366, 34, "green", "yes: y = x / (1 - rate);   no: y = 0")
    d.text(14, 252, "The backward pass computes")
    d.text(14, 278, "the same bits again.")
    return d


def memory():
    d = Drawing(
        "Memory: vectors that cross a cache line, and arrays at the same place of a page", 440
    )
    d.text(14, 26, "lines of 64 bytes; vectors of 64 bytes", "bold")
    for i in range(4):
        d.box(14 + i * 168, 40, 168, 76, "empty dashed")
    for i in range(3):
        d.box(18 + i * 168, 46, 160, 28, "green strong", "1 line")
        d.box(60 + i * 168, 82, 160, 28, "orange strong", "2 lines")
    d.text(686, 26, "aligned", "", "end")
    d.text(686, 142, "malloc: 16 bytes into a line", "", "end")
    d.text(14, 190, "pages of 4,096 bytes: where w, m, v and g begin", "bold")
    for side, (title, places, look) in enumerate((
        ("at the same place", [0, 0, 0, 0], "orange"),
        ("21 lines of 64 apart", [0, 21, 42, 63], "green"),
    )):  # fmt: skip
        left = 14 + side * 352
        d.text(left, 218, title)
        for i, (name, place) in enumerate(zip("wmvg", places, strict=True)):
            y = 230 + i * 38
            d.text(left + 6, y + 21, name, "code")
            d.box(left + 26, y, 290, 30, "empty dashed")
            d.box(left + 26 + place * 4.4, y, 12, 30, f"{look} strong")
    d.text(14, 408, "write w[i], read m[i]: the last")
    d.text(14, 432, "12 bits agree, the read waits")
    d.text(366, 408, "no two agree")
    return d


PICTURES = (ways, loops, im2col, offsets, microkernel, packing, blocking, split_k, zeros,
            pooling, blank, transposed, winograd, threads, dropout, memory)  # fmt: skip

if __name__ == "__main__":
    for picture in PICTURES:
        path = Path(__file__).with_name(f"{picture.__name__}.svg")
        path.write_text(picture().svg(), encoding="utf-8")
