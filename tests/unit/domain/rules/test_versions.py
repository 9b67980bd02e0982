"""Names are ordered as versions where they say one, and not at all where they do not."""

import re
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.versions import newest, version

NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)
IDENTIFIERS = st.lists(st.from_regex(r"[0-9A-Za-z-]{1,6}", fullmatch=True), min_size=1, max_size=4)
BUILDS = st.from_regex(r"\+[0-9A-Za-z]{1,6}", fullmatch=True) | st.just("")


@st.composite
def versions(draw: st.DrawFn) -> str:
    """A name that says a version."""
    before = draw(st.just("") | IDENTIFIERS.map(lambda found: f"-{'.'.join(found)}"))
    return f"{draw(st.sampled_from(['', 'v']))}{'.'.join(map(str, draw(NUMBERS)))}{before}{draw(BUILDS)}"


def test_versions_are_ordered_as_the_standard_says() -> None:
    """By numbers, not letters; what comes before a release in the order that the standard gives as its example."""
    ordered = [
        "v1.0.0-alpha",
        "1.0.0-alpha.1",
        "v1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "v1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "v1.2.0",
        "1.9.0",
        "v1.10.0",
        "2",
        "v2026.01.05",
        "2026.1.6",
    ]
    found = [version(name) for name in ordered]
    assert all(earlier and later and earlier < later for earlier, later in pairwise(found))
    assert newest(reversed(ordered)) == "2026.1.6"


NO_VERSIONS = "v latest release-1.2.0 1..2 1.2.3.4.5 1.2- 1.2+ vv1 -1 1,2 1.2.0_1 1.2.0-a..b"


@pytest.mark.parametrize(
    "name",
    [*NO_VERSIONS.split(), "", "1.2.0 ", "1.2.0\n", "\u0661.\u0662", "1" * 19, f"1.2.0-{'a' * 256}"],
)
def test_a_name_that_says_no_version_is_compared_with_nothing(name: str) -> None:
    """It neither is the newest nor keeps another from being it."""
    assert version(name) is None
    assert newest([name]) is None
    assert newest([name, "0.1"]) == "0.1"


def test_what_comes_before_a_release_counts_only_where_asked_for() -> None:
    """Also where it is of a later release."""
    names = ["v1.0.0", "v1.1.0-rc.1"]
    assert newest(names) == "v1.0.0"
    assert newest(names, prereleases=True) == "v1.1.0-rc.1"
    assert newest(names[1:]) is None
    assert newest([*names, "v1.1.0"], prereleases=True) == "v1.1.0"


@given(versions(), BUILDS)
def test_a_leading_v_and_what_was_built_of_it_change_nothing(name: str, build: str) -> None:
    """They are the same version."""
    bare = re.sub(r"\+.*", "", name.removeprefix("v"))
    assert version(bare) == version(f"v{bare}{build}") == version(name) is not None


@given(NUMBERS, NUMBERS, IDENTIFIERS, IDENTIFIERS)
def test_numbers_count_before_what_comes_before_a_release(
    one: list[int], other: list[int], first: list[str], second: list[str]
) -> None:
    """And a release is newer than all that comes before it."""
    padded = [[*numbers, 0, 0, 0][:4] for numbers in (one, other)]
    names = [".".join(map(str, numbers)) for numbers in (one, other)]
    found = [version(f"{name}-{'.'.join(of)}") for name, of in zip(names, (first, second), strict=True)]
    release = version(names[0])
    assert release
    assert found[0]
    assert found[1]
    assert found[0] < release
    if padded[0] != padded[1]:
        assert (found[0] < found[1]) is (padded[0] < padded[1])


@given(st.lists(versions() | st.text(max_size=8), max_size=12), st.randoms(), st.booleans())
def test_the_newest_is_the_same_in_whatever_order_the_names_come(
    names: list[str], random: Random, prereleases: bool
) -> None:
    """And none of the others is newer."""
    found = newest(names, prereleases=prereleases)
    random.shuffle(names)
    assert newest(names, prereleases=prereleases) == found
    said = [each for each in map(version, names) if each and (prereleases or each.is_final)]
    if found is None:
        assert not said
    else:
        assert version(found) == max(said)
