"""What is kept of modules, binaries, releases and providers while an environment uses them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


class Modules(Protocol):
    """The Terraform modules that come with envmgr, kept by content while in use."""

    def tree(self, name: str) -> str:
        """What identifies a module's content now; raises NeedsPerson where there is no such module."""
        ...

    def keep(self, name: str) -> str:
        """Keeps the module as it is now; gives its tree."""
        ...

    def checkout(self, name: str, tree: str, destination: Path) -> None:
        """Makes `destination` hold exactly a kept version's files."""
        ...

    def export(self, name: str, tree: str, archive: Path) -> None:
        """Writes a kept version's files to a tar archive."""
        ...

    def unpack(self, archive: Path, tree: str, destination: Path) -> None:
        """Makes `destination` hold what `export` archived; NeedsPerson where it is not the module of this tree."""
        ...

    def prune(self, used: Iterable[tuple[str, str]]) -> int:
        """Deletes kept versions that are not among the used (name, tree); gives their number."""
        ...


class Binaries(Protocol):
    """Terraform binaries kept by version."""

    def keep(self, binary: str, version: str) -> None:
        """Keeps a binary under its version."""
        ...

    def find(self, version: str) -> str | None:
        """The path of a kept version."""
        ...

    def prune(self, used: Iterable[str]) -> int:
        """Deletes versions that are not among the used; gives their number."""
        ...


class Providers(Protocol):
    """Terraform providers, shared by all environments."""

    def shared(self) -> Path:
        """The folder that every environment's Terraform reads, and none writes to; made where it is missing."""
        ...

    def prune(self, lock_files: Iterable[str], data_folders: Callable[[], Iterable[Path]], age: float) -> int:
        """Deletes what nothing has used for `age` seconds; gives its number.

        In use is what the texts of Terraform's lock files select, and what its data folders link to.
        """
        ...


ToolName = Literal["terraform", "opentofu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersion:
    """A version that is kept here: where it is, and how large (bytes)."""

    version: str
    path: str
    size: int


class Releases(Protocol):
    """The versions of one tool: those that a source offers, and those that are kept."""

    @property
    def tool(self) -> ToolName:
        """Which tool it is."""
        ...

    @property
    def place(self) -> str:
        """Where they are kept: the same for all that trust the same keys."""
        ...

    def offered(self) -> Sequence[str]:
        """What the source offers, as of an hour ago at most; raises Transient where it does not answer."""
        ...

    def kept(self) -> Sequence[KeptVersion]:
        """What is kept here, the oldest first."""
        ...

    def find(self, version: str) -> str | None:
        """The path of a version that is kept; None where it is not."""
        ...

    def install(self, version: str) -> str:
        """Fetches and verifies a version, unless it is kept; gives its path.

        :raises Transient: the source does not answer
        :raises NeedsPerson: it has no such version, or what it gave is not what its makers signed
        """
        ...

    def prune(self, used: Collection[str]) -> int:
        """Removes versions that are not among the used and that nothing has asked for in a while; gives their number."""
        ...

    def remove(self, version: str) -> bool:
        """Removes a version; False where it was not kept."""
        ...
