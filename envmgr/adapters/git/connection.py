"""Git towards a remote, with what lets it in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envmgr.ports import Remote

from .admission import admission
from .location import Location
from .mirror import make_private, reported
from .process import Answer, Bounds, run

NOWHERE: Mapping[str, str] = {"GIT_DIR": "/dev/null"}  # what makes git belong to no repository


@dataclass(frozen=True, slots=True)
class Connections:
    """Host keys are remembered in `folder`; a server may be silent for `patience` seconds."""

    folder: Path
    patience: float

    def run(
        self,
        remote: Remote,
        location: Location,
        command: Sequence[str],
        bounds: Bounds,
        *,
        where: Mapping[str, str] = NOWHERE,
        stdin: bytes | None = None,
        lock: int | None = None,
    ) -> Answer:
        """Runs git against a remote, in the repository that the variables `where` name."""
        inherit = [] if lock is None else [lock]
        with reported(f"Repository {remote.repository} could not be asked"):
            if location.transport == "ssh":
                make_private(self.folder)
            with admission(remote, location, self.folder / "known_hosts", self.patience) as access:
                return run(command, {**where, **access}, bounds, stdin=stdin, inherit=inherit)
