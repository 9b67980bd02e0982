"""Who may do what: by name, group and token, in organizations and repositories."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.access.roles import (
    Allowed,
    Forbidden,
    Invisible,
    Rules,
    by_token,
    hidden,
    may,
    signed_in,
    visible,
)
from envmgr.domain.rules.access.secrets import as_token, is_same, is_token, kept
from envmgr.domain.values.asking.person import Action, Person, Role, least, on_host
from envmgr.domain.values.asking.token import Token

ENTRIES = st.sampled_from(["ann", "bob", "*", "group:dev", "group:ops", "group:ann", "dev"])
NAMES = st.sampled_from(["ann", "bob", "dev", "group:dev", "*", "group:*", ""])
GROUPS = st.lists(st.sampled_from(["dev", "ops", "ann", "*"]), max_size=3)
MEMBERS = st.dictionaries(st.sampled_from(Role), st.lists(ENTRIES, max_size=2).map(tuple))
RULES = st.builds(Rules, MEMBERS, st.dictionaries(st.sampled_from(["shop", "vault"]), MEMBERS))
PEOPLE = st.builds(signed_in, NAMES, GROUPS, st.fixed_dictionaries({"acme": RULES, "globex": RULES}))
ACTIONS, PLACES = st.sampled_from(Action), st.sampled_from([None, "shop", "vault", "left-over"])


def token(role: Role, organization: str | None = None, repository: str | None = None) -> Token:
    """One that never expires."""
    return Token(
        name="ci",
        digest="",
        role=role,
        organization=organization,
        repository=repository,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="user root",
    )


@given(PEOPLE, ACTIONS, PLACES)
def test_a_higher_role_may_all_that_a_lower_one_may(
    person: Person, action: Action, place: str | None
) -> None:
    """And what one may not is forbidden by name of the role that may, or not there at all."""
    role, answer = person.role("acme", place), may(person, action, "acme", place)
    if role is None:
        assert answer == Invisible()
    elif role.includes(least(action)):
        assert answer == Allowed()
    else:
        assert answer == Forbidden(least(action))
        assert may(person, Action.SEE, "acme", place) == Allowed(), "who is told so may see it"


@given(PEOPLE, ACTIONS, PLACES)
def test_a_role_in_one_organization_is_none_in_another(
    person: Person, action: Action, place: str | None
) -> None:
    """Nor in one that no rule speaks of."""
    assert may(person, action, "other", place) == Invisible()


@given(NAMES, GROUPS, st.sampled_from(Role))
def test_a_name_is_never_a_group(name: str, groups: list[str], role: Role) -> None:
    """Whoever may choose a name for herself gets no group by it, and no `*` of another kind."""
    rules = {"acme": Rules({role: ("group:dev", "group:*")})}
    expected = role if {"dev", "*"} & set(groups) else None
    assert signed_in(name, groups, rules).role("acme") is expected


@given(PEOPLE, PLACES)
def test_what_is_listed_is_what_may_be_seen(person: Person, place: str | None) -> None:
    """The places that pages are filtered by say the same as the question for one of them."""
    places, without = visible(person), hidden(person)
    assert places is not None
    where = {("acme", None), ("acme", place)}
    is_listed = not where.isdisjoint(places) and where.isdisjoint(without)
    if place is not None:
        assert is_listed is (may(person, Action.SEE, "acme", place) == Allowed())


def test_a_repository_has_its_own_say() -> None:
    """What it says counts there in the place of the organization's, also where that is less."""
    rules = {"acme": Rules({Role.VIEWER: ("*",), Role.ADMIN: ("ann",)}, {"vault": {Role.VIEWER: ("bob",)}})}
    ann, bob = signed_in("ann", (), rules), signed_in("bob", (), rules)
    assert (ann.role("acme", "shop"), ann.role("acme", "vault")) == (Role.ADMIN, None)
    assert (bob.role("acme", "shop"), bob.role("acme", "vault")) == (Role.VIEWER, Role.VIEWER)
    assert hidden(ann) == (("acme", "vault"),)


@pytest.mark.parametrize("role", Role)
def test_a_token_has_its_role_just_where_it_holds(role: Role) -> None:
    """Everywhere, in an organization, or in a repository; never in another."""
    names = ("acme", "globex")
    everywhere, in_acme = by_token(token(role), names), by_token(token(role, "acme"), names)
    in_shop = by_token(token(role, "acme", "shop"), names)
    assert [p.role("globex", "x") for p in (everywhere, in_acme, in_shop)] == [role, None, None]
    assert [p.role("acme", "x") for p in (everywhere, in_acme, in_shop)] == [role, role, None]
    assert in_shop.role("acme", "shop") is role
    assert in_shop.role("acme") is None


@given(ACTIONS, PLACES)
def test_who_is_on_the_host_may_everything(action: Action, place: str | None) -> None:
    """As before there were roles."""
    person = on_host("user root")
    assert may(person, action, "acme", place) == Allowed()
    assert str(person.asker) == "user root"
    assert visible(person) is None


def test_a_role_has_what_the_contract_says() -> None:
    """Viewers look, developers change, approvers approve, admins do the rest."""
    assert {least(a) for a in (Action.APPLY, Action.DESTROY, Action.PLAN, Action.EXTEND)} == {Role.DEVELOPER}
    assert (least(Action.SEE), least(Action.APPROVE)) == (Role.VIEWER, Role.APPROVER)
    assert {least(a) for a in (Action.TOKENS, Action.OUTPUTS)} == {Role.ADMIN}


@given(st.text(max_size=60))
def test_only_what_looks_like_a_token_is_looked_for(text: str) -> None:
    """Anything else costs no look at the records."""
    assert not is_token(text) or text.startswith("envmgr_")
    assert is_token(as_token("A" * 43))
    assert is_same(kept(text), kept(text))
    assert not is_same(kept(text), kept(text + "x"))
