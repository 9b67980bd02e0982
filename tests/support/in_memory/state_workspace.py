"""A backend in memory and the Terraform in memory that keeps state in it, as `tests.support.state_backends` has them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from envmgr.ports import StateStore, Watch, Workspace
from tests.support.state_backends import KEY, PATIENCE, Backend

from .cloud import MemoryCloud
from .processes import Host
from .states import StatePlace
from .terraform import MemoryTerraform, Point


class MemoryBackend(Backend):
    """See `Backend`: a place of a test's own that does not exist yet."""

    def __init__(self) -> None:
        super().__init__("memory", {"place": StatePlace()}, {})

    @property
    def place(self) -> StatePlace:
        """Where everything is."""
        found = self.settings["place"]
        assert isinstance(found, StatePlace)
        return found

    def store(self) -> StateStore:
        """A store over it, new each time."""
        return self.place.open()

    def workspace(self, folder: Path, binary: str, key: str = KEY) -> "MemoryWorkspace":
        """One environment's code, run by the Terraform in memory."""
        del binary
        return MemoryWorkspace(folder, self, key)


class _Dead(BaseException):
    """It was killed where it is."""


class MemoryWorkspace:
    """See `tests.support.state_backends.Workspace`."""

    def __init__(self, folder: Path, backend: MemoryBackend, key: str) -> None:
        self.folder, self.backend, self.key = folder, backend, key
        self._terraform = MemoryTerraform(Host(_now), MemoryCloud(), lambda _: (backend.place, key), _now)
        self._go_on, self._is_killed = Event(), False
        folder.mkdir()
        self.write('resource "terraform_data" "one" {}\noutput "url" { value = "http://alice" }\n')

    def write(self, code: str) -> None:
        """Replace the code."""
        (self.folder / "main.tf").write_text(code)

    def apply(self, *, destroy: bool = False) -> None:
        """Apply the code."""
        watch, out = Watch(log=self.folder / "log"), self.folder / uuid4().hex
        planned = self._terraform.plan(self._workspace, out, watch, destroy=destroy)
        self._terraform.apply(self._workspace, planned.file, watch)

    def destroy(self) -> None:
        """Destroy all of it."""
        self.apply(destroy=True)

    def pulled(self) -> dict[str, Any]:
        """The state as Terraform sees it."""
        found: dict[str, Any] = json.loads(self.backend.place.objects[self.key])
        return found

    def force_unlock(self, lock_id: str) -> None:
        """Break a lock."""
        self._terraform.unlock(self._workspace, lock_id, Watch(log=self.folder / "log"))

    def has_changes(self) -> bool:
        """Whether a plan of the code would change anything."""
        watch = Watch(log=self.folder / "log")
        return self._terraform.plan(self._workspace, self.folder / uuid4().hex, watch).has_changes

    @contextmanager
    def applying(self) -> Iterator["MemoryWorkspace"]:
        """An apply that has its lock, and does not end before the block does."""
        self.write('resource "terraform_data" "slow" {}\n')
        reached = Event()

        def at(point: Point) -> None:
            if (point.command, point.step) == ("apply", "locked"):
                reached.set()
                assert self._go_on.wait(PATIENCE)
                if self._is_killed:
                    raise _Dead

        self._terraform.at = at
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(self.apply)
            try:
                assert reached.wait(PATIENCE)
                yield self
            finally:
                self._go_on.set()
                assert isinstance(ended.exception(PATIENCE), _Dead) is self._is_killed
                self._terraform.at = lambda _: None

    def kill(self) -> None:
        """It dies where it is."""
        self._is_killed = True
        self._go_on.set()

    @property
    def _workspace(self) -> Workspace:
        return Workspace(
            root=self.folder,
            data=self.folder / "data",
            binary="terraform",
            backend=("memory", {"key": self.key}),
            variables={},
            environment={},
        )


def _now() -> datetime:
    return datetime.now(UTC)
