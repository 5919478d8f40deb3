"""SVG diagrams that follow their page: texts stay texts, colours are CSS variables."""

import re
import xml.etree.ElementTree as ElementTree

from minigrad.plots._style import OPTIMIZERS, THEMES

# Names of colours: (light, dark). a to d are a member of each family, washes their pale grounds.
COLORS = {
    "ink": ("ink",), "muted": ("grey",), "grid": ("grid",), "paper": ("page",),
    "a": OPTIMIZERS["SGD"][1:3], "b": OPTIMIZERS["Adam"][1:3],
    "c": OPTIMIZERS["RMSprop"][1:3], "d": OPTIMIZERS["Lion"][1:3],
    "wash-a": ("#e3eff6", "#152c3a"), "wash-b": ("#fde9e0", "#3a2114"),
    "wash-c": ("#e2efec", "#12291f"), "wash-d": ("#f3e6fd", "#33203a"),
    "bar": ("#c3cfdc", "#3d4957"),
}  # fmt: skip
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def number(value):
    """Write a number as people do: 3, −1.5."""
    return f"{float(value):g}".replace("-", "−")


def _style(name):
    """The CSS of one picture; its class keeps it from others on the page."""

    def values(theme, index):
        found = ""
        for key, value in COLORS.items():
            code = THEMES[theme][value[0]] if len(value) == 1 else value[index]
            found += f"--{key}:{code};"
        return found

    light, dark = values("light", 0), values("dark", 1)
    return (
        f".{name}{{{light}}}@media (prefers-color-scheme:dark){{.{name}{{{dark}}}}}"
        f"[data-theme=light] .{name}{{{light}}}[data-theme=dark] .{name}{{{dark}}}"
        f".{name} text{{font-family:{FONT};fill:var(--ink)}}.{name} .m{{font-family:{MONO}}}"
        f".{name} .s{{fill:var(--muted)}}"
    )


class Diagram:
    """An SVG in the making. Sizes are CSS pixels; a colour is a name of `COLORS`."""

    def __init__(self, name, width, height, title):
        self.name = f"{name}-{width}"
        self.root = ElementTree.Element("svg", {
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}",
            "width": str(width), "height": str(height), "class": self.name, "role": "img",
        })  # fmt: skip
        self.add("title", title)
        self.add("style", _style(self.name))

    def __str__(self):
        return ElementTree.tostring(self.root, encoding="unicode") + "\n"

    def add(self, tag, text=None, **attributes):
        """Add an element; `stroke_width` is SVG's stroke-width, `class_` its class."""
        found = {}
        for key, value in attributes.items():
            key = key.rstrip("_").replace("_", "-")
            if key in ("fill", "stroke") and value in COLORS:
                value = f"var(--{value})"
            if isinstance(value, float):
                value = re.sub(r"\.?0+$", "", f"{value:.1f}")
            found[key] = str(value)
        element = ElementTree.SubElement(self.root, tag, found)
        element.text = text
        return element

    def text(self, x, y, text, size=13, anchor="start", fill=None, **more):
        """Write words; x and y are on their baseline."""
        if fill:
            more["style"] = f"fill:var(--{fill})"
        return self.add("text", text, x=x, y=y, font_size=size, text_anchor=anchor, **more)

    def spans(self, x, y, parts, size=13, **more):
        """Write a line of pieces (text, colour, weight), one behind the other."""
        line = self.text(x, y, None, size, **more)
        for text, fill, weight in parts:
            style = {"style": f"fill:var(--{fill})", "font-weight": weight}
            ElementTree.SubElement(line, "tspan", style).text = text

    def box(self, x, y, width, height, fill="paper", stroke="ink", **more):
        """Draw a rectangle."""
        return self.add(
            "rect", x=x, y=y, width=width, height=height, fill=fill, stroke=stroke, **more
        )

    def line(self, path, stroke="ink", width=1.5, head=False, **more):
        """Draw an SVG path; with a head, if `heads` named its colour."""
        if head:
            more["marker_end"] = f"url(#{self.name}-{stroke})"
        return self.add("path", d=path, fill="none", stroke=stroke, stroke_width=width, **more)

    def heads(self, *colors):
        """Define arrowheads of these colours."""
        shapes = self.add("defs")
        for name in colors:
            head = ElementTree.SubElement(shapes, "marker", {
                "id": f"{self.name}-{name}", "viewBox": "0 0 10 10", "refX": "8.5", "refY": "5",
                "markerWidth": "7", "markerHeight": "7", "orient": "auto-start-reverse",
                "markerUnits": "userSpaceOnUse",
            })  # fmt: skip
            ElementTree.SubElement(head, "path", {"d": "M0 1 10 5 0 9z", "fill": f"var(--{name})"})

    def cell(self, x, y, wide, tall, value, fill="paper", size=13, stroke="bar", **more):
        """Draw a number in a box."""
        self.box(x, y, wide, tall, fill, stroke)
        more = {"class_": "m", **more}
        self.text(x + wide / 2, y + tall / 2 + 0.36 * size, value, size, "middle", **more)

    def grid(self, x, y, cell, values, fill=lambda i, j: "paper", size=13):
        """Draw a matrix of numbers; `fill` is called with row and column."""
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                where = x + j * cell, y + i * cell, cell, cell
                self.cell(*where, number(value), fill(i, j), size)
