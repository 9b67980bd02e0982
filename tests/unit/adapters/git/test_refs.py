"""Refs of a remote: parsing what git prints, and which of it is trusted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.adapters.git.refs import HEADS, parse_for_each_ref, parse_ls_remote, poll_refspecs
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.names import RepositoryId, matches_any
from envmgr.domain.values.origins.git_tag import GitTag

SHOP = RepositoryId("acme", "shop")
A, B = "a" * 40, "b" * 40
BRANCHES = st.text(st.characters(codec="utf-8", exclude_characters="\n\t"), min_size=1, max_size=30)


def ls_remote(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def test_a_listing_holds_what_matches_and_the_default_branch() -> None:
    output = ls_remote(
        "ref: refs/heads/main\tHEAD",
        f"{A}\tHEAD",
        f"{B}\trefs/heads/env-a",
        f"{A}\trefs/heads/main",
        f"{A}\trefs/heads/team/env-1",
        f"{A}\trefs/tags/env-x",
    )
    listing = parse_ls_remote(SHOP, output).listing(SHOP, ["env-*"], None)
    assert (listing.default_branch, listing.branches) == ("main", {"main": A, "env-a": B})


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [f"{A}\trefs/heads/env-a"],
        ["ref: refs/heads/main\tHEAD", f"{A}\tHEAD", f"{A}\trefs/heads/env-a"],
        [f"{A}\tHEAD", f"{A}\trefs/heads/env-a"],
        [f"{B}\tHEAD", f"{A}\trefs/heads/main"],
    ],
    ids=["empty", "no HEAD", "HEAD names what is not there", "HEAD without a name", "HEAD moved"],
)
def test_without_the_default_branch_there_is_no_listing(lines: list[str]) -> None:
    with pytest.raises(NeedsPerson, match=r"acme/shop shows no branch|default branch"):
        parse_ls_remote(SHOP, ls_remote(*lines)).listing(SHOP, ["env-*"], "main")


def test_an_old_server_that_names_no_head_is_trusted_with_the_branch_known_before() -> None:
    refs = parse_ls_remote(SHOP, ls_remote(f"{A}\tHEAD", f"{A}\trefs/heads/main"))
    assert refs.listing(SHOP, ["env-*"], "main").default_branch == "main"


@pytest.mark.parametrize("line", ["<html>", f"{A[:39]}\trefs/heads/x", f"{A} refs/heads/x", "", "\x1b[2J"])
def test_what_is_no_ref_is_refused_and_shown_harmlessly(line: str) -> None:
    with pytest.raises(Transient, match="not a ref") as caught:
        parse_ls_remote(SHOP, ls_remote("ref: refs/heads/main\tHEAD", line, f"{A}\trefs/heads/main"))
    assert "\x1b" not in str(caught.value)


@given(st.dictionaries(BRANCHES, st.sampled_from([A, B])), st.lists(st.text("env-*/a.+", max_size=8)))
def test_parsing_gives_back_every_branch_and_filters_as_the_names_do(
    branches: dict[str, str], patterns: list[str]
) -> None:
    branches["main"] = A
    heads = [f"{commit}\t{HEADS}{branch}" for branch, commit in branches.items()]
    refs = parse_ls_remote(SHOP, ls_remote("ref: refs/heads/main\tHEAD", f"{A}\tHEAD", *heads))
    assert refs.branches == branches
    expected = {b: c for b, c in branches.items() if b == "main" or matches_any(b, tuple(patterns))}
    assert refs.listing(SHOP, patterns, None).branches == expected


def test_for_each_ref_marks_the_branch_of_head() -> None:
    output = f"{A} refs/heads/env-a\n{B}*refs/heads/main\n".encode()
    refs = parse_for_each_ref(SHOP, output)
    assert (refs.head, refs.branches) == ("main", {"env-a": A, "main": B})


def test_names_that_are_not_utf_8_are_left_out() -> None:
    refs = parse_for_each_ref(
        SHOP, f"{A}*refs/heads/main\n{A} refs/heads/env-é\n{A} refs/heads/env-".encode() + b"\xff\xfe\n"
    )
    assert refs.listing(SHOP, ["env-*"], None).branches == {"main": A, "env-é": A}


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("env-*", "env-"),
        ("*", ""),
        ("release", "release"),
        ("team/*/env-*", "team/"),
        ("a b*", "a"),
        ("x//y", "x"),
        ("/x", ""),
        (".x*", ""),
        ("a..b", "a"),
        ("a@{b", "a"),
        ("x.lock/y", "x"),
        ("", ""),
    ],
)
def test_the_server_filters_by_the_literal_beginning(pattern: str, prefix: str) -> None:
    first, *rest = poll_refspecs([pattern], "main")
    assert first == f"+refs/heads/{prefix}*:refs/poll/heads/{prefix}*"
    assert rest == ["+HEAD:refs/poll/HEAD", "+refs/heads/main:refs/poll/default"]


def test_nothing_is_asked_for_what_is_excluded() -> None:
    """It takes away from what others match."""
    assert poll_refspecs(["env-*", "!env-skip"], "main") == poll_refspecs(["env-*"], "main")


@given(st.text(max_size=20).map(lambda text: text.lstrip("!")))
def test_a_refspec_is_one_line_that_git_can_read(pattern: str) -> None:
    source = poll_refspecs([pattern], "main")[0].partition(":")[0]
    assert re.fullmatch(r"\+refs/heads/[^\x00-\x20\x7f~^:?*\[\\]*\*", source)
    assert not re.search(r"\.\.|//|/\.", source)


def test_tags_lead_to_commits_and_are_told_only_where_a_pattern_asks() -> None:
    refs = parse_ls_remote(
        SHOP,
        ls_remote(
            "ref: refs/heads/main\tHEAD",
            f"{A}\tHEAD",
            f"{A}\trefs/heads/main",
            f"{B}\trefs/tags/v1.0.0",
            f"{A}\trefs/tags/v1.0.0^{{}}",
            f"{A}\trefs/tags/v1.1.0",
            f"{A}\trefs/tags/nightly",
        ),
    )
    assert refs.listing(SHOP, ["env-*"], None).tags == {}
    found = refs.listing(SHOP, ["env-*"], None, ["v*", "!v1.1*"]).tags
    assert found == {"v1.0.0": GitTag(A, B)}


def test_a_tag_that_was_made_anew_at_the_same_commit_is_another_listing() -> None:
    before, after = (Listing("main", {"main": A}, {"v1": GitTag(A, at)}) for at in (A, B))
    assert before.digest() != after.digest()
