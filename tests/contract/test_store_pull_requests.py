"""What every store keeps of pull requests."""

from dataclasses import replace
from datetime import timedelta

from envmgr.domain.values.environment import OriginKind, Status
from envmgr.domain.values.forge import (
    ApprovedHead,
    Command,
    CommandStatus,
    KnownPullRequest,
    Permission,
    PullRequestState,
)
from envmgr.ports import Store
from tests.support.memory_forge import pull_request
from tests.support.store import MINUTE, NOW, SHOP, having, seen

ODD = "ä \0 \udcff '; DROP TABLE pull_requests --"
COMMAND = Command(comment="17", at=NOW, by="github:alice", verb="apply", request=3, message=ODD)


def known(number: int = 7, **changes: object) -> KnownPullRequest:
    """A pull request that was just told of."""
    told = pull_request(number, ODD, title=ODD, labels=(ODD, "x"), commit="a" * 40, updated_at=NOW)
    made = KnownPullRequest(repository=SHOP, told=told, first_seen_at=NOW, seen_at=NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


def put(store: Store, made: KnownPullRequest) -> KnownPullRequest | None:
    """Has a store keep a pull request."""
    return store.pull_requests.change(SHOP, made.number, lambda _: made)


def test_what_was_told_is_kept_exactly(store: Store) -> None:
    """Of each repository by number; what is the same is not written, and nothing is where nothing was told."""
    full = known(
        9,
        permission=Permission.WRITE,
        closed=2,
        closed_at=NOW,
        is_lost=True,
        approved=ApprovedHead("b" * 40, ODD, NOW),
        read_until=NOW,
        read=("1", ODD),
        commands=(COMMAND, replace(COMMAND, request=None, status=CommandStatus.REFUSED, answered=True)),
    )
    for each in (full, known()):
        assert put(store, each) == each
    assert store.pull_requests.all(SHOP) == [known(), full]
    assert store.pull_requests.get(SHOP, 9) == full
    assert store.pull_requests.get(SHOP, 8) is None
    assert store.pull_requests.all(replace(SHOP, name="other")) == []


def test_a_change_sees_what_is_there_and_may_leave_it(store: Store) -> None:
    """None changes nothing, also where there is nothing."""
    assert store.pull_requests.change(SHOP, 7, lambda _: None) is None
    store.pull_requests.change(SHOP, 7, lambda _: known())
    changed = store.pull_requests.change(SHOP, 7, lambda k: k and replace(k, closed=k.closed + 1))
    assert changed == store.pull_requests.get(SHOP, 7) == known(closed=1)
    assert store.pull_requests.change(SHOP, 7, lambda _: None) == changed


def test_closed_ones_are_forgotten_once_nothing_is_left_of_them(store: Store) -> None:
    """An open one never is, nor one whose environment is still there."""
    closed = replace(known().told, state=PullRequestState.CLOSED)
    for number in (1, 2):
        put(store, known(told=replace(closed, number=number)))
    put(store, known(3))
    environment = seen(store, "env-alice")
    store.update(environment.id, None, NOW, having(origin=OriginKind.PULL_REQUEST, number=2))
    store.prune(NOW + MINUTE)
    assert [each.number for each in store.pull_requests.all(SHOP)] == [2, 3]
    store.update(environment.id, None, NOW, having(status=Status.DESTROYED))
    store.prune(NOW + timedelta(seconds=1))
    assert [each.number for each in store.pull_requests.all(SHOP)] == [3]
