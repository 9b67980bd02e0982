"""The pages of the documents: none is lost or empty, what they name exists, and none fetches from elsewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def text(page: str) -> str:
    """A page with what it takes from elsewhere in the checkout."""
    written = (DOCS / page).read_text(encoding="utf-8")
    return re.sub(
        r'^--8<-- "(.+)"$',
        lambda m: (CHECKOUT / m[1]).read_text(encoding="utf-8"),
        written,
        flags=re.MULTILINE,
    )


def leaves(nav: object) -> Iterator[str]:
    """The pages that a piece of the nav names."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for inner in nav.values():
            yield from leaves(inner)
    elif isinstance(nav, list):
        for inner in nav:
            yield from leaves(inner)


def test_the_nav_has_every_page_once() -> None:
    """And no other."""
    named = list(leaves(YAML(typ="safe", pure=True).load(CHECKOUT / "mkdocs.yml")["nav"]))
    assert sorted(named) == PAGES
    assert len(PAGES) > 2


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_title_and_something_to_say(page: str) -> None:
    """No stubs."""
    prose = CODE.sub("", text(page))
    assert len(re.findall(r"^# .+", prose, re.MULTILINE)) == 1, "one title"
    assert len(prose.split()) > 30, "a page that says nothing"


@pytest.mark.parametrize("page", PAGES)
def test_pictures_lie_beside_the_pages(page: str) -> None:
    """Each is there, says what it shows, and is drawn here: no generator from elsewhere draws it in the browser."""
    for alternative, target in IMAGE.findall(text(page)):
        assert ((DOCS / page).parent / target).resolve().is_file(), target
        assert len(alternative) > 10, f"{target} needs a text that says what it shows"
    assert "```mermaid" not in text(page)
