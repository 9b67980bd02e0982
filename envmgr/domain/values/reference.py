"""What a person may call an environment on the command line."""

from collections.abc import Iterable

from envmgr.domain.errors import UsageError

from .environment import Environment
from .names import EnvironmentId, ref_component


def find(text: str, environments: Iterable[Environment]) -> list[Environment]:
    """The records of the one environment that a text means: `alice`, `env-alice`, `shop/alice` or `acme/shop/alice`.

    Where it has several applications, the text means all of them, `alice:api` one, and `alice:` what was applied
    without. None where none fits; UsageError with the candidates where several environments do. The full form always
    means one environment, whatever branches are called; else open records win over destroyed ones.
    """
    name, colon, application = text.partition(":")
    matching = [e for e in environments if name in _forms(e)]
    if colon:
        matching = [e for e in matching if e.id.application == application]
    full = [e for e in matching if str(e.id.environment) == name]
    chosen = full or matching
    candidates = [e for e in chosen if e.is_open] or chosen
    meant = sorted({e.id.environment for e in candidates})
    if len(meant) > 1:
        raise UsageError(f"{ref_component(text)!r} may mean {', '.join(map(str, meant))}: say which.")
    return candidates


def forms(identity: EnvironmentId, name: str) -> tuple[str, str, str]:
    """How a name of an environment may be written: alone, with its repository, with its organization, too."""
    short = f"{identity.repository}/{name}"
    return name, short, f"{identity.organization}/{short}"


def _forms(environment: Environment) -> set[str]:
    return {*forms(environment.id, environment.id.name), *forms(environment.id, environment.branch)}
