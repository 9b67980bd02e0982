"""Which hosts work by these records, on what; and what people say of them: to drain one, or that it is gone for good."""

from collections.abc import Sequence

from envmgr import __version__
from envmgr.commands.access import check, may
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.hosts import standing as rule
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.hosts.host import Host, Standing
from envmgr.views.visible import escaped


def standings(runtime: Runtime) -> Sequence[Standing]:
    """All hosts by name, with what each works on, as far as the runtime's person may see that; also who is refused."""
    return _standings(runtime, runtime.services.fleet.beat().hosts)


def known(runtime: Runtime) -> Sequence[Standing]:
    """The same by the records alone, without saying that this host is there, too: for what is asked for often."""
    services = runtime.services
    return _standings(runtime, services.store.hosts.all(services.clock()))


def _standings(runtime: Runtime, hosts: Sequence[Host]) -> Sequence[Standing]:
    services, fleet = runtime.services, runtime.services.fleet
    held = services.store.leases(services.clock(), over=True).items()
    seen = [each for i, each in held if may(runtime, Action.SEE, i.organization, i.repository)]
    now = services.clock()
    others = list(services.store.hosts.refused(now))
    if why := fleet.met.refused:  # a person's process here is in no record
        others.append(rule.refused(fleet.process, __version__, why, now))
    return rule.standings(
        rule.with_refused(hosts, others),
        fleet.met.schema,
        fleet.counting(hosts),
        seen,
        lambda name: may(runtime, Action.SEE, name),
    )


def drain(runtime: Runtime, name: str, *, draining: bool) -> Host:
    """Says that a host is to take no new work, or that it may again; what runs there goes on.

    Raises Forbidden where somebody may not, and NeedsPerson where there is no such host, or nothing to change.
    """
    host = _one(runtime, name)
    if host.draining is draining:
        raise NeedsPerson(f"{host.name} is {'drained already' if draining else 'not drained'}.")
    services = runtime.services
    services.store.hosts.drain(host.id, draining=draining)
    said = f"{host.name} takes {'no new' if draining else 'new'} work from now on."
    services.record(None, "host-drained", said)
    return host


def forget(runtime: Runtime, name: str) -> Host:
    """Says that a host is gone for good, with all that it had begun: others go on with it at once.

    Raises Forbidden where somebody may not, and NeedsPerson where there is no such host, or something is heard of it.
    """
    host = _one(runtime, name)
    if host.lives:
        raise NeedsPerson(
            f"{host.name} lives: it was heard of {round(host.silence.total_seconds())} s ago. Stop envmgr there first."
        )
    services = runtime.services
    services.store.hosts.forget(host.id)
    said = f"{host.name} is gone for good: what it had begun counts as over, and its locks may be broken."
    services.record(None, "host-forgotten", said)
    return host


def _one(runtime: Runtime, name: str) -> Host:
    services = runtime.services
    for organization in services.organizations:
        check(runtime, Action.HOSTS, organization)
    return chosen(services.store.hosts.all(services.clock()), name)


def chosen(known: Sequence[Host], name: str) -> Host:
    """The host that a person means by its name, or by the beginning of its ID; raises NeedsPerson where that is not one."""
    found = [h for h in known if h.name == name] or [h for h in known if name and h.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(host.id[:8] for host in found)
        raise NeedsPerson(f"Several hosts are called {escaped(name)}: name one by its ID ({ids}).")
    raise NeedsPerson(f"There is no host {escaped(name)}: `envmgr hosts` shows all.")
