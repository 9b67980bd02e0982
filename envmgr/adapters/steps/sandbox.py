"""The one place where a step's argv becomes that of a sandbox with the step in it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.ports import Place, SandboxKind

_SECONDS = 10
_WORLD = (
    *("--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),  # noqa: S108  # its own
)
Sandbox = Callable[[Sequence[str], Place], list[str]]
"""Gives the argv that runs an argv confined to a place; raises NeedsPerson where this host cannot."""


def sandbox(kind: SandboxKind, hidden: Sequence[Path] = ()) -> Sandbox:
    """The sandbox of a kind; `hidden` are folders and files that no step may see, unless a place lies within."""
    return Bubblewrap(tuple(hidden)) if kind == "bwrap" else unconfined


def unconfined(argv: Sequence[str], _: Place) -> list[str]:
    """No sandbox: the step may do whatever envmgr's user may."""
    return list(argv)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Confines by bubblewrap: all is read-only but the place, processes are a world of their own, the network stays.

    No `--new-session`: the step has one of its own already, and in another our signals to its group would miss it.
    No `--die-with-parent`: the first process in there is of the group too, and all others die with it; so what a
    step leaves running goes on after a good end, in whatever session it is, and ends with a bad one.
    """

    hidden: tuple[Path, ...]
    program: str = "bwrap"

    def __call__(self, argv: Sequence[str], place: Place) -> list[str]:
        """See `Sandbox`."""
        self._find()
        return [
            self.program,
            *self._options(place),
            "--chdir",
            str(place.directory),
            "--",
            *argv,
        ]

    def check(self) -> str:
        """Its version, where a process can be confined on this host; NeedsPerson where none can."""
        self._find()
        confined = [self.program, *_WORLD, "--", "true"]
        try:
            subprocess.run(confined, capture_output=True, text=True, timeout=_SECONDS, check=True)
            told = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or "nothing").strip()[:200]
            raise NeedsPerson(
                f"{self.program} cannot confine steps on this host ({said}): allow user namespaces "
                "(kernel.unprivileged_userns_clone, AppArmor), or set `sandbox: none`."
            ) from error
        return told.stdout.strip()

    def _find(self) -> None:
        if shutil.which(self.program) is None:
            raise NeedsPerson(
                f"Steps are to run in a sandbox, but {self.program} is not installed: install bubblewrap, "
                "or set `sandbox: none`."
            )

    def _options(self, place: Place) -> Iterator[str]:
        """In this order: a later mount lies over an earlier one."""
        yield from _WORLD
        for path in sorted({path.resolve() for path in self.hidden}):
            yield from _hide(path)
        for folder in (place.checkout, place.home, place.temporary, place.cache):
            yield from ("--bind", str(folder), str(folder))
        for file in place.readable:
            yield from ("--ro-bind", str(file), str(file))


def _hide(path: Path) -> Sequence[str]:
    if path.is_dir():
        return ("--tmpfs", str(path))
    return ("--ro-bind", "/dev/null", str(path)) if path.exists() else ()
