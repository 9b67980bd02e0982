"""Which findings are over: only those by which everything could be looked at."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from envmgr.domain.audit.compare import Kind
from envmgr.domain.audit.inventory import Inventory, Unseen, Watched
from envmgr.domain.audit.standing import Look, Standing, is_over, outcome
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.policy import Policy
from tests.support.records import altered
from tests.unit.domain_example import ready

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ALICE = EnvironmentId("acme", "shop", "alice")
BLIND = Unseen("It did not answer.")
SEEN = Inventory(organization="acme", now=NOW, places={"aws": ()})
ABOUT_AN_ENVIRONMENT = [k for k in Kind if k not in (Kind.ARCHIVE_EXPIRED, Kind.UNKNOWN)]


def standing(kind: str, environment: EnvironmentId | None = ALICE) -> Standing:
    """A finding of the day before."""
    return Standing(
        look=Look.AUDIT,
        organization="acme",
        kind=kind,
        subject=str(environment),
        told="So it is.",
        since=NOW,
        seen_at=NOW,
        environment=environment,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_where_all_was_seen_all_that_was_not_found_is_over(kind: Kind) -> None:
    """Of whatever kind."""
    assert is_over(standing(kind), SEEN)


UNSEEN = {
    "its remote": replace(SEEN, repositories={RepositoryId("acme", "shop"): Watched(BLIND, Policy())}),
    "all states": replace(SEEN, states=BLIND),
    "its state": replace(SEEN, contents={ALICE: BLIND}),
    "it was worked on": replace(SEEN, busy=frozenset({ALICE})),
}


@pytest.mark.parametrize("seen", UNSEEN.values(), ids=list(UNSEEN))
@pytest.mark.parametrize("kind", ABOUT_AN_ENVIRONMENT)
def test_where_not_all_was_seen_nothing_is_over(kind: Kind, seen: Inventory) -> None:
    """It may still be so: it is not told of anew when it is seen again."""
    assert not is_over(standing(kind), seen)
    assert is_over(standing(Kind.UNKNOWN), seen)


def test_resources_are_gone_only_where_every_cloud_was_seen() -> None:
    """One that did not answer, or that is configured no more, may have them; a state without a branch is elsewhere."""
    record = altered(ready(), id=EnvironmentId("acme", "shop", "bob"), resources=("azurerm_group.a",))
    for seen in (replace(SEEN, places={"aws": BLIND}), replace(SEEN, records={record.id: record})):
        assert not is_over(standing(Kind.RESOURCES_WITHOUT_STATE, None), seen)
        assert not is_over(standing(Kind.RECORD_WITHOUT_EITHER), seen)
        assert is_over(standing(Kind.STATE_WITHOUT_BRANCH), seen)


def test_archives_are_seen_by_themselves() -> None:
    """Whatever else did not answer."""
    old = standing(Kind.ARCHIVE_EXPIRED, None)
    assert is_over(old, replace(SEEN, states=BLIND, places={"aws": BLIND}))
    assert not is_over(old, replace(SEEN, archives=BLIND))


def test_what_stands_is_known_by_what_it_is_and_not_by_its_words() -> None:
    """It keeps the time since when; another kind is another finding."""
    later = NOW.replace(hour=1)
    same = replace(standing(Kind.UNKNOWN), told="Reworded.", since=later, seen_at=later)
    other = standing(Kind.STATE_WITHOUT_BRANCH)
    seen = outcome([standing(Kind.UNKNOWN)], [same, other], lambda _: True)
    assert (seen.new, seen.still, seen.over) == ((other,), (replace(same, since=NOW),), ())
