"""Draw the pictures of the pages, and find those that are drawn already. Needs no Sphinx."""

import ast
import functools
import hashlib
import importlib.util
import io
import itertools
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

THEMES = ("light", "dark")
DOCS = Path(__file__).resolve().parents[1]
PROGRAMS = DOCS / "pictures"
# Where the numbers in pictures come from. A change here draws all of them again.
SOURCES = ("core.py", "kernels", "ops", "optimizers", "lab", "plots")
SVG = "http://www.w3.org/2000/svg"


# --- programs ----------------------------------------------------------------------------------


def programs():
    """Return the names of all programs: the files with a `draw`."""
    paths = sorted(PROGRAMS.glob("[a-z]*.py"))
    return [p.stem for p in paths if re.search(r"^def draw\(", p.read_text("utf-8"), re.MULTILINE)]


@functools.cache
def program(name):
    """Return the module of a picture's program."""
    path = PROGRAMS / f"{name}.py"
    if name not in programs():
        raise ValueError(f"expected one of {', '.join(programs())}, got {name!r}")
    for folder in (PROGRAMS, DOCS.parent):  # helpers beside the programs; minigrad itself
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"picture_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def imported(path):
    """Return a program's file, and those of docs/pictures that it imports, directly or not."""
    files = {path}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for other in (PROGRAMS / f"{name}.py" for name in names):
            if other.exists() and other != path:
                files |= imported(other)
    return files


@functools.cache
def made_from(name):
    """Return the files that a picture is made from: program, helpers, data, minigrad."""
    files = imported(PROGRAMS / f"{name}.py") | set(PROGRAMS.glob("*.json")) | {Path(__file__)}
    for source in SOURCES:
        place = DOCS.parent / "minigrad" / source
        files |= {place} if place.is_file() else set(place.rglob("*.py*"))
    endings = (".py", ".pyx", ".json")
    return sorted(path for path in files if path.suffix in endings)


@functools.cache
def digest(name):
    """Return a hash of all that a picture is made from, its options aside."""
    import matplotlib

    total = hashlib.sha256(matplotlib.__version__.encode())
    for path in made_from(name):
        total.update(path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def drawings(name, widths=None, **options):
    """Draw a picture: yield (width, theme, a PNG's bytes or an SVG's text); an SVG has no theme."""
    module = program(name)
    for width in module.WIDTHS if widths is None else widths:
        for theme in THEMES:
            drawn = module.draw(width, theme, **options)
            if isinstance(drawn, str):
                yield width, None, drawn
                break
            inches = drawn.get_figwidth()
            if abs(inches * 100 - width) > 0.5:
                raise ValueError(f"expected a Figure {width / 100} inches wide, got {inches:g}")
            yield width, theme, crush(png(drawn))


def card():
    """Return the README's picture and the words in it.

    A PNG of 1200 by 560 CSS pixels, on a light page.
    """
    from matplotlib.text import Text

    figure = program("front").draw(1200, "light")
    words = [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]
    return crush(png(figure), 32), words


def png(figure):
    """Return a Figure as the bytes of a PNG, two device pixels to a CSS pixel."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, metadata={"Software": None})
    return buffer.getvalue()


def crush(data, most=120):
    """Return a PNG in at most so many colors, about a fourth as large.

    The most frequent colors stay exactly as they are: an ordinary reduction moves them, until two
    optimizers have one color. Only what is between two colors, at the edges, moves to the nearest.
    """
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        pixels = np.asarray(picture.convert("RGB"))  # (H, W, 3)
    codes = (pixels.astype(np.int32) @ [65536, 256, 1]).ravel()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))  # of runs of one color: far fewer
    runs = np.diff(starts, append=len(codes))
    codes, where = np.unique(codes[starts], return_inverse=True)
    uses = np.bincount(where, weights=runs)
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)  # (N, 3)
    chosen = []
    for color in colors[np.argsort(-uses, kind="stable")]:
        apart = 24 if len(chosen) > 40 else 4  # the tints of maps lie close together
        if not chosen or np.abs(np.array(chosen) - color).sum(1).min() >= apart:
            chosen.append(color)
        if len(chosen) == most:
            break
    chosen = np.array(chosen)
    nearest = [
        ((part[:, None] - chosen) ** 2).sum(2).argmin(1)
        for part in np.array_split(colors, 1 + len(colors) // 4096)
    ]
    places = np.repeat(np.concatenate(nearest).astype(np.uint8)[where], runs)
    small = Image.fromarray(places.reshape(pixels.shape[:2]))
    small.putpalette(chosen.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=most < 100)  # which takes as long as the rest
    return buffer.getvalue()


def stem(name, options):
    """Return what the files of a picture are called: ``surfaces-rule-adam``."""
    return "-".join([name, *(f"{key}-{value}" for key, value in sorted(options.items()))])


def files(folder, name, widths=None, **options):
    """Return {(width, theme): file}, drawn into a folder where they are missing or old."""
    widths = tuple(widths or program(name).WIDTHS)
    folder = folder / f"{stem(name, options)}-{digest(name)}"

    def found():
        paths = {(w, t): folder / f"{w}-{t}.png" for w in widths for t in THEMES}
        texts = {(w, None): folder / f"{w}.svg" for w in widths}
        for candidates in (paths, texts):
            if all(path.exists() for path in candidates.values()):
                return candidates
        return None

    if found() is None:
        folder.mkdir(parents=True, exist_ok=True)
        for width, theme, drawn in drawings(name, widths, **options):
            if theme is None:
                (folder / f"{width}.svg").write_text(drawn, encoding="utf-8")
            else:
                (folder / f"{width}-{theme}.png").write_bytes(drawn)
    return found()


# --- HTML --------------------------------------------------------------------------------------


def inline(text, alt):
    """Return an SVG's text as a part of an HTML page, which says what it shows."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(text)
    for child in list(root):
        if child.tag in (f"{{{SVG}}}title", f"{{{SVG}}}desc"):  # the alternative text says it
            root.remove(child)
    root.set("role", "img")
    root.set("aria-label", alt)
    return ElementTree.tostring(root, encoding="unicode")


def html(drawn, alt, address, escape):
    """Return the HTML of a picture, from what `files` returns.

    `address` makes a link of (width, theme). A page narrower than the wide picture shows the
    narrow one: pictures are seen at the size that they are drawn at.
    """
    widths = sorted({width for width, _ in drawn}, reverse=True)
    if (widths[0], None) in drawn:
        texts = [inline(drawn[width, None].read_text("utf-8"), alt) for width in widths]
        names = ("wide", "narrow") if len(widths) > 1 else ("all",)
        return "".join(f'<div class="{n}">{t}</div>' for n, t in zip(names, texts, strict=True))
    parts = []
    for theme in THEMES:
        sources = "".join(
            f'<source media="(max-width:{wider - 1}px)" srcset="{address(width, theme)} 2x">'
            for wider, width in reversed(list(itertools.pairwise(widths)))
        )
        parts.append(
            f'<picture class="only-{theme}">{sources}<img src="{address(widths[0], theme)}" '
            f'width="{widths[0]}" loading="lazy" alt="{escape(alt)}"></picture>'
        )
    return "".join(parts)
