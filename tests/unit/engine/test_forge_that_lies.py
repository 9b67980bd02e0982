"""Whatever a forge answers of a pull request that is open: its environment stays, as long as it does not say of just this one that it is closed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.errors import NeedsPerson, RetryLater, Transient
from envmgr.domain.values.environment import Status
from envmgr.domain.values.forge import ForgePerson, PullRequestState
from tests.support.in_memory.previews import PreviewWorld
from tests.support.memory_forge import MemoryForge, pull_request

_OVER = (PullRequestState.CLOSED, PullRequestState.MERGED)


def _answers(forge: MemoryForge, name: str, answer: Callable[..., object]) -> None:
    setattr(forge, name, answer)


def _empty(forge: MemoryForge) -> None:
    _answers(forge, "open_pull_requests", list)


def _nobody(forge: MemoryForge) -> None:
    forge.requests.clear()


def _another_author(forge: MemoryForge) -> None:
    forge.requests[7] = replace(forge.requests[7], author=ForgePerson("9", "mallory"), state=_OVER[1])


def _another_place(forge: MemoryForge) -> None:
    other = "https://forge.example.com/acme/other/pull/7"
    forge.requests[7] = replace(forge.requests[7], url=other, head="main", state=_OVER[0])


def _another_number(forge: MemoryForge) -> None:
    _empty(forge)
    _answers(forge, "pull_request", lambda number: pull_request(number + 1, state=_OVER[0]))


def _no_number(forge: MemoryForge) -> None:
    _answers(forge, "open_pull_requests", lambda: [pull_request(0), pull_request(10**30)])


def _much(forge: MemoryForge) -> None:
    long = "x" * 1_000_000
    many = [pull_request(n, long, title=long, labels=(long,) * 3) for n in range(100, 160)]
    found = forge.open_pull_requests
    _answers(forge, "open_pull_requests", lambda: [*found(), *many, *found()])


def _away(forge: MemoryForge) -> None:
    forge.broken = Transient("away")


def _refuses(forge: MemoryForge) -> None:
    forge.broken = NeedsPerson("403")


def _asks_for_a_pause(forge: MemoryForge) -> None:
    forge.broken = RetryLater("busy")


LIES = (
    _empty,
    _nobody,
    _another_author,
    _another_place,
    _another_number,
    _no_number,
    _much,
    _away,
    _refuses,
    _asks_for_a_pause,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(LIES), min_size=1, max_size=6))
def test_no_lie_ends_an_environment(lies: list[Callable[[MemoryForge], None]]) -> None:
    """Nor keeps it from what is true afterwards."""
    with TemporaryDirectory() as folder:
        world = PreviewWorld(Path(folder))
        commit = world.opens()
        world.both(2)
        truth, forge = dict(world.forge.requests), world.forge
        for lie in lies:
            lie(forge)
            for _ in range(3):
                world.both(minutes=20)
            assert world.in_cloud("pr-7"), lie
            assert world.environment("pr-7").applied.commit == commit, lie
            forge.requests, forge.broken = dict(truth), None
            for name in ("open_pull_requests", "pull_request"):
                forge.__dict__.pop(name, None)
        world.both(2, minutes=5)
        assert world.environment("pr-7").status is Status.READY
        world.ends()
        world.both(times=6, minutes=10)
        assert not world.in_cloud("pr-7")
        world.check()
