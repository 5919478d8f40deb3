"""The examples as pages, made from ``examples/`` when the site is built, into ``docs/gallery/``.

The notebook is shown with the outputs that are stored in it; each picture must have a text, in its
metadata: ``display(figure, metadata={"image/png": {"alt": ...}})``. A program's page is its section
of ``examples/README.md``, what it printed included, and the program.
"""

import json
import re
from pathlib import Path

from sphinx.errors import ExtensionError

DOCS = Path(__file__).resolve().parents[1]
EXAMPLES = DOCS.parent / "examples"
PROGRAM = """# {name}

{text}

## The program

```{{literalinclude}} ../../examples/{name}
:linenos:
```
"""


def sections(readme):
    """Return the README's {heading: text}; the text before the first heading is that of ""."""
    parts = re.split(r"^## (.+)\n", readme, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def moved(text):
    """Return a README's text with links that hold in docs/gallery."""

    def link(found):
        target = found[2]
        if target.startswith(("http", "#")):
            return found[0]
        if target.endswith((".py", ".ipynb")) and "/" not in target:
            return f"[{found[1]}]({Path(target).stem}.md)".replace(
                "adam_optimizer.md", "adam_optimizer.ipynb"
            )
        if target.startswith("../docs/"):
            return f"[{found[1]}](../{target.removeprefix('../docs/')})"
        return found[1]  # to files that are not in the site

    text = re.sub(r"\[([^\]]*)\]\(([^)]+)\)", link, text)
    # Commands and what they print are not Python, which Sphinx would take them for.
    fences = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return fences.sub(lambda fence: f"```{fence[1] or 'text'}\n{fence[2]}```", text)


def cards(table):
    """Return the README's table of examples as cards, each a link with what the example shows."""
    rows = re.findall(r"^\| \[`([^`]+)`\].*?\| (.+) \|$", table, re.MULTILINE)
    if not rows:
        raise ExtensionError("examples/README.md: expected rows of | [`example.py`](...) | ... |")
    links = []
    for name, shows in rows:
        target = name if name.endswith(".ipynb") else f"{Path(name).stem}.md"
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", shows).partition("; for ")[0]
        links.append(f"[**{name}** {words}]({target})")
    return [name for name, _ in rows], "\n\n".join(links)


def index(readme):
    """Return the page that leads to all examples, and their names."""
    head, table = readme[""].split("\n|", 1)
    names, links = cards("\n|" + table)
    entries = "\n".join(Path(name).stem for name in names)
    title, text = head.split("\n", 1)
    page = f"{title}\n{text}\n````{{container}} ways gallery\n{links}\n````\n"
    return names, f"{page}\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def slug(heading):
    """Return the anchor that the site gives to a heading: "1.-What-it-is" is "1-what-it-is"."""
    return re.sub(r"[^\w-]", "", heading.lower())


def with_texts(notebook):
    """Return a notebook whose cells tell myst-nb the texts of their pictures."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "markdown":  # Jupyter's names of sections, and those of the site
            source = "".join(cell["source"])
            cell["source"] = re.sub(r"\]\(#([^)]+)\)", lambda to: f"](#{slug(to[1])})", source)
        pictures = [
            (kind, output.get("metadata", {}).get(kind, {}).get("alt"))
            for output in cell.get("outputs", [])
            for kind in output.get("data", {})
            if kind.startswith("image/")
        ]
        if missing := [kind for kind, alt in pictures if not alt]:
            raise ExtensionError(
                f"adam_optimizer.ipynb: expected an alternative text in the metadata of each "
                f"picture, got a {missing[0]} without one in cell {number}"
            )
        if pictures:
            alt = " ".join(dict.fromkeys(alt for _, alt in pictures))
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    return notebook


def write(app):
    """Write the pages that are not there or old; Sphinx then finds them."""
    folder = DOCS / "gallery"
    folder.mkdir(exist_ok=True)
    readme = sections((EXAMPLES / "README.md").read_text("utf-8"))
    names, first = index(readme)
    pages = {"index.md": first}
    for name in names:
        if name.endswith(".ipynb"):
            notebook = with_texts(json.loads((EXAMPLES / name).read_text("utf-8")))
            pages[name] = json.dumps(notebook, ensure_ascii=False)
        else:
            text = moved(readme.get(name, "")).strip()
            pages[f"{Path(name).stem}.md"] = PROGRAM.format(name=name, text=text)
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app):
    """Make the pages before Sphinx looks for them."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
