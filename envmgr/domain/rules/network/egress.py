"""What a cage reaches of the network by its proxy: names with ports, and of their addresses the public ones.

Only the standard library and what needs no more: the proxy is a small process of its own.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from .networks import is_open, is_within
from .upstream import Upstream

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", re.ASCII)
_TARGET = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([^\[\]:/@\s]{1,253})):([0-9]{1,5})", re.ASCII)
_ANY = "*."


class Why(Enum):
    """Why something was not reached."""

    NOT_LISTED = "not-listed"
    NOT_PUBLIC = "not-public"
    OWN = "own"
    NO_SUCH_NAME = "no-such-name"
    NO_ANSWER = "no-answer"
    NOT_CONNECT = "not-connect"
    TOO_MANY = "too-many"
    UPSTREAM = "upstream"


_SENTENCES = {
    Why.NOT_LISTED: "refused {target}; add it to cage.network.allow",
    Why.NOT_PUBLIC: "refused {target}, which leads to no public address; cage.networks may open its network",
    Why.OWN: "refused {target}, which leads to this host itself; cage.networks may open its address",
    Why.NO_SUCH_NAME: "{target} was not found by the host's name servers",
    Why.NO_ANSWER: "{target} did not answer",
    Why.NOT_CONNECT: "refused what is no CONNECT; only https goes by the proxy",
    Why.TOO_MANY: "refused a connection, as there are too many at once",
    Why.UPSTREAM: "{target} was refused by the host's own proxy (HTTPS_PROXY)",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a connection is to go: a name in lower case, or an address as it is usually written."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What may be reached: `names` with ports (`*.amazonaws.com:443`), all where it is None; `networks` beside public addresses."""

    names: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """The addresses to try, one after the other; `asked` is what the host's own proxy there is asked for, where it leads."""

    addresses: Sequence[Target]
    asked: Target | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not reached, and why."""

    target: str
    why: Why

    def to_json(self) -> dict[str, str]:
        """As it is kept beside a run's log."""
        return {"target": self.target, "why": self.why.value}

    @classmethod
    def from_json(cls, found: Mapping[str, str]) -> "Refusal":
        """Reads what `to_json` gave; raises ValueError or KeyError for anything else."""
        return cls(str(found["target"]), Why(found["why"]))

    def __str__(self) -> str:
        return _SENTENCES[self.why].format(target=self.target)


def target_of(text: str) -> Target | None:
    """Reads the `name:port` or `[address]:port` of a CONNECT; None for anything else."""
    found = _TARGET.fullmatch(text)
    if found is None or not 0 < int(found[3]) <= 0xFFFF:
        return None
    # A name with a dot at its end is the same to name servers, and would be on no list.
    host = found[1] or found[2].lower().removesuffix(".")
    try:
        return Target(str(ip_address(host)), int(found[3]))
    except ValueError:
        return Target(host, int(found[3])) if found[1] is None and _NAME.fullmatch(host) else None


def is_listed(target: Target, way: Way) -> bool:
    """Whether a target is among the names; `*.` stands for one or more labels, and never for an address."""
    return way.names is None or any(_matches(target, entry) for entry in way.names)


def route(
    target: Target,
    way: Way,
    addresses: Sequence[str] | None,
    upstream: Upstream | None = None,
    own: Collection[str] = (),
) -> Why | Route:
    """How to get to a target that is listed and stands for some addresses, None where the host knows none.

    Those that are the host's `own` are refused, public ones too: what listens there may be meant for this host alone.
    They are open to a target that is listed by its whole name, and where `networks` have them.
    By the host's own proxy an address is asked for where any name may be: by its name it may be another by then. The
    names of a list are the organization's, and asked for as they are; also where only that proxy knows them.
    """
    by = upstream if upstream is not None and upstream.leads_to(target.host, target.port) else None
    public = [each for each in addresses or () if is_open(each, way.networks)]
    refused = () if _is_named(target, way) else own
    checked = [
        Target(each, target.port) for each in public if each not in refused or is_within(each, way.networks)
    ]
    is_known = addresses is not None or (by is not None and way.names is not None)
    if not is_known:
        return Why.NO_SUCH_NAME
    if addresses is not None and not checked:
        return Why.OWN if public else Why.NOT_PUBLIC
    if by is None:
        return Route(checked)
    return Route([Target(by.host, by.port)], target if way.names is not None else checked[0])


def _is_named(target: Target, way: Way) -> bool:
    """Whether somebody meant this very name; a wildcard's owner may add any."""
    return way.names is not None and f"{target.host}:{target.port}" in way.names


def _matches(target: Target, entry: str) -> bool:
    name, _, port = entry.rpartition(":")
    if port != str(target.port):
        return False
    if name.startswith(_ANY):
        return not _is_number(target.host) and target.host.endswith(name[1:]) and target.host != name[2:]
    return target.host == name


def _is_number(host: str) -> bool:
    """An address, also in the short forms that some resolvers take (`127.1`, `0x7f000001`)."""
    last = host.rpartition(".")[2]
    return ":" in host or last.isdigit() or last.startswith("0x")
