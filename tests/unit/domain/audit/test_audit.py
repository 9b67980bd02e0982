"""The audit's core: nothing that nobody wants is silent, nothing that is cared for is a finding, and no doubt is fixed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.audit.compare import Finding, Fix, Kind, findings
from envmgr.domain.audit.inventory import Content, Inventory, Tagged, Unseen, Watched
from envmgr.domain.values.environment import (
    Environment,
    Guard,
    Source,
    SourceKind,
    Status,
    Suspension,
)
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Policy
from envmgr.domain.values.tags import tags_for
from tests.support.records import altered
from tests.unit.domain_example import FIXED, HOUR, NOW, SHOP, claim, gone, listing, pending, ready

POLICY = Policy(branches=("env-*",), protected=("env-prod",), max_at_once=2)
NAMES = ("a", "b", "c", "d", "prod")
IDS = [EnvironmentId("acme", "shop", name) for name in NAMES]
STRANGE = EnvironmentId("acme", "removed", "x")
BLIND = Unseen("It did not answer.")
BUCKET = ("aws_s3_bucket.site",)


def tagged(identity: EnvironmentId, number: int = 1) -> Tagged:
    """A resource of an environment's."""
    return Tagged(f"arn:aws:s3:::{identity.name}-{number}", tags_for(identity, f"env-{identity.name}"))


RECORDS: Mapping[str, Environment] = {
    "pending": pending(),
    "first apply": pending(status=Status.RUNNING, claim=claim()),
    "ready": ready(resources=BUCKET),
    "not missed yet": ready(resources=BUCKET, absent_since=NOW - HOUR, absences=1),
    "in its grace period": gone(resources=BUCKET, since=NOW - timedelta(minutes=1)),
    "gone": gone(resources=BUCKET, status=Status.FAILED),
    "gone and held": gone(resources=BUCKET, status=Status.WAITING, hold=Guard.MASS_DESTROY),
    "gone and approved": gone(resources=BUCKET, status=Status.FAILED, approved=Guard.MASS_DESTROY),
    "gone, of another cloud": gone(resources=("google_sql.x",), status=Status.FAILED),
    "never applied and gone": pending(absences=2, absent_since=NOW - HOUR),
    "destroying": gone(resources=BUCKET, status=Status.DESTROYING),
    "suspended": gone(resources=BUCKET, suspended="By x.", suspended_by=Suspension.PERSON, status=Status.SUSPENDED),
}  # fmt: skip


@st.composite
def environments(draw: st.DrawFn, identity: EnvironmentId) -> dict[str, Any]:
    """One environment from all sides, each of which may tell anything."""
    kind = draw(st.sampled_from([None, *RECORDS]))
    record = None
    if kind is not None:
        record = replace(RECORDS[kind], id=identity, branch=f"env-{identity.name}")
    return {
        "id": identity,
        "record": record,
        "branch": draw(st.booleans()),
        "state": draw(st.booleans()),
        "content": draw(
            st.sampled_from([Content(BUCKET), Content(BUCKET, "Why."), Content(()), None, BLIND])
        ),
        "resources": [tagged(identity, n) for n in range(draw(st.integers(0, 2)))],
        "busy": draw(st.sampled_from([False, False, False, True])),
    }


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Anything that an audit may see, or not see."""
    chosen = draw(st.lists(st.sampled_from([*IDS, STRANGE]), unique=True, max_size=6))
    every = [draw(environments(identity)) for identity in chosen]
    sight = draw(st.sets(st.sampled_from(["listing", "states", "aws", "nothing"]), max_size=2))
    branches = [f"env-{e['id'].name}" for e in every if e["branch"] and e["id"] != STRANGE]
    seen = Inventory(
        organization="acme",
        now=NOW,
        repositories={SHOP: Watched(BLIND if "listing" in sight else listing(*branches), POLICY)},
        records={e["id"]: e["record"] for e in every if e["record"]},
        busy=frozenset(e["id"] for e in every if e["busy"]),
        states=BLIND if "states" in sight else frozenset(e["id"] for e in every if e["state"]),
        places={"aws": BLIND if "aws" in sight else tuple(r for e in every for r in e["resources"])},
    )
    contents = {e["id"]: e["content"] for e in every}
    return replace(seen, contents={identity: contents[identity] for identity in seen.unread()})


def told(found: tuple[Finding, ...], identity: EnvironmentId) -> bool:
    """Whether something is said of an environment."""
    return any(finding.environment == identity for finding in found)


def fixes(inventory: Inventory) -> set[tuple[str, Fix]]:
    """What may be fixed, and how."""
    return {(finding.subject, finding.fix) for finding in findings(inventory) if finding.fix}


def is_absent(inventory: Inventory, identity: EnvironmentId) -> bool:
    """Whether a listing that was seen shows no branch for it."""
    shop = inventory.repositories[SHOP].listing
    return not isinstance(shop, Unseen) and f"env-{identity.name}" not in shop.branches


@FIXED
@given(inventories())
def test_what_is_fixed_was_seen_from_all_sides(inventory: Inventory) -> None:
    """Each fix by itself, from what went in."""
    for finding in findings(inventory):
        identity = finding.environment
        if identity is None or finding.fix is None:
            continue
        record = inventory.records.get(identity)
        assert not isinstance(inventory.states, Unseen)
        assert identity not in inventory.busy
        assert identity == STRANGE or is_absent(inventory, identity)
        if finding.fix is Fix.ADOPT:
            assert inventory.contents[identity] == Content(BUCKET)
            assert record is None or record.claim is None
        if finding.fix is Fix.ARCHIVE:
            assert inventory.contents[identity] == Content(())
        if finding.fix is Fix.CLOSE:
            assert record is not None
            assert identity not in inventory.states or inventory.contents[identity] is None
            assert identity.name != "prod"
            assert record.applied.resources in ((), BUCKET)
            assert record.hold.guard is None
        if finding.fix in (Fix.ARCHIVE, Fix.CLOSE):
            places = inventory.places["aws"]
            assert not isinstance(places, Unseen)
            assert not any(resource.environment == identity for resource in places)


@FIXED
@given(inventories(), st.sampled_from(["listing", "states", "aws"]))
def test_seeing_less_never_fixes_more(inventory: Inventory, lost: str) -> None:
    """Whatever goes out of sight, and that it did is said."""
    blinded = {
        "listing": replace(inventory, repositories={SHOP: Watched(BLIND, POLICY)}),
        "states": replace(inventory, states=BLIND, contents={}),
        "aws": replace(inventory, places={"aws": BLIND}),
    }[lost]
    assert fixes(blinded) <= fixes(inventory)
    unknown = [f for f in findings(blinded) if f.kind is Kind.UNKNOWN and BLIND.reason in f.what]
    assert any(lost in f.subject or (lost == "listing" and f.repository == SHOP) for f in unknown)


@FIXED
@given(inventories())
def test_nothing_is_left_in_silence(inventory: Inventory) -> None:
    """A state that lists resources and that no branch wants, and every resource that no state lists."""
    found = findings(inventory)
    for identity, content in inventory.contents.items():
        record = inventory.records.get(identity)
        waits = record is not None and record.absences < 2
        goes = record is not None and record.claim is not None and record.suspended is None
        assert told(found, identity) or content is None or waits or goes
    working = {e.id for e in inventory.records.values() if e.status in (Status.RUNNING, Status.DESTROYING)}
    places = inventory.places["aws"]
    for resource in () if isinstance(places, Unseen) else places:
        owner = resource.environment
        assert owner is not None
        if isinstance(inventory.states, Unseen) or owner in inventory.states:
            continue
        assert told(found, owner) or owner in inventory.busy or owner in working


@FIXED
@given(inventories())
def test_what_is_cared_for_is_no_finding(inventory: Inventory) -> None:
    """At work, waiting for its branch to be surely gone, suspended: as long as its state is there."""
    calm = ("ready", "not missed yet", "in its grace period", "destroying", "first apply", "suspended")
    states = frozenset() if isinstance(inventory.states, Unseen) else inventory.states
    found = findings(inventory)
    for identity, record in inventory.records.items():
        named = next(k for k, r in RECORDS.items() if replace(r, id=identity, branch=record.branch) == record)
        content = inventory.contents.get(identity, Content(BUCKET))
        is_read = isinstance(content, Content) and bool(content.resources)
        is_whole = identity in states and is_read and bool(inventory.resources(identity))
        if identity in inventory.busy or (identity != STRANGE and named in calm and is_whole):
            assert not told(found, identity), named


@FIXED
@given(inventories())
def test_the_guard_against_mass_deletion_holds(inventory: Inventory) -> None:
    """No more are closed at once than may leave at once, but for those that a person let through."""
    closed = [f.environment for f in findings(inventory) if f.fix is Fix.CLOSE and f.environment != STRANGE]
    unasked = [e for e in closed if e and inventory.records[e].hold.approved is None]
    assert len(unasked) <= POLICY.max_at_once


@FIXED
@given(inventories())
def test_each_finding_has_a_name_of_its_own(inventory: Inventory) -> None:
    """By which the daemon knows it again, and sentences."""
    found = findings(inventory)
    assert len({f.key for f in found}) == len(found)
    for finding in found:
        assert ": " not in finding.key
        assert finding.what.endswith(".")
        assert finding.remedy.endswith(".")


# --- each guard by itself ------------------------------------------------------------------------

BOB = EnvironmentId("acme", "shop", "bob")
LEFT = gone(id=BOB, branch="env-bob", resources=BUCKET, status=Status.FAILED)
ALONE = Inventory(
    organization="acme",
    now=NOW,
    repositories={SHOP: Watched(listing(), POLICY)},
    records={BOB: LEFT},
    places={"aws": ()},
)
STRAY = replace(ALONE, records={}, states=frozenset({BOB}), contents={BOB: Content(BUCKET)})


def record(**changes: Any) -> dict[str, Any]:
    """Bob's record, altered."""
    return {"records": {BOB: altered(LEFT, **changes)}}


def neighbours(number: int, **changes: Any) -> dict[str, Any]:
    """Bob, and others whose branches went with his."""
    others = {e: replace(LEFT, id=e, branch=f"env-{e.name}") for e in IDS[: number - 1]}
    return {"records": {**others, BOB: altered(LEFT, **changes)}}


@pytest.mark.parametrize(
    ("changes", "kind", "fix"),
    [
        ({}, Kind.RECORD_WITHOUT_EITHER, Fix.CLOSE),
        (neighbours(2), Kind.RECORD_WITHOUT_EITHER, Fix.CLOSE),
        (neighbours(3), Kind.RECORD_WITHOUT_EITHER, None),
        (neighbours(3, approved=Guard.MASS_DESTROY), Kind.RECORD_WITHOUT_EITHER, Fix.CLOSE),
        (record(hold=Guard.MASS_DESTROY), Kind.RECORD_WITHOUT_EITHER, None),
        (record(branch="env-prod"), Kind.RECORD_WITHOUT_EITHER, None),
        (record(resources=(*BUCKET, "google_sql.x")), Kind.RECORD_WITHOUT_EITHER, None),
        (record(resources=(*BUCKET, "azurerm_dns_zone.x")), Kind.RECORD_WITHOUT_EITHER, None),
        ({"places": {"aws": (), "azurerm": BLIND}}, Kind.RECORD_WITHOUT_EITHER, None),
        (record(absences=1), Kind.RESOURCES_WITHOUT_STATE, None),
        (record(absent_since=NOW), Kind.RESOURCES_WITHOUT_STATE, None),
        ({"repositories": {SHOP: Watched(listing("env-bob"), POLICY)}}, Kind.RESOURCES_WITHOUT_STATE, None),
        ({"repositories": {SHOP: Watched(BLIND, POLICY)}}, Kind.RESOURCES_WITHOUT_STATE, None),
        (record(branch="try-bob"), Kind.RESOURCES_WITHOUT_STATE, None),
        ({"places": {"aws": (tagged(BOB),)}}, Kind.RESOURCES_WITHOUT_STATE, None),
        (record(suspended="By x."), None, None),
        (record(suspended="By x.", absences=0), None, None),
        (record(status=Status.DESTROYING), None, None),
        (record(resources=()), None, None),
        ({"busy": frozenset({BOB})}, None, None),
        ({"states": BLIND}, None, None),
    ],
)
def test_a_record_is_closed_only_where_surely_nothing_is(
    changes: dict[str, Any], kind: Kind | None, fix: Fix | None
) -> None:
    """One step from what may be closed, it may not."""
    found = [f for f in findings(replace(ALONE, **changes)) if f.environment == BOB]
    assert [(f.kind, f.fix) for f in found] == ([(kind, fix)] if kind else [])


@pytest.mark.parametrize(
    ("changes", "kind", "fix"),
    [
        ({}, Kind.STATE_WITHOUT_BRANCH, Fix.ADOPT),
        ({"places": {"aws": BLIND}}, Kind.STATE_WITHOUT_BRANCH, Fix.ADOPT),
        ({"contents": {BOB: Content(BUCKET, "Why not.")}}, Kind.STATE_WITHOUT_BRANCH, None),
        ({"contents": {BOB: Content(())}}, Kind.STATE_WITHOUT_RESOURCES, Fix.ARCHIVE),
        ({"contents": {BOB: Content(())}, "places": {"aws": BLIND}}, Kind.STATE_WITHOUT_RESOURCES, None),
        (
            {"contents": {BOB: Content(())}, "places": {"aws": (tagged(BOB),)}},
            Kind.RESOURCES_WITHOUT_STATE,
            None,
        ),
        ({"contents": {BOB: None}, "places": {"aws": (tagged(BOB),)}}, Kind.RESOURCES_WITHOUT_STATE, None),
        ({"contents": {BOB: None}}, None, None),
        ({"contents": {BOB: BLIND}}, Kind.UNKNOWN, None),
        ({"repositories": {}}, Kind.REPOSITORY_NOT_CONFIGURED, None),
        ({"repositories": {SHOP: Watched(listing("env-bob"), POLICY)}}, None, None),
        ({"repositories": {SHOP: Watched(BLIND, POLICY)}}, None, None),
        (record(claim=None), Kind.STATE_WITHOUT_BRANCH, Fix.ADOPT),
        (record(claim=None, absences=1), None, None),
        (record(claim=None, absent_since=NOW), None, None),
        (record(), None, None),
        (record(branch="env-prod"), Kind.STATE_WITHOUT_BRANCH, None),
        (record(branch="try-bob") | {"places": {"aws": (tagged(BOB),)}}, Kind.STATE_WITHOUT_BRANCH, None),
        (record(branch="try-bob", suspended="By x."), None, None),
        (
            record(branch="env-prod", resources=())
            | {"repositories": {SHOP: Watched(listing("env-prod"), POLICY)}},
            None,
            None,
        ),
    ],
)
def test_a_state_is_taken_care_of_or_told_of(
    changes: dict[str, Any], kind: Kind | None, fix: Fix | None
) -> None:
    """By what it holds, who knows of it, and whether its branch is there."""
    found = [f for f in findings(replace(STRAY, **changes)) if f.environment == BOB]
    assert [(f.kind, f.fix) for f in found] == ([(kind, fix)] if kind else [])


@pytest.mark.parametrize(
    ("changes", "places", "is_told"),
    [
        ({}, (), True),
        ({}, (tagged(BOB),), False),
        ({}, (tagged(IDS[0]),), True),
        ({}, BLIND, False),
        ({"suspended": "By x."}, (), False),
        ({"resources": ("terraform_data.x",)}, (), False),
    ],
)
def test_resources_that_are_not_to_be_seen(
    changes: dict[str, Any], places: tuple[Tagged, ...] | Unseen, is_told: bool
) -> None:
    """The state lists them, and their cloud was looked into."""
    bob = altered(ready(id=BOB, branch="env-bob", resources=BUCKET), **changes)
    seen = Inventory(
        organization="acme",
        now=NOW,
        repositories={SHOP: Watched(listing("env-bob"), POLICY)},
        records={BOB: bob},
        states=frozenset({BOB}),
        places={"aws": places},
    )
    kinds = [f.kind for f in findings(seen) if f.environment == BOB]
    assert kinds == ([Kind.STATE_WITHOUT_RESOURCES] if is_told else [])


# --- single cases ------------------------------------------------------------------------------


def test_nothing_at_all_is_clean() -> None:
    """An organization without anything."""
    assert findings(Inventory(organization="acme", now=NOW)) == ()


def test_a_cloud_that_is_not_configured_is_unknown() -> None:
    """Where a record or a stray state has resources in it."""
    alice = ready(resources=("azurerm_resource_group.x", "terraform_data.y"))
    seen = Inventory(
        organization="acme",
        now=NOW,
        repositories={SHOP: Watched(listing("env-alice"), POLICY)},
        records={alice.id: alice},
        states=frozenset({alice.id}),
    )
    (found,) = findings(seen)
    assert (found.kind, found.subject) == (Kind.UNKNOWN, "acme azurerm")
    assert "acme/shop/alice" in found.what


def test_a_local_environment_without_its_place_is_not_closed() -> None:
    """Nobody looked for its mark."""
    local = replace(claim(), source=Source(SourceKind.MODULE, "local-environment", "0" * 64, "x"))
    bob = gone(claim=local, resources=("terraform_data.files",), status=Status.FAILED)
    seen = Inventory(
        organization="acme",
        now=NOW,
        repositories={SHOP: Watched(listing(), POLICY)},
        records={bob.id: bob},
    )
    (found,) = findings(seen)
    assert (found.kind, found.fix) == (Kind.RECORD_WITHOUT_EITHER, None)
    (found,) = findings(replace(seen, places={"local": ()}))
    assert found.fix is Fix.CLOSE


def test_a_resource_that_names_no_environment_is_told_of_by_itself() -> None:
    """With the organization's tags only."""
    lost = Tagged("arn:aws:sns:eu-west-1:1:x", {"organization": "acme", "managed-by": "envmgr"})
    (found,) = findings(Inventory(organization="acme", now=NOW, places={"aws": (lost,)}))
    assert (found.kind, found.subject, found.environment) == (
        Kind.RESOURCES_WITHOUT_STATE,
        lost.identifier,
        None,
    )


def test_records_of_a_repository_that_is_gone_from_the_files_are_closed_a_few_at_a_time() -> None:
    """Where nothing else is of them; many at once are a mistake in a file."""
    made = [replace(pending(), id=EnvironmentId("acme", "removed", f"x{n}")) for n in range(6)]
    records = {environment.id: environment for environment in made}
    few = dict(list(records.items())[:5])
    seen = Inventory(organization="acme", now=NOW, records=few)
    assert [f.fix for f in findings(seen)] == [Fix.CLOSE] * 5
    assert [f.fix for f in findings(replace(seen, records=records))] == [None] * 6


def test_a_resource_that_the_state_does_not_list_is_a_finding() -> None:
    """What a stuck apply left carries the tags as well as what was applied."""
    record = altered(RECORDS["ready"], id=IDS[0], branch="env-a", identifiers=("arn:aws:s3:::a-1",))
    seen = _seen({IDS[0]: record}, (tagged(IDS[0]), tagged(IDS[0], 2)))
    (found,) = findings(seen)
    assert (found.kind, found.environment, found.fix) == (Kind.RESOURCES_WITHOUT_STATE, IDS[0], None)
    assert "arn:aws:s3:::a-2" in found.what
    assert "arn:aws:s3:::a-1" not in found.what


def test_what_a_record_does_not_know_is_read_in_the_state() -> None:
    """After a failed apply or destroy, and where an older release applied."""
    for status, identifiers in ((Status.FAILED, ("arn:aws:s3:::a-1",)), (Status.READY, None)):
        record = altered(RECORDS["ready"], id=IDS[0], branch="env-a", status=status, identifiers=identifiers)
        seen = _seen({IDS[0]: record}, (tagged(IDS[0]),))
        assert seen.unread() == [IDS[0]]
        empty = replace(seen, contents={IDS[0]: Content(())})
        assert [f.kind for f in findings(empty)] == [Kind.RESOURCES_WITHOUT_STATE]
        listed = replace(seen, contents={IDS[0]: Content(BUCKET, "", ("arn:aws:s3:::a-1",))})
        assert findings(listed) == ()


def test_an_altered_tag_leads_to_whose_state_lists_it() -> None:
    """A resource of b's with a's tag is alive: nobody is told to delete it."""
    records = {
        identity: altered(
            RECORDS["ready"],
            id=identity,
            branch=f"env-{identity.name}",
            identifiers=(f"arn:aws:s3:::{identity.name}-1",),
        )
        for identity in IDS[:2]
    }
    false = replace(tagged(IDS[1]), tags=tagged(IDS[0]).tags)
    found = {f.environment: f for f in findings(_seen(records, (tagged(IDS[0]), false)))}
    assert f"`envmgr apply {IDS[1]}`" in found[IDS[0]].remedy
    assert "delete" not in found[IDS[0]].remedy


def _seen(records: Mapping[EnvironmentId, Environment], resources: tuple[Tagged, ...]) -> Inventory:
    return Inventory(
        organization="acme",
        now=NOW,
        repositories={SHOP: Watched(listing(*(e.branch for e in records.values())), POLICY)},
        records=records,
        states=frozenset(records),
        places={"aws": resources},
    )


_DELETES = re.compile(r"`(?:az|aws|rm) ")


@given(st.data())
def test_no_finding_says_how_to_delete_what_only_its_tags_tell_of(data: st.DataObject) -> None:
    """Tags may be a stranger's, or altered: a command would be pasted."""
    for finding in findings(data.draw(inventories())):
        assert not _DELETES.search(f"{finding.what} {finding.remedy}")


def test_a_name_in_a_finding_is_shown_and_not_obeyed() -> None:
    """Whoever made the resource chose its name."""
    strange = Tagged("/srv/\x1b[2J", {"organization": "acme", "managed-by": "envmgr"})
    (found,) = findings(Inventory(organization="acme", now=NOW, places={"local": (strange,)}))
    assert "\\x1b[2J" in found.what
