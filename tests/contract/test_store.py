"""What every store promises of environments: one suite over memory, SQLite and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

import pytest

from envmgr.domain.errors import UsageError
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.environment import Environment, Event, Guard, Output, RepositoryState, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import Store
from tests.support.records import altered, recorded
from tests.support.store import (
    ALICE,
    CLAIM,
    COMMIT,
    MINUTE,
    NOW,
    SECOND,
    SHOP,
    get,
    having,
    look,
    seen,
)


def test_an_empty_store_knows_nothing(store: Store) -> None:
    """Nothing is made up."""
    assert list(store.environments(destroyed=True)) == []
    assert store.environment(ALICE) is None
    assert store.repository(SHOP) == RepositoryState()
    assert store.leases(NOW) == {}
    assert list(store.runs()) == []
    assert list(store.events()) == []
    assert store.run(1) is None


class TestEnvironments:
    """Records of environments."""

    def test_a_new_environment_comes_back_as_it_was(self, store: Store) -> None:
        """All fields, with times to the microsecond."""
        desired = recorded(
            id=ALICE,
            branch="env-alice\udcff",
            commit=COMMIT,
            status=Status.FAILED,
            message="50 % {of} 'it' \0 failed\nthere: ü 🙂",
            absences=2,
            absent_since=NOW,
            refused="",
            claim=CLAIM,
            applied_commit="d" * 40,
            applied_fingerprint="e" * 64,
            applied_inputs="f" * 64,
            outputs={
                "url": Output("https://x"),
                "n": Output({"a": [1, 2.5]}),
                "key": Output(None, sensitive=True),
            },
            resources=("a.b", 'a.c["x\ny"]'),
            url="https://x",
            suspended="by hand",
            suspended_commit="1" * 40,
            hold=Guard.LIMIT,
            approved=Guard.MASS_DESTROY,
            failures=3,
            failed_on=f"{COMMIT}:x",
            retry_at=NOW + SECOND,
            expires_at=NOW + MINUTE,
            pushed_at=NOW - SECOND,
            created_at=NOW - MINUTE,
            updated_at=NOW,
        )
        store.revise(SHOP, lambda _: Observed(new=(desired,)))
        assert get(store) == desired
        assert list(store.environments()) == [desired]
        assert get(store).life.created_at.tzinfo is UTC

    def test_a_claim_from_the_store_can_be_changed_as_any_other(
        self, store: Store, alice: Environment
    ) -> None:
        """It is a value of the domain, however the store keeps it."""
        claim = store.update(ALICE, None, NOW, having(claim=CLAIM)).claim
        assert claim is not None
        assert replace(claim, fingerprint="0") == replace(CLAIM, fingerprint="0")
        assert repr(get(store).claim).endswith(repr(CLAIM).removeprefix("Claim"))
        assert get(store).claim != replace(CLAIM, lock_file=None)

    def test_listed_by_name_and_filtered(self, store: Store) -> None:
        """By organization, repository and whether they are destroyed."""
        web, other = RepositoryId("acme", "web"), RepositoryId("other", "shop")
        for repository, branch in [
            (web, "env-a"),
            (SHOP, "env-b2"),
            (SHOP, "env-b-1"),
            (other, "env-z"),
            (SHOP, "env-a"),
        ]:
            seen(store, branch, repository)
        store.update(EnvironmentId("acme", "shop", "a"), None, NOW, having(status=Status.DESTROYED))

        def names(**filters: object) -> list[str]:
            return [str(e.id) for e in store.environments(**filters)]  # type: ignore[arg-type]

        assert names() == ["acme/shop/b-1", "acme/shop/b2", "acme/web/a", "other/shop/z"]
        assert names(organization="other") == ["other/shop/z"]
        assert names(repository=SHOP) == ["acme/shop/b-1", "acme/shop/b2"]
        assert names(repository=SHOP, destroyed=True) == ["acme/shop/a", "acme/shop/b-1", "acme/shop/b2"]
        assert names(repository=SHOP, organization="other") == []

    def test_touched_since(self, store: Store, alice: Environment) -> None:
        """Repositories, each once, whoever wrote: a new branch, an update, a destroy."""
        web = RepositoryId("acme", "web")
        look(store, {"env-x": COMMIT, "env-y": COMMIT}, repository=web, now=NOW + SECOND)
        assert list(store.touched(NOW)) == [SHOP, web]
        assert list(store.touched(NOW + SECOND)) == [web]
        assert list(store.touched(NOW + MINUTE)) == []
        store.update(ALICE, None, NOW + MINUTE, having(status=Status.DESTROYED))
        assert list(store.touched(NOW + MINUTE)) == [SHOP]

    def test_each_write_has_a_mark_of_its_own(self, store: Store, alice: Environment) -> None:
        """Also one that says the same time, and one that changes nothing; nobody else's write changes it."""
        marks = [store.touched(NOW)[SHOP]]
        for message in ("x", "x", "y"):
            store.update(ALICE, None, NOW, having(message=message))
            marks.append(store.touched(NOW)[SHOP])
        look(store, {"env-alice": "b" * 40})
        marks.append(store.touched(NOW)[SHOP])
        assert len(set(marks)) == len(marks)
        seen(store, "env-bob", RepositoryId("acme", "web"))
        assert store.touched(NOW)[SHOP] == marks[-1]

    def test_update_writes_the_named_fields_only(self, store: Store, alice: Environment) -> None:
        """And gives the environment as it is then."""
        later = NOW + SECOND
        after = store.update(
            ALICE, None, later, having(status=Status.READY, claim=CLAIM, message="x", hold=None)
        )
        assert after == replace(alice, status=Status.READY, claim=CLAIM, message="x", updated_at=later)
        assert get(store) == after
        assert store.update(ALICE, None, later, having(claim=None)).claim is None

    def test_an_update_is_made_of_what_is_recorded_by_then(self, store: Store, alice: Environment) -> None:
        """Not of what its writer read earlier: a push that came meanwhile stays."""
        look(store, {"env-alice": "b" * 40}, now=NOW + SECOND)
        after = store.update(ALICE, None, NOW + MINUTE, lambda e: replace(e, message=f"at {e.commit[:3]}"))
        assert (after.commit, after.message) == ("b" * 40, "at bbb")
        assert get(store) == after

    def test_an_update_that_raises_writes_nothing(self, store: Store, alice: Environment) -> None:
        """Neither its event: whoever finds that it is too late changes nothing."""

        def too_late(environment: Environment) -> Environment:
            raise UsageError("too late")

        event = Event(at=NOW, environment=ALICE, action="x", message="x", actor="x")
        with pytest.raises(UsageError, match="too late"):
            store.update(ALICE, None, NOW, too_late, event)
        assert get(store) == alice
        assert store.events(ALICE) == []

    def test_an_update_stays_with_its_environment(self, store: Store, alice: Environment) -> None:
        """A change that gives another's record is a mistake of ours, and the time of writing is the store's."""
        other = EnvironmentId("acme", "shop", "bob")
        with pytest.raises(ValueError, match="acme/shop/bob"):
            store.update(ALICE, None, NOW, having(id=other))
        assert get(store) == alice
        assert store.update(ALICE, None, NOW + SECOND, having(updated_at=NOW)).updated_at == NOW + SECOND

    def test_update_of_nothing_says_so(self, store: Store) -> None:
        """An update makes no environment."""
        with pytest.raises(UsageError, match="acme/shop/alice"):
            store.update(ALICE, None, NOW, having(message="x"))
        assert store.environment(ALICE) is None


class TestRevise:
    """What a look at the remote may change."""

    def test_gets_all_of_its_repository(self, store: Store, alice: Environment) -> None:
        """Destroyed ones too, other repositories' not."""
        seen(store, "env-x", RepositoryId("acme", "web"))
        store.update(ALICE, None, NOW, having(status=Status.DESTROYED))
        got: list[str] = []

        def revision(known: Sequence[Environment]) -> Observed:
            got[:] = [e.id.name for e in known]
            return Observed()

        assert store.revise(SHOP, revision) == Observed()
        assert got == ["alice"]

    def test_writes_the_observed_columns_only(self, store: Store, alice: Environment) -> None:
        """Whatever else the revision says belongs to the holder of the lease."""
        claimed = store.update(
            ALICE, None, NOW, having(claim=CLAIM, message="mine", status=Status.RUNNING, failures=2)
        )
        desired = {
            "branch": "env-Alice",
            "commit": "9" * 40,
            "absences": 1,
            "absent_since": NOW,
            "hold": Guard.LIMIT,
            "approved": Guard.LIMIT,
            "pushed_at": NOW + SECOND,
            "updated_at": NOW + MINUTE,
        }
        foreign = {"claim": None, "message": "theirs", "status": Status.READY, "failures": 0, "url": "x"}
        store.revise(SHOP, lambda known: Observed(changed=(altered(known[0], **desired, **foreign),)))
        assert get(store) == altered(claimed, **desired)

    def test_a_refusal_writes_status_and_message(self, store: Store, alice: Environment) -> None:
        """So does the end of a refused one; neither touches the rest."""
        refused = altered(
            alice, refused="two branches", status=Status.FAILED, message="two branches", url="x"
        )
        store.revise(SHOP, lambda _: Observed(changed=(refused,)))
        assert get(store) == altered(refused, url=None)
        gone = replace(get(store), refused="", status=Status.DESTROYED, message="gone")
        store.revise(SHOP, lambda _: Observed(changed=(gone,)))
        assert get(store) == gone

    def test_a_destroyed_environment_is_opened_again(self, store: Store, alice: Environment) -> None:
        """With nothing left of its former life."""
        store.update(
            ALICE,
            None,
            NOW,
            having(status=Status.DESTROYED, outputs={"a": Output(1)}, applied_commit=COMMIT, failures=4),
        )
        later = NOW + MINUTE
        look(store, {"env-alice": "7" * 40}, now=later)
        assert get(store) == altered(
            alice, commit="7" * 40, pushed_at=later, created_at=later, updated_at=later
        )

    def test_a_refused_environment_whose_name_is_free_is_opened(
        self, store: Store, alice: Environment
    ) -> None:
        """The branch gets its environment."""
        refused = replace(alice, refused="taken", status=Status.FAILED, message="taken")
        store.revise(SHOP, lambda _: Observed(changed=(refused,)))
        look(store, {"env-alice": COMMIT}, now=NOW + MINUTE)
        opened = get(store)
        assert (opened.status, opened.message, opened.refused) == (Status.PENDING, "", "")

    def test_a_failing_revision_changes_nothing(self, store: Store, alice: Environment) -> None:
        """And the store works on."""

        def revision(known: Sequence[Environment]) -> Observed:
            raise RuntimeError("lost")

        with pytest.raises(RuntimeError, match="lost"):
            store.revise(SHOP, revision)
        assert store.update(ALICE, None, NOW, having(message="on")).message == "on"

    def test_what_a_revision_changes_is_told_along_with_it(self, store: Store, alice: Environment) -> None:
        """Nothing where nothing changes; and where it cannot be told, nothing is changed."""
        moved = replace(alice, commit="9" * 40)

        def tell(known: Sequence[Environment], observed: Observed) -> list[Event]:
            (before,), (now,) = known, observed.changed
            message = f"{before.commit} {now.commit}"
            return [Event(at=NOW, environment=ALICE, action="pushed", message=message, actor="git")]

        def fail(_: Sequence[Environment], __: Observed) -> list[Event]:
            raise RuntimeError("speechless")

        store.revise(SHOP, lambda _: Observed(), tell)
        with pytest.raises(RuntimeError, match="speechless"):
            store.revise(SHOP, lambda _: Observed(changed=(moved,)), fail)
        assert (get(store), list(store.events())) == (alice, [])
        store.revise(SHOP, lambda _: Observed(changed=(moved,)), tell)
        (event,) = store.events()
        assert (get(store).commit, event.message) == (moved.commit, f"{alice.commit} {moved.commit}")

    def test_many_new_at_once(self, store: Store) -> None:
        """A first look at a large repository."""
        look(store, {f"env-e{number}": COMMIT for number in range(300)})
        assert len(store.environments(repository=SHOP)) == 300
