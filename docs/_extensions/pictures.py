"""The directive ``picture``: a picture that its program draws when the site is built.

In a page::

    ```{picture} surfaces rule=adam
    :alt: What somebody who cannot see the picture should know: its finding. This option is the
        last one; further lines of it are indented.

    **The finding.** How to read it.

    Source: where its numbers come from.
    ```

The program ``docs/pictures/surfaces.py`` has ``WIDTHS = (760, 400)``, in CSS pixels, for wide and
narrow pages, and ``draw(width, theme, **options)`` with theme "light" or "dark". It returns a
matplotlib Figure of that width, which becomes a PNG of two device pixels to a CSS pixel, or the
text of an SVG, whose colors are CSS variables: it is drawn once and put into the page. The words
behind the name are the options, such as ``rule="adam"``; ``OPTIONS``, a list of dicts, may name
all of them for ``python docs/pictures``. ``:widths: 600 400`` takes others of its widths.

What is drawn is kept beside the doctrees, under a hash of all it is made from.
"""

import re
from pathlib import Path

import drawing
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util import fileutil
from sphinx.util.docutils import SphinxDirective


class PictureNode(nodes.General, nodes.Element):
    """A picture; its children are the caption."""


class Picture(SphinxDirective):
    """Draws a picture if that is necessary, and reads its caption."""

    required_arguments = 1
    optional_arguments = 20
    has_content = True
    option_spec = {"alt": directives.unchanged, "widths": directives.positive_int_list}  # noqa: RUF012

    def run(self):
        name, *pairs = self.arguments
        content = list(self.content)
        alt = self.options.get("alt", "").split()
        while alt and content and content[0].startswith(" "):  # MyST ends an option with its line
            alt += content.pop(0).split()
        alt = " ".join(alt)
        if not alt:
            raise self.error(f"picture {name}: expected :alt:, what it shows in words")
        if bad := [pair for pair in pairs if not re.fullmatch(r"\w+=[\w.+-]+", pair)]:
            raise self.error(f"picture {name}: expected options such as rule=adam, got {bad[0]}")
        options, widths = dict(pair.split("=") for pair in pairs), self.options.get("widths")
        try:
            drawn = drawing.files(Path(self.env.doctreedir, "pictures"), name, widths, **options)
        except Exception as error:
            what = " ".join(self.arguments)
            raise self.error(f"picture {what}: {type(error).__name__}: {error}") from error
        for path in [*drawing.made_from(name), __file__]:
            self.env.note_dependency(str(path))
        node = PictureNode(alt=alt, stem=drawing.stem(name, options), drawn=drawn)
        # The source line is a paragraph of its own, whether or not a blank line is before it.
        lines = re.sub(r"\n+(?=Source: )", "\n\n", "\n".join(content)).splitlines()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, node)
        if node.children and node.children[-1].astext().startswith("Source: "):
            node.children[-1]["classes"].append("source")
        self.set_source_info(node)
        return [node]


def file_name(node, width, theme):
    """Return what a picture's file is called in the site."""
    return f"{node['stem']}-{width}-{theme}.png"


def visit_html(self, node):
    """Write the picture; what follows is its caption."""

    def address(width, theme):
        return f"{self.builder.imgpath}/{file_name(node, width, theme)}"

    picture = drawing.html(node["drawn"], node["alt"], address, self.attval)
    self.body.append(f'<figure class="picture">{picture}<figcaption>')


def depart_html(self, node):
    """Close what `visit_html` opened."""
    self.body.append("</figcaption></figure>\n")


def leave_caption(self, node):
    """In other formats than HTML there is the caption alone."""


def copy(app, doctree, docname):
    """Copy a page's pictures into the site, when the page is written."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / app.builder.imagedir
        folder.mkdir(exist_ok=True)
        for node in doctree.findall(PictureNode):
            for (width, theme), path in node["drawn"].items():
                if theme is not None:
                    target = folder / file_name(node, width, theme)
                    fileutil.copy_asset_file(path, target, force=True)


def setup(app):
    """Add the directive to Sphinx."""
    others = (leave_caption, leave_caption)
    app.add_node(PictureNode, html=(visit_html, depart_html), text=others, latex=others)
    app.add_directive("picture", Picture)
    app.connect("doctree-resolved", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
