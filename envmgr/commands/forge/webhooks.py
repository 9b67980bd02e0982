"""Webhooks: of which repositories they are taken, and how the daemon hears of one."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from envmgr.domain.rules.forge.webhooks import is_of
from envmgr.domain.values.forge import ForgeKind
from envmgr.domain.values.names import RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A repository of which webhooks are taken. `name` is what the forge calls it; `secret` reads the secret of now."""

    repository: RepositoryId
    kind: ForgeKind
    name: str
    secret: Callable[[], str] = field(repr=False)


@dataclass(slots=True)
class Bell:
    """Rings where a hint was left, and where something was `asked` for: a daemon in the same process need not wait for its next look."""

    ring: Callable[[], None] = lambda: None
    asked: Callable[[], None] = lambda: None


def hooks_of(hooks: Collection[Hook], kind: str, organization: str) -> Sequence[Hook]:
    """Those at one address: of an organization, on one kind of forge."""
    return [each for each in hooks if each.kind == kind and each.repository.organization == organization]


def meant(hooks: Collection[Hook], names: frozenset[str] | None) -> list[RepositoryId]:
    """The repositories that a webhook is about, among those whose secret it showed; all of these where it cannot be read."""
    return sorted({h.repository for h in hooks if names is None or is_of(h.kind, h.name, names)})
