"""The page of what is not there shows the table that minigrad answers from, and all of it.

``python tests/docs/test_absent.py`` rewrites the page's tables.
"""

from pathlib import Path

import pytest

from minigrad.utils.absent import ABSENT, explain_absence

PAGE = Path(__file__).parents[2] / "docs" / "absent.md"
FIRST = "## `minigrad`\n"


def tables():
    """The tables of the page: one for each family, a line for each reason."""
    lines = []
    for family, rows in ABSENT.items():
        title = f"minigrad.{family}".removesuffix(".")
        lines += [f"## `{title}`", "", "| not there | why | nearest |", "|---|---|---|"]
        for names, why, nearest in rows:
            listed = ", ".join(f"`{name}`" for name in names.split())
            lines.append(f"| {listed} | {why} | {nearest} |")
        lines.append("")
    return "\n".join(lines)


def test_page_shows_the_table():
    text = PAGE.read_text(encoding="utf-8")
    found = text[text.index(FIRST) :]
    assert found == tables(), "run python tests/docs/test_absent.py"


@pytest.mark.parametrize("family", ABSENT, ids=lambda family: family or "minigrad")
def test_every_name_is_answered_once(family):
    names = [name for listed, *_ in ABSENT[family] for name in listed.split()]
    assert len(names) == len(set(names))
    for name in names:
        assert f"{name} is not in minigrad: " in explain_absence(family, name)


if __name__ == "__main__":
    start = PAGE.read_text(encoding="utf-8").partition(FIRST)[0]
    PAGE.write_text(start + tables(), encoding="utf-8")
