r"""Formulas as MathML, made when the site is built: no script and no font comes from elsewhere.

Pages write them in LaTeX, ``$\hat m$`` in a line and ``$$ … $$`` as blocks. The letters that
pictures draw in a color of their own have it here, too: ``\textcolor{blue}{m}`` is momentum's,
``green`` is RMSprop's and ``orange`` Adam's, in the shades of the page's theme.
"""

import re

from docutils import nodes

COLORS = {"blue": "mean", "green": "size", "orange": "step"}


def mathml(latex, display="inline"):
    """Return the element <math> of a formula.

    Raises
    ------
    ValueError
        If a color is not one of ours, or something is not known: it would be shown as it is.
    """
    from latex2mathml.converter import convert

    if bad := set(re.findall(r"\\(?:text)?color{(\w+)}", latex)) - set(COLORS):
        raise ValueError(f"expected a color of {', '.join(COLORS)}, got {bad.pop()}, in {latex}")
    text = convert(latex.strip(), display=display)
    for color, part in COLORS.items():
        text = text.replace(f'<mstyle mathcolor="{color}">', f'<mstyle class="{part}">')
    text = text.replace("<mo>&#x0005E;</mo>", '<mo stretchy="false">ˆ</mo>')  # nearer to the letter
    if wrong := re.search(r"<m\w+>(?:\\\w+|&amp;|&)</m\w+>", text):
        raise ValueError(f"{wrong[0]}: not known to latex2mathml, in {latex}")
    return text


def visit(self, node):
    """Write a formula in a line."""
    self.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_block(self, node):
    """Write a formula on lines of its own; a wide one scrolls."""
    self.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Add the way to write formulas, called "mathml" in `html_math_renderer`."""
    app.add_html_math_renderer("mathml", (visit, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
