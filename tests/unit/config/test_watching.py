"""Two entries that watch the same branches of one address are one too many."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.load import ConfigurationError, load
from envmgr.config.sections.watching import address, common_branch
from envmgr.domain.values.names import matches_any
from tests.unit.domain_example import FIXED

PATTERNS = st.lists(st.text(st.sampled_from("ab*!"), min_size=1, max_size=4), min_size=1, max_size=3).map(
    tuple
)


def problems(tmp_path: Path, *entries: str, other: str = "") -> list[str]:
    """What loading says of an organization with these repositories, and of another one."""
    lines = "".join(f"  - {entry}\n" for entry in entries)
    (tmp_path / "acme.yaml").write_text(f"organization: acme\nrepositories:\n{lines}")
    if other:
        (tmp_path / "beta.yaml").write_text(f"organization: beta\nrepositories:\n  - {other}\n")
    try:
        load(tmp_path)
    except ConfigurationError as error:
        return [line.replace(f"{tmp_path}/", "") for line in error.problems]
    return []


def test_one_address_watched_twice(tmp_path: Path) -> None:
    """However it is written; the lines of both are named."""
    said = problems(
        tmp_path,
        "{name: shop, url: 'https://git.example.com/acme/shop.git'}",
        "{name: other, url: 'https://git.example.com/acme/other.git'}",
        "{name: store, url: 'git@git.example.com:acme/shop', branches: ['env-a*']}",
    )
    [line] = said
    assert line.startswith(
        "acme.yaml:5: repositories[2].branches: the entry at acme.yaml:3 watches the same branches"
    )
    assert "such as env-a" in line


def test_two_organizations_share_no_branch(tmp_path: Path) -> None:
    """Neither may they get two environments each."""
    said = problems(
        tmp_path, "{name: shop, url: /srv/shop.git}", other="{name: shop, url: 'file:///srv/shop.git/'}"
    )
    assert [line.partition(": the entry at ")[0] for line in said] == [
        "beta.yaml:3: repositories[0].branches"
    ]
    assert "acme.yaml:3" in said[0]


def test_one_address_may_be_shared_out(tmp_path: Path) -> None:
    """By branches that no two of them match."""
    entries = (
        "{name: shop, url: /srv/shop.git, branches: ['env-*', '!env-big-*']}",
        "{name: big, url: /srv/shop.git, branches: ['env-big-*']}",
        "{name: demo, url: /srv/shop.git, branches: ['demo-*']}",
    )
    assert problems(tmp_path, *entries) == []


@pytest.mark.parametrize(
    "line", ["branches: ['!env-skip']", "protected: ['!env-skip']", "branches: ['env-*', '!']"]
)
def test_an_exclusion_takes_away_from_something(tmp_path: Path, line: str) -> None:
    """Alone it would watch, or protect, nothing."""
    [said] = problems(tmp_path, f"{{name: shop, url: /srv/shop.git, {line}}}")
    assert said.startswith(f"acme.yaml:3: repositories[0].{line.partition(':')[0]}")
    assert "others match" in said or "!env-skip" in said


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("https://git.example.com/a/b.git", "https://bot@GIT.example.com:443/a/b/"),
        ("git@git.example.com:a/b.git", "ssh://git@git.example.com/a/b"),
        ("/srv/a.git", "file:///srv/a.git/"),
    ],
)
def test_one_address_is_written_in_several_ways(one: str, same: str) -> None:
    assert address(one) == address(same)
    assert address(one) != address(one.replace("a", "c"))


@given(PATTERNS, PATTERNS)
@FIXED
def test_a_common_branch_is_found_where_there_is_one(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    """By trying all short names."""
    short = ("".join(name) for length in range(1, 6) for name in product("abx", repeat=length))
    both = [name for name in short if matches_any(name, first) and matches_any(name, second)]
    found = common_branch(first, second)
    if found is None:
        assert both == []
    else:
        assert matches_any(found, first)
        assert matches_any(found, second)
        assert len(found) <= min(map(len, both), default=len(found))
