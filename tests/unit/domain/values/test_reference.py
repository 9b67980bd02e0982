"""What a person may call an environment."""

import pytest

from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.reference import find
from tests.unit.domain_example import pending, ready

ALICE = ready()
BLOGS = ready(id=EnvironmentId("acme", "blog", "alice"))
OTHERS = ready(id=EnvironmentId("other", "shop", "alice"))
BOB = pending("env-bob", "bob")


@pytest.mark.parametrize(
    "text", ["alice", "env-alice", "shop/alice", "shop/env-alice", "acme/shop/alice", "acme/shop/env-alice"]
)
def test_every_form_finds_it(text: str) -> None:
    assert find(text, iter([BOB, ALICE])) == [ALICE]


@pytest.mark.parametrize("text", ["", "ALICE", "alic", "blog/alice", "shop/", "/alice", "acme/alice", "*"])
def test_what_fits_none_finds_none(text: str) -> None:
    assert find(text, [ALICE, BOB]) == []


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("alice", "acme/blog/alice, acme/shop/alice, other/shop/alice"),
        ("env-alice", "acme/blog/alice, acme/shop/alice, other/shop/alice"),
        ("shop/alice", "acme/shop/alice, other/shop/alice"),
    ],
)
def test_an_ambiguous_form_lists_the_candidates(text: str, candidates: str) -> None:
    with pytest.raises(UsageError) as refusal:
        find(text, [OTHERS, ALICE, BLOGS, BOB])
    assert str(refusal.value) == f"{text!r} may mean {candidates}: say which."


def test_a_longer_form_tells_them_apart() -> None:
    everyone = [OTHERS, ALICE, BLOGS]
    assert find("blog/alice", everyone) == [BLOGS]
    assert [find(e.label, everyone) for e in everyone] == [[e] for e in everyone]


def test_what_is_there_wins_over_what_was() -> None:
    was = ready(id=BLOGS.id, status=Status.DESTROYED)
    assert find("alice", [was, ALICE]) == [ALICE]
    assert find("blog/alice", [was, ALICE]) == [was]
    assert find("alice", [was]) == [was]


@pytest.mark.parametrize("status", [Status.READY, Status.DESTROYED])
def test_no_branch_can_take_the_full_name_of_another(status: Status) -> None:
    named: Environment = ready(status=status)
    imposter = pending(branch=named.label, name="x")
    assert find(named.label, [imposter, named]) == [named]
    assert find("acme/shop/x", [imposter, named]) == [imposter]


def test_a_name_and_a_branch_may_be_confused_and_then_both_are_named() -> None:
    branch = pending(branch="bob", name="b-123456")
    with pytest.raises(UsageError, match="acme/shop/b-123456, acme/shop/bob"):
        find("bob", [BOB, branch])


def test_a_text_with_control_characters_is_shown_escaped() -> None:
    hostile = "\x1b[2J"
    twins = [pending(hostile, "a"), pending(hostile, "b")]
    with pytest.raises(UsageError) as refusal:
        find(hostile, twins)
    assert str(refusal.value).isprintable()
