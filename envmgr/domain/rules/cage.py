"""The one place that says what a child that runs a branch's words sees, may write, reaches and is given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from envmgr.domain.values.cage import (
    Cage,
    CageLimits,
    CageRules,
    Credentials,
    Ground,
    Network,
    Purpose,
    Reach,
)

REGISTRIES = (
    "registry.terraform.io:443",
    "registry.opentofu.org:443",
    "releases.hashicorp.com:443",
    "github.com:443",
    "*.github.com:443",
    "*.githubusercontent.com:443",
)
"""Where providers and public modules come from: what `init` reaches beside an organization's own list."""

_LANGUAGE = ("PATH", "LANG", "LC_ALL", "TZ")
# By these Go finds the authorities to believe, where they are the organization's own.
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class _Row:
    """One kind of child: what it is given, whether there is a network for it, and what it may write.

    `keeps` says whether it may write to its code and folders, `state` whether to a state on this host, which no other
    sees, `outside` what becomes of the environment's folders elsewhere on it, `fetches` whether it is the one that
    brings providers and modules, `clouds` whether it works on resources.
    """

    credentials: Credentials
    has_network: bool = True
    keeps: bool = True
    state: bool = False
    outside: Literal["hidden", "seen", "written"] = "hidden"
    fetches: bool = False
    clouds: bool = False


_STEP = _Row(Credentials.DEPLOY, outside="written")
# Whoever looks at a plan changes nothing.
_CHECK = _Row(Credentials.NONE, outside="seen")
_ROWS: Mapping[Purpose, _Row] = {
    # It configures the backend too, which looks for a state there.
    Purpose.INIT: _Row(Credentials.BACKEND, state=True, fetches=True),
    Purpose.VALIDATE: _Row(Credentials.NONE, has_network=False, keeps=False),
    Purpose.SHOW: _Row(Credentials.NONE, has_network=False, keeps=False),
    # A plan locks its state, which writes beside it.
    Purpose.PLAN: _Row(Credentials.READING, state=True, outside="seen", clouds=True),
    Purpose.APPLY: _Row(Credentials.WRITING, state=True, outside="written", clouds=True),
    Purpose.STATE: _Row(Credentials.WRITING, state=True),
    Purpose.BUILD: _STEP,
    Purpose.DEPLOY: _STEP,
    Purpose.ON_DESTROY: _STEP,
    Purpose.DOWN: _STEP,
    Purpose.TEST: _STEP,
    Purpose.HEALTH: _STEP,
    Purpose.CHECK: _CHECK,
}
TERRAFORM = frozenset(Purpose) - {purpose for purpose, row in _ROWS.items() if row in (_STEP, _CHECK)}
"""What Terraform does; all else are steps."""


def confine(purpose: Purpose, rules: CageRules, ground: Ground, limits: CageLimits) -> Cage:
    """What a child is started in; `limits` are those that hold for each of its processes whatever the rules say."""
    row, is_closed = _ROWS[purpose], rules.kind != "none"
    network = _network(row, rules, ground) if is_closed else Network(reach=Reach.HOST)
    return Cage(
        kind=rules.kind,
        purpose=purpose,
        sees=_once(_sees(row, ground, rules)) if is_closed else (),
        writes=_once(_writes(row, ground)) if is_closed else (),
        network=network,
        limits=limits.within(rules.limits),
        # The number of processes always was one of all together, though the kernel can only count them by user.
        together=replace(rules.limits, processes=limits.within(rules.limits).processes),
        credentials=row.credentials,
        inherits=_inherits(purpose, network),
        outlives=purpose not in TERRAFORM
        and (not is_closed or (rules.outlive and purpose is Purpose.DEPLOY)),
    )


def credentials_of(purpose: Purpose) -> Credentials:
    """Which credentials a kind of child gets."""
    return _ROWS[purpose].credentials


def _network(row: _Row, rules: CageRules, ground: Ground) -> Network:
    """A list is the organization's own for steps; Terraform reaches besides what it cannot do without."""
    if not row.has_network:
        return Network(reach=Reach.NOTHING)
    if rules.network.reach is not Reach.LISTED:
        return rules.network
    needed = (
        *(REGISTRIES if row.fetches else ()),
        *(ground.state_at if row.state else ()),
        *(ground.clouds_at if row.clouds else ()),
    )
    return replace(rules.network, allow=tuple(dict.fromkeys((*rules.network.allow, *needed))))


def _writes(row: _Row, ground: Ground) -> Iterator[str]:
    yield from ground.passing
    if row.keeps:
        yield from (ground.code, *ground.folders)
    if row.fetches:
        yield from ground.arriving
    if row.state and ground.state:
        yield ground.state
    if row.outside == "written":
        yield from ground.outside


def _sees(row: _Row, ground: Ground, rules: CageRules) -> Iterator[str]:
    yield from (*ground.tools, *rules.readable)
    if not row.keeps:
        yield from (ground.code, *ground.folders)
    if row.outside == "seen":
        yield from ground.outside
    if row.fetches:
        yield from ground.sources
    if row.credentials is not Credentials.NONE:
        yield from ground.secrets


def _inherits(purpose: Purpose, network: Network) -> tuple[str, ...]:
    """Where the network is another's, so is the way there."""
    certificates = _CERTIFICATES if purpose in TERRAFORM else ()
    proxies = _PROXIES if network.reach is Reach.HOST else ()
    return (*_LANGUAGE, *certificates, *proxies)


def _once(paths: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))
