"""Links from each name of the reference into its source, and the pages that they lead to.

Sphinx's viewcode reads what Python imported. That fails for modules that are compiled, such as
`core`, and for functions that are made from tables, such as most of `minigrad.more_ops`. Here a
name leads to the line of the `.py` file where it is defined, or assigned.
"""

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def source_of(module):
    """Return a module's `.py` file, also if Python runs what was compiled from it; or None."""
    path = ROOT.joinpath(*module.split("."))
    found = [p for p in (path / "__init__.py", path.with_suffix(".py")) if p.exists()]
    return found[0] if found else None


@functools.cache
def lines_of(path):
    """Return {qualified name: line} of a file's classes, functions and assignments."""
    found = {}

    def walk(body, prefix):
        for node in body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
                found.setdefault(prefix + node.name, first)
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in (part for target in targets for part in ast.walk(target)):
                    if isinstance(name, ast.Name):
                        found.setdefault(prefix + name.id, node.lineno)
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                walk(node.body, prefix)

    walk(ast.parse(path.read_text("utf-8")).body, "")
    return found


def place(module, name):
    """Return (module, line) of where `module.name` comes from, or None.

    In this order: where it is defined, where its name is assigned, the row of a table that names
    it, the code that made it.
    """
    parts, owner = name.split("."), importlib.import_module(module)
    for part in parts[:-1]:
        owner = getattr(owner, part)
    value = inspect.getattr_static(owner, parts[-1], None)
    if value is None:  # names that a module makes when they are asked for
        value = getattr(owner, parts[-1], None)
    value = getattr(value, "__func__", getattr(value, "fget", None) or value)
    value = inspect.unwrap(value) if callable(value) else value
    home, code = getattr(value, "__module__", None) or module, getattr(value, "__code__", None)
    candidates = [(home, getattr(value, "__qualname__", "")), (module, name)]
    candidates += [(home, parts[-1])]
    candidates += [(type_.__module__, f"{type_.__qualname__}.{parts[-1]}") for type_ in mro(owner)]
    for where, what in candidates:
        path = source_of(where) if where.startswith("minigrad") else None
        if path is not None and what in lines_of(path):
            return where, lines_of(path)[what]
    path = source_of(home)
    if path is None:
        return None
    row = re.search(rf"^.*\b{parts[-1]}\b", path.read_text("utf-8"), re.MULTILINE)  # of a table
    return home, row.string.count("\n", 0, row.start()) + 1 if row else code.co_firstlineno


def mro(owner):
    """Return a class and its bases; nothing for modules."""
    return inspect.getmro(owner) if inspect.isclass(owner) else ()


def page_of(module):
    """Return the name of the page of a module's source."""
    return "_modules/" + module.replace(".", "/")


def link(app, doctree, docname):
    """Write a link behind each signature."""
    if app.builder.format != "html":
        return
    for description in doctree.findall(addnodes.desc):
        if description.get("domain") == "py":
            for signature in description.findall(addnodes.desc_signature):
                if found := place(signature["module"], signature["fullname"]):
                    module, line = found
                    uri = app.builder.get_relative_uri(docname, page_of(module)) + f"#L-{line}"
                    word = nodes.inline("", "[source]", classes=["viewcode-link"])
                    signature += nodes.reference("", "", word, internal=True, refuri=uri)


def pages(app):
    """Make the page of each module that has source, with an anchor for each line."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    look = HtmlFormatter(linenos="inline", lineanchors="L", wrapcode=True)
    for path in sorted((ROOT / "minigrad").rglob("*.py")):
        names = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(names[:-1] if names[-1] == "__init__" else names)
        code = highlight(path.read_text("utf-8"), PythonLexer(), look)
        title = path.relative_to(ROOT).as_posix()
        yield page_of(module), {"title": title, "body": f"<h1>{title}</h1>{code}"}, "page.html"


def setup(app):
    """Add the links and the pages to Sphinx."""
    app.connect("doctree-resolved", link)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
