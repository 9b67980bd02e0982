"""The documents as a site: they build strictly, and the pages fetch nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|link)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)"
)


def build(checkout: Path) -> "subprocess.CompletedProcess[str]":
    """What `make docs` runs."""
    program = Path(sys.executable).with_name("zensical")
    return subprocess.run(
        [program, "build", "--clean", "--strict"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The documents of this checkout, to be built elsewhere."""
    shutil.copytree(CHECKOUT / "docs", tmp_path / "docs")
    shutil.copy(CHECKOUT / "mkdocs.yml", tmp_path)
    shutil.copy(CHECKOUT / "CHANGELOG.md", tmp_path)
    return tmp_path


def test_the_site_builds_strictly_and_stands_by_itself(copy: Path) -> None:
    """Every page becomes one, and the browser is sent to no other host for a part of it."""
    done = build(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((copy / "site").rglob("*.html"))
    assert len(pages) == len(list((copy / "docs").rglob("*.md"))) + 1  # that for what is not found
    for page in pages:
        assert not FETCHED.findall(page.read_text(encoding="utf-8")), page


@pytest.mark.parametrize("link", ["nosuch.md", "project/decisions/index.md#nosuch"])
def test_a_link_that_leads_nowhere_fails_the_build(copy: Path, link: str) -> None:
    """To a page, or to a heading."""
    with (copy / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n[nowhere]({link})\n")
    done = build(copy)
    assert done.returncode != 0
    assert "does not exist" in done.stdout + done.stderr
