"""What the optimizers' pages share: chips of a rule's family, and the colors of pictures as CSS.

``{family}`` with an optimizer's name lists the members of its family, each a link to its page, in
the color and with the mark that it has in all pictures. The directive's content stands in front.
``{tuned}`` says which rate a rule had in the race of docs/pictures/race.json.
"""

import inspect
import json
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from minigrad.plots._style import MARKERS, OPTIMIZERS, readable

ON_PAGE_OF = {"momentum": "sgd", "Nesterov": "sgd", "AMSGrad": "adam"}
MARKS = {"o": "●", "^": "▲", "s": "■", "D": "◆", "P": "✚"}
PARTS = {"mean": "momentum", "size": "RMSprop", "step": "Adam"}  # of formulas: see mathml.py


class Family(SphinxDirective):
    """The family of an optimizer: one paragraph of links."""

    required_arguments = 1
    has_content = True

    def run(self):
        name = self.arguments[0]
        if name not in OPTIMIZERS:
            raise self.error(f"family: expected one of {', '.join(OPTIMIZERS)}, got {name!r}")
        line = nodes.paragraph(classes=["family"])
        line += nodes.Text(f"{' '.join(self.content) or 'Family:'} ")
        here = self.env.docname.rpartition("/")[2]
        for other, (family, *_) in OPTIMIZERS.items():
            page = ON_PAGE_OF.get(other, other.lower())
            if family == OPTIMIZERS[name][0] and f"optimizers/{page}" in self.env.found_docs:
                look = ["chip", f"rule-{other.lower()}"] + ["this"] * (
                    other == name and page == here
                )
                mark = nodes.inline("", MARKS[MARKERS[family]], classes=["mark"])
                link = nodes.reference("", "", internal=True, refuri=f"{page}.html", classes=look)
                line += [link, nodes.Text(" ")]
                link += [mark, nodes.Text(f" {other}")]
        return [line]


class Tuned(SphinxDirective):
    """The rate that a rule had in the race, and how far it came: one paragraph, from its data."""

    required_arguments = 1
    data = Path(__file__).resolve().parents[1] / "pictures" / "race.json"

    def run(self):
        race = json.loads(self.data.read_text("utf-8"))
        self.env.note_dependency(str(self.data))
        name = self.arguments[0]
        if name not in race["best"]:
            raise self.error(f"tuned: expected one of {', '.join(race['best'])}, got {name!r}")
        last = [errors[-1] for errors in race["errors"][name]]  # in percent, of each seed
        return self.parse_text_to_nodes(
            f"In [a race of six rules](../choosing_an_optimizer.md), tuned alike on the network of "
            f"[mnist_cnn.py](../gallery/mnist_cnn.md) and MNIST's first 20,000 digits, {name} had "
            f"the rate **{race['best'][name]:g}**. After {len(race['errors'][name][0])} epochs "
            f"{sum(last) / len(last):.1f} % of the test digits were read wrongly "
            f"({min(last):.1f} to {max(last):.1f} over {len(last)} seeds)."
        )


def colors(theme):
    """Return the colors of a theme as CSS: of parts of formulas, and of each optimizer."""
    names = {**PARTS, **{f"rule-{name.lower()}": name for name in OPTIMIZERS}}
    return "".join(f"--{css}:{readable(name, theme)};" for css, name in names.items())


def stylesheet():
    """Return CSS that follows the page's theme, as furo sets it."""
    chips = "".join(
        f".rule-{name.lower()} .mark{{color:var(--rule-{name.lower()})}}\n" for name in OPTIMIZERS
    )
    return (
        f"body{{{colors('light')}}}\n"
        f"body[data-theme=dark]{{{colors('dark')}}}\n"
        f"@media(prefers-color-scheme:dark){{body:not([data-theme=light]){{{colors('dark')}}}}}\n"
        f"{chips}"
    )


def write_stylesheet(app):
    """Write the stylesheet into the site, beside those that Sphinx copies."""
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules.css").write_text(stylesheet(), encoding="utf-8")


def leave_out_formulas(app, what, name, value, options, lines):
    """Leave out of an optimizer's docstring the formulas, which its page has typeset."""
    if what == "class" and name.startswith("minigrad.optimizers.") and "←" in "\n".join(lines):
        begin = next((i for i, line in enumerate(lines) if line.endswith("::")), None)
        if begin is None:
            return
        while begin > 0 and lines[begin - 1].strip():
            begin -= 1
        end = next(i for i in range(begin, len(lines)) if lines[i].endswith("::")) + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" ")):
            end += 1
        del lines[begin:end]


def signature(app, what, name, value, options, arguments, returned):
    """Return a class's own arguments: autodoc shows those of the wrapper around `__init__`."""
    if what == "class" and arguments == "(*arguments, **named)":
        return str(inspect.signature(value)), returned
    return None


def setup(app):
    """Add the directive, the stylesheet and what autodoc gets wrong to Sphinx."""
    app.add_directive("family", Family)
    app.add_directive("tuned", Tuned)
    app.connect("builder-inited", write_stylesheet)
    app.connect("autodoc-process-docstring", leave_out_formulas, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", signature)
    app.add_css_file("rules.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
