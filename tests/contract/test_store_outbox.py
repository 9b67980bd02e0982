"""What every store keeps of what forges are to be told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from envmgr.domain.values.digest import digest
from envmgr.domain.values.forge.report import CommitStatus, DeploymentReport, ReportState
from envmgr.domain.values.forge.telling import CommentText, Document, Target, Telling, TellingKind, Untold
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Store
from tests.support.store import COMMIT, MINUTE, NOW, OURS, SHOP, THEIRS, in_threads

ODD = "ä \0 \udcff '; DROP TABLE tellings --"
STATUS = Target(SHOP, TellingKind.STATUS, "envmgr/alice", COMMIT)
PENDING = CommitStatus(
    commit=COMMIT, context="envmgr/alice", state=ReportState.PENDING, sentence=ODD, url="", number=7
)
DEPLOYED = DeploymentReport(
    environment="alice", commit=COMMIT, ref=ODD, state=ReportState.INACTIVE, sentence=ODD, is_transient=True
)
TEXT = CommentText(number=7, text=f"{ODD}\n" * 100, mark="m", creates=False)


def row(document: Document = PENDING, target: Target = STATUS, since: timedelta = timedelta()) -> Telling:
    """A row of which nothing was said yet."""
    return Telling(target=target, document=document, digest=digest(repr(document)), since=NOW + since)


def want(store: Store, *rows: Telling, forget: Iterable[Target] = ()) -> bool:
    """Writes rows."""
    return store.outbox.revise(rows[0].target.repository if rows else SHOP, lambda _: (rows, list(forget)))


def test_rows_come_back_as_they_went_in(store: Store) -> None:
    """Of each kind, in the order in which they are to be said; those of another repository are none of this."""
    rows = [
        row(),
        row(DEPLOYED, Target(SHOP, TellingKind.DEPLOYMENT, "alice", COMMIT), since=MINUTE),
        row(TEXT, Target(SHOP, TellingKind.COMMENT, "7"), since=2 * MINUTE),
    ]
    other = row(target=Target(RepositoryId("acme", "web"), TellingKind.STATUS, "x", COMMIT), since=-MINUTE)
    assert want(store, *reversed(rows))
    assert want(store, other)
    assert sorted(store.outbox.of(SHOP), key=lambda t: t.since) == rows
    assert store.outbox.waiting() == [other, *rows]
    assert not want(store)


def test_the_newest_text_stands_and_what_was_said_stays(store: Store) -> None:
    """Also while it is being said: then it waits at once."""
    want(store, row())
    taken = store.outbox.take(store.outbox.of(SHOP)[0], OURS, NOW + MINUTE)
    assert taken is not None
    newer = row(replace(PENDING, state=ReportState.SUCCESS), since=MINUTE)
    want(store, newer)
    store.outbox.told(taken, "remote-1")
    (found,) = store.outbox.waiting()
    assert (found.document, found.said, found.remote, found.owner) == (
        newer.document,
        taken.digest,
        "remote-1",
        None,
    )
    assert found.began
    again = store.outbox.take(found, OURS, NOW + MINUTE)
    assert again is not None
    store.outbox.told(again, "remote-1")
    assert store.outbox.waiting() == []
    assert store.outbox.of(SHOP)[0].is_said


def test_one_process_says_it(store: Store) -> None:
    """Of many who saw it free one has it; another may take it over, and then the first has no say any more."""
    want(store, row())
    seen = store.outbox.of(SHOP)[0]
    taken = in_threads(lambda owner: store.outbox.take(seen, owner, NOW + MINUTE), [OURS, THEIRS] * 4)
    (first,) = [each for each in taken if each is not None]
    over = store.outbox.take(first, THEIRS, NOW + 5 * MINUTE)
    assert over is not None
    store.outbox.told(first, "late")
    store.outbox.not_told(replace(first, error="late", tries=9))
    (found,) = store.outbox.waiting()
    assert found == over


def test_what_was_not_said_says_why_and_since_when_until_it_is(store: Store) -> None:
    """What is refused does not wait any more; with another text it does."""
    want(store, row())
    taken = store.outbox.take(store.outbox.of(SHOP)[0], OURS, NOW + MINUTE)
    assert taken is not None
    store.outbox.not_told(replace(taken, tries=2, next_try=NOW + MINUTE, error=ODD))
    (found,) = store.outbox.waiting()
    assert (found.tries, found.next_try, found.error, found.owner) == (2, NOW + MINUTE, ODD, None)
    assert list(store.outbox.unsaid(SHOP)) == [Untold(ODD, NOW)]
    taken = store.outbox.take(found, OURS, NOW + MINUTE)
    assert taken is not None
    store.outbox.not_told(replace(taken, refused=taken.digest, error="no"))
    assert store.outbox.waiting() == []
    assert list(store.outbox.unsaid(SHOP)) == [Untold("no", NOW)]
    assert store.outbox.all_unsaid() == {SHOP: [Untold("no", NOW)]}
    newer = row(replace(PENDING, sentence="another"), since=MINUTE)
    other = row(replace(PENDING, sentence="other"), Target(SHOP, TellingKind.STATUS, "x", COMMIT), MINUTE)
    want(store, newer, other)
    found = store.outbox.waiting()[0]
    assert (found.digest, found.tries, found.next_try, found.refused) == (newer.digest, 0, None, "")
    assert list(store.outbox.unsaid(SHOP)) == [Untold("no", NOW)]
    taken = store.outbox.take(found, OURS, NOW + MINUTE)
    assert taken is not None
    store.outbox.told(taken, "")
    assert list(store.outbox.unsaid(SHOP)) == []
    want(store, row(since=2 * MINUTE))
    assert [t.since for t in store.outbox.waiting()] == [NOW + MINUTE, NOW + 2 * MINUTE]


def test_what_was_not_said_for_one_reason_is_counted_by_repository(store: Store) -> None:
    """Since when the first of it waits; the longest wait first."""
    web = RepositoryId("acme", "web")
    for number, (repository, error) in enumerate([(SHOP, "a"), (SHOP, "b"), (SHOP, "a"), (web, "a")]):
        target = Target(repository, TellingKind.STATUS, f"x{number}", COMMIT)
        each = replace(row(since=number * MINUTE), target=target)
        store.outbox.revise(repository, lambda _, each=each: ([each], []))  # type: ignore[misc]
        (found,) = [t for t in store.outbox.of(repository) if t.target == target]
        taken = store.outbox.take(found, OURS, NOW + MINUTE)
        assert taken is not None
        store.outbox.not_told(replace(taken, error=error))
    told = {repository: list(found) for repository, found in store.outbox.all_unsaid().items()}
    shop = [Untold("a", NOW, 2), Untold("b", NOW + MINUTE, 1)]
    assert told == {SHOP: shop, web: [Untold("a", NOW + 3 * MINUTE, 1)]}
    assert list(store.outbox.unsaid(SHOP)) == shop


def test_a_last_word_takes_the_row_with_it(store: Store) -> None:
    """Unless there is another by then; what is being said is not forgotten meanwhile."""
    want(store, replace(row(), is_last=True))
    taken = store.outbox.take(store.outbox.of(SHOP)[0], OURS, NOW + MINUTE)
    assert taken is not None
    want(store, forget=[STATUS])
    assert store.outbox.of(SHOP)
    store.outbox.told(taken, "")
    assert store.outbox.of(SHOP) == []
    want(store, row())
    want(store, forget=[STATUS])
    assert store.outbox.of(SHOP) == []
