"""Several applications of one environment: their names, what a look makes of them, and who waits for whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.audit.inventory import Inventory, Tagged, Watched
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.neighbours import (
    active,
    active_ones,
    awaited,
    is_last,
    is_overtaken,
    leaving,
    missing,
    needed_by,
)
from envmgr.domain.rules.observation import Listing, Observed, observe
from envmgr.domain.rules.settled import is_settled
from envmgr.domain.values.combined import by_environment, combined, urls
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, Rest, Wait
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.environment import (
    Environment,
    Guard,
    Pin,
    Status,
    Suspended,
    Suspension,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.origins.named import Asked
from envmgr.domain.values.policy import Awaited, Neighbours, Policy
from envmgr.domain.values.reference import find
from envmgr.domain.values.schedule import Phase
from envmgr.domain.values.tags import identity, own, tags_for
from tests.support.examples import examples
from tests.support.records import altered
from tests.unit.domain_example import (
    FIXED,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    PATTERNS,
    POLICY,
    SHOP,
    claim,
    gone,
    listing,
    pending,
    ready,
)

PART = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
IDS = st.builds(EnvironmentId, PART, PART, PART, st.one_of(st.just(""), PART))
NAMES = ("db", "api", "web", "docs", "mail")
Records = Mapping[str, Environment]

NEED = Waits(WaitsFor.NEED, ("db",))


def settled(record: Environment) -> bool:
    """Whether it is, by the rules of these tests."""
    return is_settled(record, POLICY)


def overtaken(record: Environment) -> bool:
    """Whether a push overtook it, by the rules of these tests."""
    return is_overtaken(record, POLICY)


def of(application: str, record: Environment) -> Environment:
    """The record as that of an application."""
    return replace(record, id=replace(record.id, application=application))


def needing(record: Environment, *needs: str) -> Environment:
    """The record with a claim that was made with others' outputs."""
    return replace(record, claim=replace(claim(), needs=dict.fromkeys(needs, 0)))


def look(known: list[Environment], seen: Listing, *applications: str) -> Observed:
    """What a listing says of a repository with these applications."""
    return observe(SHOP, known, seen, PATTERNS, NOW + MINUTE, asked=Asked(applications=applications))


# --- names ---------------------------------------------------------------------------------------


@given(IDS)
@FIXED
def test_an_id_is_known_again_by_all_its_names(one: EnvironmentId) -> None:
    assert EnvironmentId.parse(str(one)) == one
    assert EnvironmentId.of_key(one.state_key) == EnvironmentId.of_key(one.kept_key) == one
    assert EnvironmentId.of_component(one.repository_id, one.component) == one
    assert one.environment.application == ""
    assert str(one).startswith(str(one.environment))


@given(IDS, IDS)
@FIXED
def test_two_ids_share_no_key_and_no_folder(one: EnvironmentId, other: EnvironmentId) -> None:
    assert (one.state_key == other.state_key) == (one == other)
    if one.repository_id == other.repository_id:
        assert (one.component == other.component) == (one == other)


@pytest.mark.parametrize(
    "key",
    [
        "acme/shop/alice/api/x/terraform.tfstate",
        "acme/shop/terraform.tfstate",
        "acme/shop/alice/api/other.tfstate",
        "acme/shop/alice/terraform.tfstate.20260102T030405.000000Z",
        "acme/shop/Alice/terraform.tfstate",
    ],
)
def test_the_key_of_anything_else_is_nobodys(key: str) -> None:
    assert EnvironmentId.of_key(key) is None


def test_an_application_has_one_tag_more() -> None:
    api = EnvironmentId("acme", "shop", "alice", "api")
    tags = tags_for(api, "env-alice")
    assert tags == {**tags_for(api.environment, "env-alice"), "application": "api"}
    assert own(tags) == {**identity(tags), "application": "api"}
    assert own(tags_for(api.environment, "x")) == identity(tags)


def test_a_person_means_all_applications_or_one() -> None:
    alice = [of("api", ready()), of("db", ready())]
    bob = of("api", pending("env-bob", "bob"))
    before = ready()
    for text in ("alice", "env-alice", "acme/shop/alice"):
        assert find(text, [*alice, bob]) == alice
    assert find("shop/env-alice:db", [*alice, bob]) == [alice[1]]
    assert find("alice:", [before, *alice]) == [before]
    assert find("alice:other", alice) == []
    closed = replace(alice[0], status=Status.DESTROYED)
    assert find("alice", [closed, alice[1]]) == [alice[1]]


# --- looking -------------------------------------------------------------------------------------


def test_a_branch_gives_a_record_for_each_application() -> None:
    seen = look([], listing("env-alice", "env-bob"), "db", "api").new
    assert [str(e.id) for e in seen] == [
        f"acme/shop/{name}:{application}" for name in ("alice", "bob") for application in ("db", "api")
    ]
    assert {(e.branch, e.commit) for e in seen} == {("env-alice", OLD), ("env-bob", OLD)}


def test_all_records_of_a_branch_move_leave_and_come_back_together() -> None:
    known = [of("db", ready()), of("api", failed := ready(status=Status.FAILED))]
    assert failed.status is Status.FAILED
    assert [e.commit for e in look(known, listing(alice=NEW), "db", "api").changed] == [NEW, NEW]
    away = look(known, listing(), "db", "api").changed
    assert [e.absences for e in away] == [1, 1]
    back = look(list(away), listing("env-alice"), "db", "api").changed
    assert [e.is_missing for e in back] == [False, False]


def test_a_new_application_shares_the_life_of_the_others() -> None:
    db = of("db", ready(pushed_at=NOW - HOUR, expires_at=NOW + HOUR, warned_at=NOW, pin=Pin(OLD)))
    [api] = look([db], listing("env-alice"), "db", "api").new
    assert (api.status, api.life.pushed_at, api.life.expires_at, api.life.warned_at, api.pin) == (
        Status.PENDING, NOW - HOUR, NOW + HOUR, NOW, Pin(OLD),
    )  # fmt: skip
    asleep = altered(db, suspended="s", suspended_by=Suspension.PERSON)
    [api] = look([asleep], listing("env-alice"), "db", "api").new
    assert api.suspended == Suspended("s", Suspension.PERSON)
    [web] = look([asleep, of("api", ready())], listing("env-alice"), "db", "api", "web").new
    assert web.suspended is None


def test_what_the_configuration_lists_no_more_is_kept_in_view_until_it_is_closed() -> None:
    known = [of("db", ready()), of("api", ready())]
    assert look(known, listing("env-alice"), "db") == Observed()
    assert [e.commit for e in look(known, listing(alice=NEW), "db").changed] == [NEW, NEW]
    closed = replace(known[1], status=Status.DESTROYED)
    assert look([known[0], closed], listing("env-alice"), "db") == Observed()
    [again] = look([known[0], closed], listing("env-alice"), "db", "api").changed
    assert again.status is Status.PENDING


def test_a_refusal_holds_for_all_applications() -> None:
    both = Listing("main", {"main": OLD, "env-a": OLD, "feature-a": OLD})
    seen = observe(SHOP, [], both, ("env-*", "feature-*"), NOW, asked=Asked(applications=("db", "api"))).new
    assert [bool(e.refused) for e in seen] == [False, False, True, True]
    free = observe(
        SHOP, seen, listing("env-a"), ("env-*", "feature-*"), NOW, asked=Asked(applications=("db", "api"))
    )
    assert [e.status for e in free.changed] == [Status.DESTROYED] * 2


# --- counting and waiting --------------------------------------------------------------------------


def test_environments_are_counted_and_not_their_applications() -> None:
    away = [of(name, gone()) for name in NAMES]
    assert leaving(away) == 1
    assert active(active_ones([of(name, ready()) for name in NAMES])) == 1
    api = EnvironmentId("acme", "shop", "alice", "api")
    assert active(active_ones([of("db", ready())]), besides=api) == 0
    assert active(active_ones([of("api", ready(id=EnvironmentId("acme", "shop", "bob")))]), besides=api) == 1


@pytest.mark.parametrize(
    ("db", "expected"),
    [
        (ready(), None),
        (ready(commit=NEW), Awaited("Waits for db, which is ready.", NEED, is_stuck=False)),
        (pending(), Awaited("Waits for db, which is pending.", NEED, is_stuck=False)),
        (ready(status=Status.RUNNING), Awaited("Waits for db, which is running.", NEED, is_stuck=False)),
        (pending(status=Status.FAILED, message="no"), Awaited("Waits for db, which failed: no", NEED, is_stuck=True)),
        (ready(status=Status.SUSPENDED, suspended="s"), Awaited("Waits for db, which is suspended.", NEED, is_stuck=True)),
        (None, Awaited("Waits for db, which is not there yet.", NEED, is_stuck=False)),
    ],
)  # fmt: skip
def test_what_is_needed_is_waited_for_at_the_same_commit(
    db: Environment | None, expected: Awaited | None
) -> None:
    api = of("api", pending())
    siblings = {"api": api, **({"db": of("db", db)} if db else {})}
    found = awaited(api, ["db"], siblings, settled, overtaken)
    assert (found and replace(found, waits=NEED)) == expected
    assert found is None or (found.waits.on, found.waits.about[0]) == (WaitsFor.NEED, "db")
    decision = decide(api, POLICY, Neighbours(awaits=expected), NOW)
    if expected is None:
        assert isinstance(decision, Apply)
    else:
        assert decision == (Wait(expected.reason, NEED) if expected.is_stuck else Rest(expected.reason))


@pytest.mark.parametrize(
    ("applied_with", "db", "goes"),
    [
        (None, {}, True),
        (None, {"status": Status.RUNNING}, True),
        ("c" * 40, {}, True),
        (OLD, {}, False),
        ("c" * 40, {"status": Status.FAILED}, False),
        ("c" * 40, {"status": Status.RUNNING, "failures": 1}, False),
        ("c" * 40, {"status": Status.DESTROYING, "ending": True}, False),
        ("c" * 40, {"status": Status.SUSPENDED, "suspended": "s"}, False),
        ("c" * 40, {"status": Status.PENDING, "applied_commit": None}, False),
        ("c" * 40, {"deployment": Deployment(commit=OLD, begun=("x",))}, False),
        ("c" * 40, {"commit": "d" * 40}, False),
    ],
)  # fmt: skip
def test_what_a_push_overtook_gives_one_turn_with_each_commit(
    applied_with: str | None, db: dict[str, Any], goes: bool
) -> None:
    """The db has OLD while the branch is at NEW; a need that failed, ends or is half deployed gives none."""
    need = of("db", ready(**{"commit": NEW, **db}))
    api = of("api", pending(commit=NEW))
    if applied_with:
        api = needing(altered(api, status=Status.READY, applied_commit=applied_with), "db")
        assert api.claim is not None
        api = replace(api, claim=replace(api.claim, commit="e" * 40, met={"db": applied_with}))
    found = awaited(api, ["db"], {"db": need, "api": api}, settled, overtaken)
    assert (found is None) == goes


def test_one_push_alone_keeps_the_order() -> None:
    """Also by the claim of an earlier release, which does not say with which commits it was made."""
    db, api = of("db", ready(commit=NEW)), of("api", needing(ready(commit=NEW), "db"))
    assert awaited(api, ["db"], {"db": db, "api": api}, settled, overtaken) is not None


def test_the_stuck_one_of_several_is_named() -> None:
    siblings = {"db": of("db", pending()), "mail": of("mail", pending(status=Status.FAILED))}
    found = awaited(of("api", pending()), ["db", "mail"], siblings, lambda _: False, lambda _: False)
    assert found is not None
    assert (found.reason, found.is_stuck) == ("Waits for mail, which failed.", True)
    assert found.waits == Waits(WaitsFor.NEED, ("mail", "failed", "0"))


def test_what_is_needed_stays_while_somebody_has_its_outputs() -> None:
    db, api = of("db", gone()), of("api", needing(gone(), "db"))
    siblings = {"db": db, "api": api}
    assert (needed_by(db, siblings), needed_by(api, siblings)) == (("api",), ())
    assert needed_by(db, {"db": db, "api": of("api", pending(status=Status.RUNNING))}) == ("api",)
    assert needed_by(db, {"db": db, "api": of("api", pending())}) == ()
    waits = decide(db, POLICY, Neighbours(leaving=1, needed_by=("api",)), NOW)
    assert isinstance(waits, Wait)
    assert waits.reason.endswith("Waits for the end of api, made with its outputs.")
    by_hand = of("db", ready(suspended="s", suspended_by=Suspension.DESTROY))
    expired, down = of("db", ready(expires_at=NOW)), replace(POLICY, phase=Phase(False, NOW, NOW + HOUR))
    for environment, policy in ((by_hand, POLICY), (expired, POLICY), (of("db", ready()), down)):
        assert isinstance(decide(environment, policy, Neighbours(needed_by=("api",)), NOW), Wait)
        assert isinstance(decide(environment, policy, Neighbours(), NOW), Destroy)


def test_what_is_on_its_way_out_is_missing() -> None:
    siblings = {
        "db": of("db", ready()),
        "mail": of("mail", ready(status=Status.DESTROYING)),
        "web": of("web", pending()),
    }
    assert missing(["db", "mail", "web", "none"], siblings) == ("mail", "web", "none")


def test_the_last_one_is_known_though_two_end_together() -> None:
    db = of("db", gone(status=Status.DESTROYING))
    verified = of("api", gone(status=Status.DESTROYING, resources=()))
    assert is_last(db, {"db": db, "api": verified})
    assert not is_last(db, {"db": db, "api": altered(verified, resources=("x.y",))})
    assert not is_last(db, {"db": db, "api": replace(verified, status=Status.FAILED)})
    assert is_last(db, {"db": db, "api": replace(verified, claim=None, status=Status.DESTROYED)})


def test_a_life_that_ended_ends_also_what_waits_in_vain() -> None:
    """Else what it waits for could not be destroyed either, and both would live for ever."""
    api = of("api", ready(commit=NEW, expires_at=NOW))
    assert isinstance(decide(api, POLICY, Neighbours(awaits=Awaited("", NEED, is_stuck=True)), NOW), Destroy)
    assert decide(api, POLICY, Neighbours(awaits=Awaited("w", NEED, is_stuck=False)), NOW) == Rest("w")


UNLISTED = replace(POLICY, configured=False)


def test_what_the_configuration_lists_no_more_is_left_alone() -> None:
    found = decide(of("api", ready()), UNLISTED, Neighbours(), NOW)
    assert found == Wait(
        "Application api is no longer in the configuration of acme/shop: left alone; "
        "`envmgr destroy acme/shop/alice:api` ends it.",
        Waits(WaitsFor.APPLICATION),
    )
    before = decide(ready(), UNLISTED, Neighbours(), NOW)
    assert isinstance(before, Wait)
    assert "`envmgr destroy acme/shop/alice:`" in before.reason
    assert isinstance(decide(of("api", pending()), UNLISTED, Neighbours(), NOW), Close)
    assert isinstance(decide(of("api", gone()), UNLISTED, Neighbours(leaving=1), NOW), Destroy)
    assert isinstance(decide(of("api", ready(expires_at=NOW)), UNLISTED, Neighbours(), NOW), Destroy)


def test_one_record_stands_for_all_by_the_worst_of_them() -> None:
    db = of("db", ready(url="http://db", created_at=NOW - HOUR))
    api = of(
        "api", ready(status=Status.FAILED, message="no", hold=Guard.DRIFT, expires_at=NOW, url="http://api")
    )
    whole = combined([api, db])
    assert (whole.id, whole.status, whole.message) == (db.id.environment, Status.FAILED, "api: no")
    assert (whole.applied.url, whole.life.created_at, whole.life.expires_at) == (
        "http://api",
        NOW - HOUR,
        NOW,
    )
    assert urls([api, db]) == ["http://api", "http://db"]
    plain = ready(message="m")
    assert combined([plain]) is plain
    bob = pending("env-bob", "bob")
    assert by_environment([api, replace(db, status=Status.DESTROYED), bob]) == [[api], [bob]]


def test_a_resource_belongs_to_its_application_or_to_one_that_is_there() -> None:
    """People may use the tag for themselves, or leave it out."""
    db, api = (EnvironmentId("acme", "shop", "alice", name) for name in ("db", "api"))

    def owner(known: list[EnvironmentId], application: str = "", *configured: str) -> str:
        watched = Watched(listing(), POLICY, configured or ("",))
        seen = Inventory(organization="acme", now=NOW, states=frozenset(known), repositories={SHOP: watched})
        tags = {"organization": "acme", "project": "shop", "environment": "alice"}
        return str(seen.owner(Tagged("x", tags | ({"application": application} if application else {}))))

    assert owner([db, api], "db") == "acme/shop/alice:db"
    of_two = owner([db, api], "theirs", "db", "api"), owner([db, api], "", "db", "api")
    assert of_two == ("acme/shop/alice:api",) * 2
    assert owner([db.environment], "theirs") == owner([], "theirs") == "acme/shop/alice"
    assert owner([], "db", "db", "api") == "acme/shop/alice:db"


# --- any graph of needs ------------------------------------------------------------------------------

GRAPHS = st.lists(st.sets(st.integers(0, len(NAMES) - 2)), min_size=len(NAMES), max_size=len(NAMES)).map(
    lambda drawn: {
        name: tuple(NAMES[i] for i in sorted(drawn[number]) if i < number)
        for number, name in enumerate(NAMES)
    }
)
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["done", "done", "fails", "dies"])), max_size=30
)


@dataclass
class Shop:
    """An environment of applications with these needs; each step is decided for one record, and carried out."""

    needs: Mapping[str, tuple[str, ...]]
    records: dict[str, Environment] = field(default_factory=dict)
    now: datetime = NOW
    policy: Policy = POLICY

    def look(self, seen: Listing) -> None:
        """A complete listing."""
        observed = observe(
            SHOP, self.records.values(), seen, PATTERNS, self.now, asked=Asked(applications=tuple(self.needs))
        )
        self.records |= {e.id.application: e for e in (*observed.new, *observed.changed)}

    def decide(self, name: str) -> Decision:
        """The next step of one application."""
        record = self.records[name]
        neighbours = Neighbours(
            leaving=leaving(self.records.values()),
            awaits=awaited(record, self.needs[name], self.records, settled, overtaken),
            needed_by=needed_by(record, self.records),
        )
        return decide(record, self.policy, neighbours, self.now, asked=True)

    def step(self, name: str, ends: str) -> None:
        """The next step of one application, which is done, fails half-way, or is cut off."""
        decision, record = self.decide(name), self.records[name]
        if isinstance(decision, Apply):
            needs = [self.records[n] for n in self.needs[name]]
            assert all(settled(n) or overtaken(n) for n in needs)
            began = needing(replace(record, status=Status.RUNNING), *self.needs[name])
            assert began.claim is not None
            met = {n.id.application: n.applied.commit or "" for n in needs}
            began = replace(began, claim=replace(began.claim, commit=record.commit, met=met))
            fields: dict[str, Any] = {"applied_commit": record.commit, "applied_inputs": self.policy.inputs}
            done = altered(began, status=Status.READY, **fields)
        elif isinstance(decision, Destroy):
            began, done = (
                replace(record, status=Status.DESTROYING),
                replace(record, status=decision.then, claim=None),
            )
        elif isinstance(decision, Close):
            began = done = replace(record, status=Status.DESTROYED)
        elif isinstance(decision, Wait):
            began = done = replace(
                record, status=Status.WAITING, message=decision.reason, waits=decision.waits
            )
        else:
            began = done = record
        failed = altered(began, status=Status.FAILED, failed_on=attempt_key(began, self.policy))
        self.records[name] = {"done": done, "dies": began, "fails": failed if began != record else began}[
            ends
        ]
        self.check()

    def check(self) -> None:
        """What is needed has resources for as long as what needs it has some."""
        for name, record in self.records.items():
            if record.claim is not None:
                assert all(self.records[need].claim is not None for need in record.claim.needs), name

    def rounds(self) -> None:
        """Steps that are done, for as many rounds as there are applications."""
        for _ in NAMES:
            for name in NAMES:
                self.step(name, "done")


@given(GRAPHS, STEPS, STEPS, STEPS)
@FIXED
def test_any_needs_are_there_first_and_go_last(
    needs: Mapping[str, tuple[str, ...]],
    first: list[tuple[str, str]],
    second: list[tuple[str, str]],
    third: list[tuple[str, str]],
) -> None:
    """Whatever fails or is cut off; from anywhere all becomes ready in as many rounds as there are applications."""
    shop = Shop(needs)
    shop.look(listing("env-alice"))
    for name, ends in first:
        shop.step(name, ends)
    shop.look(listing(alice=NEW))
    for name, ends in second:
        shop.step(name, ends)
    shop.rounds()
    assert {e.status for e in shop.records.values()} == {Status.READY}
    assert {e.applied.commit for e in shop.records.values()} == {NEW}
    for _ in range(2):
        shop.look(listing())
        shop.now += timedelta(minutes=6)
    for name, ends in third:
        shop.step(name, ends)
    shop.rounds()
    assert {e.status for e in shop.records.values()} == {Status.DESTROYED}


@given(GRAPHS, st.lists(st.permutations(NAMES), min_size=30, max_size=30))
@settings(FIXED, max_examples=examples(30))
def test_a_branch_that_is_pushed_without_end_has_all_its_applications_applied(
    needs: Mapping[str, tuple[str, ...]], orders: list[tuple[str, ...]]
) -> None:
    """A push overtakes every single apply, in whichever order they end; none of them is ever settled for long."""
    shop = Shop(needs)
    shop.look(listing("env-alice"))
    applies = dict.fromkeys(NAMES, 0)
    for number, order in enumerate(orders):
        for place, name in enumerate(order):
            if not isinstance(shop.decide(name), Apply):
                continue
            commit = f"{number * len(NAMES) + place + 1:040x}"
            before = shop.records[name].commit
            shop.step(name, "dies")
            shop.look(listing(alice=commit))
            shop.records[name] = altered(
                shop.records[name], status=Status.READY, applied_commit=before, applied_inputs=POLICY.inputs
            )
            applies[name] += 1
    assert min(applies.values()) > len(orders) // 4
