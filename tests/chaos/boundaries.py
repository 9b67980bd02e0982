"""The step boundaries of a work: every durable write, counted, and death before the one that was chosen."""

import os
import signal
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from envmgr.adapters.state import local
from envmgr.commands.runtime import Runtime

_STORE = (
    "update",
    "start_run",
    "set_child",
    "set_lock",
    "finish_run",
    "record",
    "acquire",
    "release",
    "revise",
)
_GIT = ("fetch", "checkout", "keep", "let_go")
_TERRAFORM = ("plan", "show", "apply", "push_errored_state", "unlock")
# The steps within: archiving is a copy, then a deletion.
_STATE = ("ensure", "put", "delete", "archive", "_copy", "_keep", "_delete")


class Boundaries:
    """Counts the durable writes of this process and kills it before number `chosen`."""

    def __init__(self, chosen: int | None, with_children: bool, last_words: Path) -> None:
        self.writes: list[str] = []
        self._chosen = chosen
        self._with_children = with_children
        self._last_words = last_words

    def lay(self, application: Runtime) -> Runtime:
        """Puts a boundary before every durable write of an application; gives it."""
        services = application.services
        self._wrap(services.store, "store", (*_STORE, "save_repository"))
        self._wrap(services.store.pipeline.releases, "releases", ("note",))
        self._wrap(services.git, "git", _GIT)
        self._wrap(services.binaries, "binaries", ("keep",))
        self._wrap(services.steps, "steps", ("run",))
        self._wrap(local, "state", ("_write",))
        for organization in services.organizations.values():
            self._wrap(organization.terraform, "terraform", _TERRAFORM)
            organization.open_state = self._opening(organization.open_state)
        return application

    def cross(self, name: str) -> None:
        """A boundary: the place to die, or one more write."""
        self.writes.append(name)
        if len(self.writes) != self._chosen:
            return
        self._last_words.write_text(f"died before {name} ({self._chosen})")
        if self._with_children:
            _kill_children()
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # a thread may run on for a moment

    def _wrap(self, owner: Any, name: str, methods: tuple[str, ...]) -> None:
        for method in methods:
            honest = getattr(owner, method, None)
            if honest is not None:
                setattr(owner, method, self._crossing(f"{name}.{method}", honest))

    def _crossing(self, name: str, honest: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(honest)
        def call(*args: Any, **options: Any) -> Any:
            self.cross(name)
            return honest(*args, **options)

        return call

    def _opening(self, honest: Callable[..., Any]) -> Callable[..., Any]:
        def open_state(*args: Any) -> Any:
            store = honest(*args)
            self._wrap(store, "state", _STATE)
            if hasattr(store, "_s3"):
                self._wrap(store._s3, "state", ("delete_object",))
            return store

        return open_state


def _kill_children() -> None:
    """SIGKILL for every process that this one started, and for what these started."""
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if os.getpgid(int(pid)) == int(pid):
                os.killpg(int(pid), signal.SIGKILL)
