"""Run the code of the documentation's pages."""

import doctest
import functools
import re
from pathlib import Path

import pytest

from minigrad.utils import clear_session

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page):
    """Each fenced block of a page: (language, code, number of the lines before the code)."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        yield fence[1], fence[2], text.count("\n", 0, fence.start(2))


@pytest.fixture(scope="session")
def run_page():
    """``run_page("adam.md")`` runs a page's code and returns its names.

    Blocks of ``python`` are run, blocks of ``pycon`` are run and what they print is compared.
    All blocks of a page share their names.
    """

    def run(page):
        names = {"__name__": page}
        clear_session()
        for language, code, line in fences(page):
            if language == "python":
                exec(compile("\n" * line + code, str(DOCS / page), "exec"), names)
            elif language == "pycon":
                session = doctest.DocTestParser().get_doctest(code, {}, page, page, line)
                session.globs = names
                report = []
                runner = doctest.DocTestRunner(verbose=False)
                failed, _ = runner.run(session, out=report.append, clear_globs=False)
                assert not failed, "".join(report)
        return names

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")  # what is wrapped to the terminal's width
        yield functools.cache(run)


@pytest.fixture(scope="session")
def page_fences():
    """``page_fences("adam.md")``: (language, code, line) of each fenced block."""
    return lambda page: list(fences(page))
