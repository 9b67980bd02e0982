"""What confines a child process that runs a branch's words: what was asked for, and what comes of it, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import Enum
from typing import Literal

CageKind = Literal["none", "bwrap"]
"""Limits and an environment of its own alone, or bubblewrap's namespaces and an allow-list of mounts."""


class Purpose(Enum):
    """Why a child is started that runs what a branch says."""

    INIT = "init"
    VALIDATE = "validate"
    SHOW = "show"
    PLAN = "plan"
    APPLY = "apply"
    STATE = "state"  # push, pull, force-unlock
    BUILD = "build"
    DEPLOY = "deploy"
    ON_DESTROY = "on_destroy"
    DOWN = "down_run"
    TEST = "test"
    CHECK = "check"
    HEALTH = "health.run"


class Reach(Enum):
    """What of the network there is for a child."""

    NOTHING = "none"
    LISTED = "listed"  # by the proxy, the names and ports of a list
    PUBLIC = "public"  # by the proxy, all but private, loopback and link-local addresses
    HOST = "open"  # whatever the host reaches

    @property
    def is_by_proxy(self) -> bool:
        """Whether it is a part of the network, to which a proxy leads."""
        return self in (Reach.LISTED, Reach.PUBLIC)


class Credentials(Enum):
    """Which of an organization's credentials a child gets."""

    NONE = "none"
    BACKEND = "backend"
    READING = "reading"
    WRITING = "writing"
    DEPLOY = "deploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a child may reach; `allow` are names with ports (`*.amazonaws.com:443`) where it is a list.

    `networks` are those beside public addresses that the proxy may lead to.
    """

    reach: Reach
    allow: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


class Limit(Enum):
    """Which limit of its run a child ran into, with all that it started."""

    MEMORY = "memory"
    CPU = "cpu"
    PROCESSES = "processes"
    DISK = "disk"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class CageLimits:
    """What a child may use; None is no limit.

    Of one process `memory` is private memory in bytes, `cpu_seconds` its time on processors, and `disk` the largest
    file that it writes; of a run with all that its commands start together, `memory` is all memory, `cpu_seconds` the
    sum, and `disk` what its folders grow by. `processes` count all of them with their threads. `cores` is how many
    processors may work for it at once, `time` how long the child, or all commands of the run, may take.
    """

    memory: int | None = None
    cpu_seconds: int | None = None
    cores: float | None = None
    processes: int | None = None
    disk: int | None = None
    time: timedelta | None = None

    def within(self, other: "CageLimits") -> "CageLimits":
        """The tighter one of each."""
        names = [each.name for each in fields(CageLimits)]
        found = {name: [getattr(limits, name) for limits in (self, other)] for name in names}
        given = {name: [value for value in values if value is not None] for name, values in found.items()}
        return CageLimits(**{name: min(values, default=None) for name, values in given.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class CageRules:
    """What an organization asks for.

    `readable` are further paths of the host, `writable` folders in which each environment may write to its own;
    `outlive` lets what a deploy step leaves running go on after its end.
    """

    kind: CageKind = "none"
    network: Network = Network(reach=Reach.PUBLIC)
    limits: CageLimits = CageLimits()
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    outlive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The places on this host that a child may have to do with, as absolute paths.

    `code` is the checkout, `folders` are the environment's own that a command keeps things in, `passing` those that
    last for the command alone, `state` the folder of a state that is kept on this host. `outside` are those of the environment that
    lie elsewhere on this host and are a part of what it is. `arriving` is where `init`
    puts what it fetches, `sources` are what it fetches from or asks with. `tools` are programs, providers and
    certificates, `secrets` files that the credentials name. Beside these, at which names with ports (`host:443`) its
    state and its clouds are.
    """

    code: str
    folders: Sequence[str] = ()
    passing: Sequence[str] = ()
    state: str = ""
    outside: Sequence[str] = ()
    arriving: Sequence[str] = ()
    sources: Sequence[str] = ()
    tools: Sequence[str] = ()
    secrets: Sequence[str] = ()
    state_at: Sequence[str] = ()
    clouds_at: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cage:
    """What one child sees, may write, reaches, may use and is given.

    With the kind `none` it sees and may write what envmgr's user may, and reaches what the host reaches. `inherits` are
    the variables of envmgr's own environment that it gets. Where it `outlives`, what it leaves running goes on.
    `limits` are of each process, `together` of all that its run starts.
    """

    kind: CageKind
    purpose: Purpose
    sees: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    network: Network = Network(reach=Reach.HOST)
    limits: CageLimits = CageLimits()
    together: CageLimits = CageLimits()
    credentials: Credentials = Credentials.NONE
    inherits: tuple[str, ...] = field(default=())
    outlives: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether anything but limits and its environment confines it."""
        return self.kind != "none"
