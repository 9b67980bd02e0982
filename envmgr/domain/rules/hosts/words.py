"""What a person is to know of hosts that do not work as they should, in sentences."""

from collections.abc import Iterator, Sequence

from envmgr.domain.values.hosts.host import HostStatus, Standing

_NAMED = 5
"""So many environments are named of those that a silent host had begun."""


def doubts(hosts: Sequence[Standing]) -> Iterator[str]:
    """A sentence for each host that is silent or takes no work, and one more where none does that should.

    A host whose daemon came to an orderly end is no doubt.
    """
    for each in hosts:
        if each.status is HostStatus.SILENT:
            yield _silent(each)
        elif each.status is HostStatus.DRAINING:
            yield each.why or f"{each.host.name} is drained."
        elif each.status is HostStatus.PASSIVE:
            yield f"{each.host.name} takes no work. {each.why}".strip()
    statuses = {each.status for each in hosts} - {HostStatus.STOPPED}
    if statuses and HostStatus.WORKING not in statuses:
        yield "No host works: nothing is applied or destroyed until one does."


def _silent(found: Standing) -> str:
    name, works_on = found.host.name, [str(lease.environment) for lease in found.works_on]
    more = len(works_on) - _NAMED
    named = ", ".join(works_on[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    had = f" It had begun work on {named}, which nobody has taken up yet." if works_on else ""
    return (
        f"Nothing is heard of {name} since {found.host.beat_at:%Y-%m-%d %H:%M:%S} UTC.{had} Start envmgr there, or say that "
        f"it is gone for good: `envmgr hosts forget {name}`."
    )
