"""The order in which several workers run the suite: what takes long begins first, or the others would wait for it in the end."""

from collections.abc import Sequence
from itertools import chain, groupby

import pytest

_LONG = 180
"""A test that may take so many seconds is long, and its file with it."""


def long_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The items with each long file at the head of a worker's share: pytest-xdist gives each an equal slice to begin with.

    A file stays together, as its fixtures are shared.
    """
    files = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    long = [file for file in files if any(_patience(item) >= _LONG for item in file)]
    rest = [item for file in files if file not in long for item in file]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        head = list(chain.from_iterable(long[worker::workers]))
        room = max(0, len(items) // workers - len(head))
        ordered += [*head, *rest[:room]]
        del rest[:room]
    return ordered + rest


def _patience(item: pytest.Item) -> float:
    """How long it may take by its own mark, in seconds."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None and mark.args else 0
