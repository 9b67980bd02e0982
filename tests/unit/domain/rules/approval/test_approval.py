"""Approvals: whatever is proposed, said and waited for, only what enough people said yes to is let through."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.documents.changes import changes_digest, sensitive_texts
from envmgr.domain.rules.approval.data_loss import data_loss
from envmgr.domain.rules.approval.words import (
    approved,
    is_author,
    lets_through,
    proposed,
    rejected,
    why_not,
)
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.pipeline.proposal import Approval, Proposal, Rejection, Terms
from tests.unit.domain_example import NOW

PEOPLE = {"carol": Role.APPROVER, "dave": Role.ADMIN, "erin": Role.DEVELOPER, "Ann": Role.APPROVER}
TERMS = [Terms(), Terms(needed=2), Terms(needed=2, allows_author=True), Terms(role=Role.ADMIN)]


def proposal(digest: str = "d", commit: str = "c", terms: Terms = TERMS[0]) -> Proposal:
    """A fresh one, of a commit of Ann's."""
    return Proposal(
        on=commit,
        commit=commit,
        digest=digest,
        author="Ann <ann@example.com>",
        terms=terms,
        requested_at=NOW,
        expires_at=NOW + terms.expires,
    )


@dataclass
class Told:
    """What was said of the plan that is asked for now, as an observer notes it."""

    of: tuple[str, str, Terms]
    since: int
    yes: set[str] = field(default_factory=set)
    no: bool = False


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("propose"), st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(TERMS)),
        st.tuples(st.just("approve"), st.sampled_from(sorted(PEOPLE))),
        st.tuples(st.just("reject"), st.sampled_from(sorted(PEOPLE))),
        st.tuples(st.just("wait"), st.integers(0, 4)),
        st.tuples(st.just("anew")),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_nothing_is_let_through_but_what_enough_people_approved(steps: list[tuple]) -> None:
    """Looked at after every step, that is in every interrupted prefix of what happens."""
    now = 0
    kept: Proposal | None = None
    told: Told | None = None
    for kind, *rest in steps:
        at = NOW + timedelta(days=now)
        if kind == "wait":
            now += rest[0]
        elif kind == "propose" or (kind == "anew" and told is not None):
            commit, digest, terms = rest or told.of  # type: ignore[union-attr]  # there is one where nothing is given
            fresh = replace(proposal(digest, commit, terms), requested_at=at, expires_at=at + terms.expires)
            kept = proposed(kept, fresh, anew=kind == "anew")
            if told is None or kind == "anew" or told.of != (commit, digest, terms) or now - told.since >= 7:
                told = Told((commit, digest, terms), now)
        elif kept is not None and told is not None:
            if kind == "reject":
                kept, told.no = rejected(kept, Rejection(rest[0], "", at)), True
            elif kind == "approve" and not why_not(kept, rest[0], PEOPLE[rest[0]], at):
                kept = approved(kept, Approval(by=rest[0], who=rest[0], role=PEOPLE[rest[0]], at=at))
                told.yes.add(rest[0])
        at = NOW + timedelta(days=now)
        for commit in "ab":
            for digest in "xy":
                for terms in TERMS:
                    may = told is not None and told.of == (commit, digest, terms) and _may(told, now)
                    assert lets_through(kept, commit, digest, terms, at) == may


def _may(told: Told, now: int) -> bool:
    terms = told.of[2]
    people = {
        name
        for name in told.yes
        if PEOPLE[name].includes(terms.role) and (terms.allows_author or name != "Ann")
    }
    return len(people) >= terms.needed and people == told.yes and not told.no and now - told.since < 7


@pytest.mark.parametrize(
    ("who", "author", "is_she"),
    [
        ("ann", "Ann", True),
        ("ann", "Ann <ann@example.com>", True),
        ("ANN@example.com", "Ann Smith <ann@example.com>", True),
        ("ann@example.com", "ann", True),
        ("carol", "Ann <ann@example.com>", False),
        ("carol", "", False),
    ],
)
def test_in_doubt_she_is_the_author(who: str, author: str, is_she: bool) -> None:
    assert is_author(who, author) is is_she


def test_each_no_says_why() -> None:
    found = proposal()
    late = found.expires_at
    assert why_not(found, "carol", Role.APPROVER, NOW) == ""
    assert "role approver" in why_not(found, "carol", Role.DEVELOPER, NOW)
    assert "role approver" in why_not(found, "carol", None, NOW)
    assert "made the commit" in why_not(found, "Ann", Role.ADMIN, NOW)
    assert "planned again" in why_not(found, "carol", Role.ADMIN, late)
    assert "rejected by dave" in why_not(
        rejected(found, Rejection("dave", "", NOW)), "carol", Role.ADMIN, NOW
    )


# --- the digest ------------------------------------------------------------------------------------

KEY = b"k" * 32
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda each: st.lists(each, max_size=2) | st.dictionaries(st.text(max_size=2), each, max_size=2),
    max_leaves=4,
)
changes = st.fixed_dictionaries(
    {
        "address": st.sampled_from(["aws_a.x", "aws_a.y", "aws_b.x"]),
        "mode": st.just("managed"),
        "type": st.just("aws_a"),
        "change": st.fixed_dictionaries(
            {
                "actions": st.sampled_from([["create"], ["update"], ["delete", "create"]]),
                "before": values,
                "after": values,
                "after_unknown": st.just({"id": True}),
                "after_sensitive": st.sampled_from([{}, {"p": True}]),
            }
        ),
    }
)
plans = st.lists(changes, max_size=3, unique_by=lambda each: str(each["address"]))


def digest(resources: list, *more: str, key: bytes = KEY, **document: object) -> str:
    """The digest of a plan with these changes."""
    return changes_digest({"resource_changes": resources, **document}, key, *more)


@given(one=plans, other=plans)
def test_other_changes_have_another_digest_and_the_same_in_any_order_the_same(one: list, other: list) -> None:
    def known(plan: list) -> str:
        return repr(sorted((each["address"], _plain(each)) for each in plan))

    assert (digest(one) == digest(other)) == (known(one) == known(other))
    assert digest(one[::-1]) == digest(one)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return repr(sorted((key, _plain(each)) for key, each in value.items()))
    return repr([_plain(each) for each in value]) if isinstance(value, list) else repr(value)


def test_what_counts_and_what_does_not() -> None:
    change = {"actions": ["update"], "before": {"p": "one"}, "after": {"p": "two"}}
    item = {"address": "aws_a.x", "mode": "managed", "type": "aws_a", "change": change}
    nothing = {**item, "address": "aws_a.z", "change": {**change, "actions": ["no-op"]}}
    same = digest([item])
    assert digest([item, nothing], timestamp="2026", prior_state={"x": 1}) == same
    assert digest([item, {**nothing, "previous_address": "aws_a.w"}]) != same
    assert digest([{**item, "change": {**change, "after": {"p": "three"}}}]) != same
    assert digest([item], output_changes={"o": {"actions": ["create"], "after": 1}}) != same
    assert digest([item], "another commit") != same
    assert digest([item], key=b"x" * 32) != same


def test_sensitive_values_are_found_to_be_hidden() -> None:
    change = {
        "before": None,
        "after": {"user": "ann", "password": "hunter22", "more": [{"key": "abcdef", "n": 1}]},
        "after_sensitive": {"password": True, "more": [{"key": True}]},
    }
    output = {"before": None, "after": {"a": ["deep-secret"]}, "after_sensitive": True}
    document = {"resource_changes": [{"change": change}], "output_changes": {"o": output}}
    assert sorted(sensitive_texts(document)) == ["abcdef", "deep-secret", "hunter22"]


def test_what_has_data() -> None:
    def item(type_: str, *actions: str, mode: str = "managed") -> dict:
        return {"address": f"{type_}.x", "type": type_, "mode": mode, "change": {"actions": list(actions)}}

    plan = [
        item("aws_db_instance", "delete", "create"),
        item("aws_s3_bucket", "delete"),
        item("aws_db_instance", "update"),
        item("aws_instance", "delete"),
    ]
    said = data_loss({"resource_changes": plan}, ("aws_db_*", "aws_s3_bucket"))
    assert said == (
        "It would take away what has data: aws_db_instance.x (replaced), aws_s3_bucket.x (deleted)."
    )
    assert data_loss({"resource_changes": plan}, ()) == ""
