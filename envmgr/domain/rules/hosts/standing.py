"""Whether a host may take work beside the others: only one host of a name, and all by the newest configuration."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.host import SILENT, Host, HostStatus, Standing
from envmgr.domain.values.hosts.terms import CLOCKS


def conflict(me: ProcessId, hosts: Iterable[Host], *, is_dead: bool = False) -> str:
    """Why this host may not work under its name or its ID, as a sentence; empty where it may.

    `is_dead` says that who has its ID now is provably dead. What runs in the same boot sees all the others' processes,
    so that nothing has to be concluded from a name.
    """
    for host in hosts:
        same_id, same_name = host.id == me.machine, host.name == me.host
        if host.process.boot == me.boot or host.silence > SILENT or not (same_id or same_name):
            continue
        if not same_id:
            return (
                f"Another host called {me.host} (ID {host.id[:8]}, this one is {me.machine[:8]}) works with these records, and "
                f"was heard of {_ago(host)}: each host needs a name of its own. Change this one's, or stop the other."
            )
        if not is_dead:
            return (
                f"The host ID {host.id[:8]} of {me.host} is in use since another boot, heard of {_ago(host)}: if this host "
                "was just restarted, this is over within half a minute. If it is a copy of the other, delete host-id in its data folder."
            )
    return ""


def why_passive(mine: Host, schema: str, hosts: Iterable[Host], organization: str) -> str:
    """Why a host takes no work in an organization, as a sentence; empty where it does.

    `schema` is the revision that the database has. Whoever has an older configuration than a host that lives leaves the
    work to it, and of those who have the newest so does whoever has an older release. Hosts that take no work for
    another reason count for nothing in that: there is always one that works, if any may.
    """
    if mine.draining and mine.serves:
        return f"{mine.name} is drained: `envmgr hosts drain {mine.name} --off` lets it work again."
    if why := wrong_clock(mine.name, mine.ahead):
        return why
    if mine.schema != schema:
        return f"The database was upgraded to revision {schema}, and envmgr on {mine.name} knows {mine.schema}: upgrade it."
    others = [h for h in hosts if h.lives and h.id != mine.id and not h.draining and h.schema == schema]
    others = [h for h in others if not wrong_clock(h.name, h.ahead)]
    ours = mine.configurations.get(organization)
    if ours is None:
        return _older_release(mine, others)
    theirs = [
        (host, host.configurations[organization]) for host in others if organization in host.configurations
    ]
    for host, found in theirs:
        # Of two that were first seen at the same moment one has to count.
        if found.digest != ours.digest and (found.since, found.digest) > (ours.since, ours.digest):
            return (
                f"The configuration of {organization} on {mine.name} differs from the newer one on {host.name} (since "
                f"{found.since:%Y-%m-%d %H:%M:%S} UTC): give both the same files, then reload envmgr there."
            )
    return _older_release(mine, (host for host, found in theirs if found.digest == ours.digest))


def wrong_clock(name: str, ahead: timedelta) -> str:
    """Why a host does not say what is over, as a sentence; empty where its clock is the database's."""
    if abs(ahead) <= CLOCKS:
        return ""
    apart = round(abs(ahead).total_seconds())
    return (
        f"The clock of {name} is {apart} s {'ahead of' if ahead > CLOCKS else 'behind'} the database's: set both by a time service "
        "(NTP). Until they say the same, nothing is begun there: what is over cannot be told."
    )


def ahead_for_sure(before: datetime, there: datetime, after: datetime) -> timedelta:
    """How far a clock that said `before`, and after that `after`, is ahead of another that said `there` in between."""
    if there < before:
        return before - there
    return min(after - there, timedelta())


def _older_release(mine: Host, others: Iterable[Host]) -> str:
    newer = next((host for host in others if numbers(host.version) > numbers(mine.version)), None)
    if newer is None:
        return ""
    return f"{newer.name} works with envmgr {newer.version}, {mine.name} with {mine.version}: upgrade it."


def numbers(version: str) -> tuple[int, ...]:
    """A version by its numbers, so that 1.10 is newer than 1.9; what follows them (`rc1`, `+local`) says nothing."""
    found = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)


def standings(
    hosts: Iterable[Host],
    schema: str,
    counting: Sequence[Host],
    held: Iterable[Lease],
    sees: Callable[[str], bool] = lambda _: True,
) -> Sequence[Standing]:
    """How each host stands, by name, and what it works on.

    `counting` are the hosts beside which one may have to take no work, `held` the leases that nobody gave back, whether
    their terms are over or not, and `sees` says of which organizations anything is to be told.
    """
    leases = sorted(held, key=lambda lease: lease.environment)
    found = []
    for host in sorted(hosts, key=lambda each: (each.name, each.id)):
        status, why = _status(host, schema, counting, sees)
        works_on = tuple(each for each in leases if each.owner.machine == host.id and _has(host, each))
        found.append(Standing(host=host, status=status, why=why, works_on=works_on))
    return found


def refused(
    process: ProcessId, version: str, why: str, at: datetime, silence: timedelta = timedelta()
) -> Host:
    """A host that is none of those that work, as another one has its name or its ID; it said so at a time."""
    return Host(
        process=process,
        version=version,
        schema="",
        serves=True,
        draining=False,
        started_at=at,
        beat_at=at,
        silence=silence,
        refused=why,
    )


def with_refused(hosts: Sequence[Host], others: Iterable[Host]) -> list[Host]:
    """All that are to be shown, each as it was told last: also who was refused, as long as it says that it is there."""
    told: dict[tuple[str, str], Host] = {}
    for host in [*hosts, *(each for each in others if not each.is_silent)]:
        key = (host.id, host.process.boot)
        if key not in told or host.beat_at > told[key].beat_at:
            told[key] = host
    return list(told.values())


def _has(host: Host, lease: Lease) -> bool:
    """Whether a lease counts as a host's. Of a silent one also what is over: nobody has taken it up since."""
    return host.is_silent or lease.expires_at > host.beat_at + host.silence


def _status(
    host: Host, schema: str, counting: Sequence[Host], sees: Callable[[str], bool]
) -> tuple[HostStatus, str]:
    if host.refused:
        return HostStatus.PASSIVE, host.refused
    if host.is_silent:
        return HostStatus.SILENT, ""
    if not host.serves:
        return HostStatus.STOPPED, ""
    places = filter(sees, sorted(host.configurations)) if host.configurations else ("",)
    why = next(filter(None, (why_passive(host, schema, counting, each) for each in places)), "")
    if host.draining:
        return HostStatus.DRAINING, why
    return (HostStatus.PASSIVE, why) if why else (HostStatus.WORKING, "")


def _ago(host: Host) -> str:
    return f"{max(0, round(host.silence.total_seconds()))} s ago"
