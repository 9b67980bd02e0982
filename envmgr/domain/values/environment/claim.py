"""What destroying an environment needs, and what of its code and of its outputs it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from envmgr.domain.values.declared import Untaken


class SourceKind(StrEnum):
    """Where an environment's Terraform code comes from."""

    DIRECTORY = "directory"
    MODULE = "module"


@dataclass(frozen=True, slots=True)
class Source:
    """The Terraform code of an environment: a folder of the branch, or a module kept by its content.

    `path` is the folder within the branch or the module's name. `tree` identifies the content of `scope`:
    a git tree's object name, or the SHA-256 of the module's files. `scope` is `path`, or `.` where the
    code reaches outside its folder, so that a change anywhere in the branch counts.
    """

    kind: SourceKind
    path: str
    tree: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """All that destroying an environment needs, durable from before the apply it describes.

    `variables` are Terraform's input variables as JSON values (no credentials: those are read from
    the configuration at the time), `backend` the backend's type and settings without `key`,
    `lock_file` the text of `.terraform.lock.hcl` once known. `needs` are the applications of the same
    environment that it needs, each with the serial of the state that its hidden outputs were read from
    (0: it has none): they are read again there whenever Terraform runs, and written down nowhere; `met` are
    the commits that they had then. `modules` identifies the modules from elsewhere that it was planned with; empty where it has none, or a claim of an earlier release. `untaken` are variables
    that the code takes no notice of.
    `adopts` is the SHA-256 of the state of what exists already: until that is in its place and its plan was approved once
    more, nothing is done by this claim. `moves` is the other place that may have a copy of the state, while it is on its
    way: `backend` is where it counts. `lineage` is that of the state as an apply left it (Terraform's own mark of where a
    state began); empty where that is not known, as before the first apply. An earlier release, which does not look after
    it, drops it with the first claim that it writes.
    """

    commit: str
    source: Source
    variables: Mapping[str, object]
    tags: Mapping[str, str]
    terraform_version: str
    backend: tuple[str, Mapping[str, object]]
    fingerprint: str
    lock_file: str | None = None
    needs: Mapping[str, int] = field(default_factory=dict)
    met: Mapping[str, str] = field(default_factory=dict)
    modules: str = ""
    untaken: tuple[Untaken, ...] = ()
    adopts: str = ""
    moves: tuple[str, Mapping[str, object]] | None = None
    lineage: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A Terraform output; a sensitive one carries no value here."""

    value: object
    sensitive: bool = False
