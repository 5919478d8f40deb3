"""Look for faults in a built site: ``python docs/check_site.py build/docs``.

- A link inside the site that leads nowhere: no such file, or no such place in it.
- A picture without a text for those who cannot see it.
- A script, style, font or picture that would be loaded from another host. (Links that a reader may
  follow are free to lead anywhere.)

Nothing is asked of the network.
"""

import argparse
import functools
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself: the attributes of each element.
LOADS = {
    "audio": ("src",), "embed": ("src",), "iframe": ("src",), "image": ("href",), "img": ("src",),
    "input": ("src",), "link": ("href",), "object": ("data",), "script": ("src",),
    "source": ("src",), "track": ("src",), "use": ("href",), "video": ("src", "poster"),
}  # fmt: skip
FOREIGN = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", re.IGNORECASE)
ALONE = {"img", "link", "source", "input", "meta", "br", "hr", "embed", "track", "wbr", "area"}


class Page(HTMLParser):
    """One page: the places in it, what it links to, what it loads, and its silent pictures."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links, self.loaded, self.silent = set(), [], [], []
        self._open, self._drawings = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note what an element is, links to and loads."""
        given = {name: value or "" for name, value in attrs}
        line, _ = self.getpos()
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag in ("a", "area") and "href" in given:
            self.links.append((line, given["href"]))
        addresses = [given[name] for name in (*LOADS.get(tag, ()), "xlink:href") if name in given]
        if tag == "a" or (tag == "link" and given.get("rel") in ("canonical", "author")):
            addresses = []
        for candidates in (given.get("srcset", ""), given.get("imagesrcset", "")):
            addresses += [part.split()[0] for part in candidates.split(",") if part.strip()]
        addresses += style_loads(given.get("style", ""))
        self.loaded += [(line, address) for address in addresses]
        if tag == "img" and not given.get("alt", "").strip() and not hidden(given):
            self.silent.append((line, f"img {given.get('src', '')}"))
        if tag == "svg":
            told = given.get("aria-label", "").strip() or hidden(given)
            # An icon in a link, a button or a label, whose text says what it does.
            told = told or any(name in ("a", "button", "label", "svg") for name in self._open)
            self._drawings.append([line, bool(told)])
        if tag == "title" and self._drawings:
            self._drawings[-1][1] = True
        if tag not in ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Note an element that is closed where it is opened, as in SVG."""
        self.handle_starttag(tag, attrs)
        if tag not in ALONE:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        """Close elements; a drawing that said nothing is silent."""
        if tag == "svg" and self._drawings:
            line, told = self._drawings.pop()
            if not told:
                self.silent.append((line, "svg"))
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        """Find what a <style> loads."""
        if self._open and self._open[-1] == "style":
            line, _ = self.getpos()
            self.loaded += [(line, address) for address in style_loads(data)]


def hidden(given):
    """Say whether an element is marked as decoration."""
    return given.get("aria-hidden") == "true" or given.get("role") in ("presentation", "none")


def style_loads(css):
    """Return the addresses that CSS loads."""
    return [one or other for one, other in IN_STYLE.findall(css)]


@functools.cache
def page_at(path):
    """Return the Page of a file."""
    return Page(path.read_text("utf-8"))


def leads_nowhere(site, path, address):
    """Return what is wrong with an address inside the site, or None."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = path
    if parts.path:
        base = site if parts.path.startswith("/") else path.parent
        target = Path(os.path.normpath(base / unquote(parts.path).lstrip("/")))
        target = target / "index.html" if target.is_dir() else target
        if not target.exists():
            return "no such file"
    place = unquote(parts.fragment)
    if place and target.suffix == ".html" and place not in page_at(target).places:
        return "no such place on that page"
    return None


def problems(site):
    """Return a line for each fault of the site in a folder."""
    site, found = Path(site), []
    pages = sorted(site.rglob("*.html"))
    if not pages:
        return [f"{site}: no pages"]
    for path in pages:
        page, name = page_at(path), path.relative_to(site).as_posix()
        for line, address in page.loaded:
            if FOREIGN.match(address):
                found.append(f"{name}:{line}: loads {address} from another host")
        for line, address in page.links + page.loaded:
            if not FOREIGN.match(address) and (fault := leads_nowhere(site, path, address)):
                found.append(f"{name}:{line}: {address}: {fault}")
        for line, what in page.silent:
            found.append(f"{name}:{line}: {what} says nothing to those who cannot see it")
    for path in sorted(site.rglob("*.css")):
        for address in style_loads(path.read_text("utf-8")):
            if FOREIGN.match(address):
                name = path.relative_to(site).as_posix()
                found.append(f"{name}: loads {address} from another host")
    return found


def main():
    """Print the faults of a site; exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path, help="the folder that sphinx-build wrote")
    site = parser.parse_args().site
    found = problems(site)
    print("\n".join(found) or f"{site}: {len(list(site.rglob('*.html')))} pages without a fault")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
