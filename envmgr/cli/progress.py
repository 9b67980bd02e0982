"""What Terraform is doing, while it does it: live on a terminal, plain lines anywhere else."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import Progress

from .screen import printable, say

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_DOING = {"create": "creating", "update": "changing", "delete": "destroying", "read": "reading"}
_LINES = {"apply_start", "apply_progress", "apply_complete", "apply_errored"}
_STAGES = {
    "refresh_start": "Terraform compares the state with what is there",
    "planned_change": "Terraform plans",
    "apply_start": "Terraform applies",
}


@dataclass(frozen=True, slots=True)
class _UnderWay:
    action: str
    since: float = field(default_factory=time.monotonic)


class Display:
    """Shows steps of running Terraforms, from any thread; `several` names the environment with each."""

    def __init__(self, *, several: bool = False) -> None:
        self._several = several
        self._lock = threading.Lock()
        self._under_way: dict[tuple[EnvironmentId, str], _UnderWay] = {}
        self._done = 0
        self._stage = "Reads the repository"
        self._subject = ""
        self._began = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._start_live()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_live()

    def __call__(self, environment: EnvironmentId, step: Progress) -> None:
        """Takes in one step."""
        with self._lock:
            if (
                step.phase != "planned_change" or self._stage != _STAGES["apply_start"]
            ):  # an apply repeats its plan
                self._stage = _STAGES.get(step.phase, self._stage)
            self._track((environment, step.address), step)
        if step.phase in _LINES and (
            self._live is None or step.phase not in {"apply_start", "apply_progress"}
        ):
            self._print(environment, step)

    def turn_to(self, subject: str) -> None:
        """Begins with the next of several, which are done one after the other."""
        with self._lock:
            self._subject, self._stage = f"{subject}: ", _STAGES["refresh_start"]
            self._began = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves the screen to others, as to show a plan and to ask."""
        was_live = self._live is not None
        self._stop_live()
        try:
            yield
        finally:
            if was_live:
                self._start_live()

    def _track(self, key: tuple[EnvironmentId, str], step: Progress) -> None:
        match step.phase:
            case "apply_start":
                self._under_way[key] = _UnderWay(_DOING.get(step.action, step.action))
            case "apply_complete" | "apply_errored":
                self._under_way.pop(key, None)
                self._done += step.phase == "apply_complete"

    def _print(self, environment: EnvironmentId, step: Progress) -> None:
        text = printable(step.text)
        line = f"{environment.short}: {text}" if self._several else text
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
        else:
            say(line)

    def _start_live(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._began = time.monotonic()
        self._live = Live(
            console=Console(stderr=True), get_renderable=self._render, transient=True, refresh_per_second=8
        )
        self._live.start()

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _render(self) -> "RenderableType":
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        now = time.monotonic()
        with self._lock:
            rows = [
                f"  {printable(f'{e.short} ' * self._several + f'{address}: {u.action}')}, {now - u.since:.0f} s"
                for (e, address), u in self._under_way.items()
            ]
            done = f", {self._done} done" if self._done else ""
            head = f"{printable(self._subject)}{self._stage}{done}, {now - self._began:.0f} s"
        spinner = Spinner("dots", Text(head))
        spinner.start_time = self._began
        return Group(spinner, *(Text(row, no_wrap=True, overflow="ellipsis") for row in rows[:15]))
