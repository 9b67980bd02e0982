"""Credentials of a run: files that only we write, renewed while the run lasts, gone after it."""

import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from envmgr.domain.errors import Transient
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.names import EnvironmentId
from envmgr.host.credentials.issued import FOLDER, Issued, IssuedForRuns
from envmgr.ports import Holder
from tests.support.waiting import wait_for

ALICE = EnvironmentId("acme", "shop", "alice", "api")


class Counting:
    """Gives a number more each time; those in `fails` fail."""

    def __init__(self, lasts: float = 3600, fails: frozenset[int] = frozenset()) -> None:
        self.lasts = timedelta(seconds=lasts)
        self.fails = fails
        self.number = 0

    def issue(self, folder: Path) -> Issued:
        self.number += 1
        if self.number in self.fails:
            raise Transient("It is away.")
        return Issued(
            files={"key": f"secret-{self.number}"}, secrets=(f"secret-{self.number}",), lasts=self.lasts
        )

    def environment(self, given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        return {**given, "KEY_FILE": str(folder / "key")}


@contextmanager
def signed_in(folder: Path, issuer: Counting, told: list[str]) -> Iterator[Path]:
    holder = Holder(environment=ALICE, backend=("local", {}), learn=told.extend)
    sign_in = IssuedForRuns(folder / "credentials", lambda *_: [issuer])
    with sign_in(holder, Credentials.WRITING, {"A": "1"}) as environment:
        assert environment["A"] == "1"
        key = Path(environment["KEY_FILE"])
        assert Path(environment[FOLDER]) == key.parent
        yield key


def test_only_its_owner_can_read_them_and_they_go_with_the_run(tmp_path: Path) -> None:
    told: list[str] = []
    with signed_in(tmp_path, Counting(), told) as key:
        assert key.read_text() == "secret-1"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        folders = [path for path in key.parents if path.is_relative_to(tmp_path / "credentials")]
        assert len(folders) == 5
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert told == ["secret-1"]
    assert not key.parent.exists()


def _newer(key: Path) -> str | None:
    return None if (found := key.read_text()) == "secret-1" else found


def test_they_are_renewed_at_half_their_time_and_learned_as_secrets(tmp_path: Path) -> None:
    told: list[str] = []
    with signed_in(tmp_path, Counting(lasts=2), told) as key:
        assert wait_for(partial(_newer, key)) == "secret-2"
    assert told[:2] == ["secret-1", "secret-2"]


def test_what_cannot_be_renewed_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envmgr.host.credentials.issued._AGAIN", 0.05)
    with signed_in(tmp_path, Counting(lasts=2, fails=frozenset({2, 3})), []) as key:
        assert wait_for(partial(_newer, key)) == "secret-4"


def test_a_mistake_in_a_renewal_ends_no_renewing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run would go on with what it has until that ends; and what a library says may hold a secret."""
    monkeypatch.setattr("envmgr.host.credentials.issued._AGAIN", 0.05)
    issuer = Counting(lasts=2)
    before, issue = issuer.issue, iter([KeyError("secret-0")])

    def mistaken(folder: Path) -> Issued:
        if issuer.number and (error := next(issue, None)) is not None:
            raise error
        return before(folder)

    monkeypatch.setattr(issuer, "issue", mistaken)
    with signed_in(tmp_path, issuer, []) as key:
        assert wait_for(partial(_newer, key)) == "secret-2"
    said = capsys.readouterr().out
    assert "Unexpected KeyError" in said
    assert "secret-0" not in said


def test_without_credentials_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="away"), signed_in(tmp_path, Counting(fails=frozenset({1})), []):
        pytest.fail("it ran")


def test_what_needs_none_asks_for_none(tmp_path: Path) -> None:
    """It is told of the same files, which are not there."""
    issuer, told = Counting(), list[str]()
    holder = Holder(environment=ALICE, backend=("local", {}), learn=told.extend)
    sign_in = IssuedForRuns(tmp_path / "credentials", lambda *_: [issuer])
    with sign_in(holder, Credentials.NONE, {"A": "1"}) as environment:
        assert not Path(environment["KEY_FILE"]).exists()
    assert (issuer.number, told) == (0, [])


def test_where_there_is_no_issuer_the_variables_stay(tmp_path: Path) -> None:
    sign_in = IssuedForRuns(tmp_path / "credentials", lambda *_: [])
    with sign_in(
        Holder(environment=ALICE, backend=("local", {})), Credentials.READING, {"A": "1"}
    ) as environment:
        assert environment == {"A": "1"}
    assert not (tmp_path / "credentials").exists()


def test_what_is_adopted_is_renewed_where_its_program_reads(tmp_path: Path) -> None:
    """Whoever had started it died in the middle: a long apply goes on with what the next envmgr is given."""
    died = signed_in(tmp_path, Counting(), [])
    key = died.__enter__()
    folder = key.parent.stat().st_ino
    told: list[str] = []
    issuer = Counting(lasts=2)
    issuer.number = 6
    with signed_in(tmp_path, issuer, told) as adopted:
        assert adopted == key
        assert key.read_text() == "secret-7"
        assert key.parent.stat().st_ino == folder, "a cage shows that folder, by whatever name"
        deadline = time.monotonic() + 20
        while key.read_text() == "secret-7" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert key.read_text() == "secret-8"
    assert told == ["secret-7", "secret-8"]
    died.__exit__(None, None, None)


def test_init_is_told_nothing_that_its_state_does_not_need(tmp_path: Path) -> None:
    given: list[Mapping[str, str]] = []
    holder = Holder(environment=ALICE, backend=("local", {}))

    def none(_holder: Holder, _use: Credentials, environment: Mapping[str, str]) -> list[Counting]:
        given.append(environment)
        return []

    sign_in = IssuedForRuns(tmp_path / "credentials", none)
    variables = {"AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "r"}
    with sign_in(holder, Credentials.BACKEND, variables) as environment:
        assert environment == {"AWS_REGION": "r"}
    with sign_in(holder, Credentials.READING, variables) as environment:
        assert environment == variables
    assert given == [{"AWS_REGION": "r"}, variables]
