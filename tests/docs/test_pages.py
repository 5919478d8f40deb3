"""The documentation's pages: their code runs, and what they show of the source is there."""


from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_page_prints_what_it_says(run_page, page):
    run_page(page)
