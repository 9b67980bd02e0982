"""Who is told of what happens, from the configuration."""

from collections import Counter
from collections.abc import Iterator, Mapping

from envmgr.adapters.notices.services import AppriseService
from envmgr.adapters.notices.webhook import SignedWebhook
from envmgr.commands.notices.target import Target
from envmgr.config.load import Configuration
from envmgr.config.sections.forge.notifications import Notification
from envmgr.config.sections.secrets import resolve
from envmgr.domain.rules.notices.wording import TEMPLATE
from envmgr.domain.values.digest import digest
from envmgr.domain.values.notices import Audience
from envmgr.ports.hooks import Messenger


def targets_of(configuration: Configuration, environ: Mapping[str, str]) -> tuple[Target, ...]:
    """All that organizations notify; a secret is read anew for each message."""
    return tuple(_targets(configuration, environ))


def _targets(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Target]:
    is_alone = len(configuration.organizations) == 1
    for file in configuration.organizations:
        alike: Counter[str] = Counter()
        for number, section in enumerate(file.notifications, 1):
            # By where it goes, so that another choice of events goes on from the same place.
            way = section.webhook or str(section.url)
            alike[way] += 1
            yield Target(
                key=digest([file.organization, way, alike[way]]),
                label=f"Notification {number} of {file.organization}",
                audience=Audience(
                    organization=file.organization,
                    kinds=frozenset(section.on),
                    repositories=section.repositories,
                    is_whole_host=is_alone,
                ),
                open=_Opening(section, environ),
                template=section.template or TEMPLATE,
                is_machine=section.webhook is not None,
            )


class _Opening:
    """Gives the way, with the secrets of now; two of the same section are the same."""

    def __init__(self, section: Notification, environ: Mapping[str, str]) -> None:
        self._section, self._environ = section, environ

    def __call__(self) -> Messenger:
        section = self._section
        if section.webhook is not None and section.secret is not None:
            return SignedWebhook(section.webhook, resolve(section.secret, self._environ), self._environ)
        return AppriseService(resolve(section.url or "", self._environ))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opening) and (self._section, self._environ) == (
            other._section,
            other._environ,
        )

    def __hash__(self) -> int:
        return hash(self._section)
