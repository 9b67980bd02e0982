"""The freezes of the organization files, written where all who decide or look find them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from envmgr.config.load import Configuration
from envmgr.domain.rules.access.freezing import in_force
from envmgr.domain.values.asking.freeze import IN_FILE, Freeze
from envmgr.domain.values.hosts.host import Host
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.ports import Store

from .digests import configured


def keep(services: Services, configuration: Configuration) -> None:
    """Brings the records of freezes to what the files say; one that stays is frozen since when it was.

    Of an organization that is in none of these files nothing is known: another host, or a call with other files, has it.
    So it is where a host that lives works by a newer file.
    """
    store, now = services.store, services.clock()
    hosts = services.fleet.counting(store.hosts.all(now))
    digests = configured(configuration).items()
    ours = {each for each, digest in digests if not _is_older(each, digest, hosts)}
    wanted = {(f.organization, f.repository): f for f in _in_files(configuration, now)}
    there = {(f.organization, f.repository): f for f in store.freezes.all() if f.in_file}
    for place, freeze in there.items():
        if place not in wanted and freeze.organization in ours:
            store.freezes.remove(freeze)
    for place, freeze in wanted.items():
        before = there.get(place)
        if freeze.organization in ours and (before is None or replace(freeze, since=before.since) != before):
            store.freezes.put(freeze)


def _is_older(organization: str, digest: str, hosts: Sequence[Host]) -> bool:
    """Whether a host that lives has a file of it that was first seen after the one with this digest."""
    known = [
        (host, host.configurations[organization]) for host in hosts if organization in host.configurations
    ]
    ours = next((found for _, found in known if found.digest == digest), None)
    return ours is not None and any(
        host.lives and (found.since, found.digest) > (ours.since, ours.digest) for host, found in known
    )


def _in_files(configuration: Configuration, now: datetime) -> Iterator[Freeze]:
    for file in configuration.organizations:
        sections = [(None, file.freeze), *((each.name, each.freeze) for each in file.repositories)]
        for repository, section in sections:
            if section is not None:
                yield Freeze(
                    organization=file.organization,
                    repository=repository,
                    reason=section.reason,
                    by=IN_FILE,
                    since=now,
                    until=section.until,
                    in_file=True,
                )


def freezing(repository: Repository, store: Store) -> Repository:
    """A repository that reads what freezes it, wherever it is asked."""

    def frozen(now: datetime) -> Freeze | None:
        return in_force(store.freezes.all(), repository.id, now)

    return repository.everywhere(lambda each: replace(each, frozen=frozen))
