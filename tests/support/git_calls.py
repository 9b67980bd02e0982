"""Counting the git processes that the mirrors start."""

from collections.abc import Callable

import pytest

from envmgr.adapters.git import connection, mirror, mirrors


def count_git(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts git processes: every one is started by `run`."""
    started: list[str] = []
    for place in (connection, mirrors, mirror):
        real = place.run

        def counted(arguments: list[str], *rest: object, real: Callable = real, **more: object) -> object:
            started.append(arguments[0])
            return real(arguments, *rest, **more)

        monkeypatch.setattr(place, "run", counted)
    return started
