"""What a person may call an environment on the command line."""

from collections.abc import Iterable

from .environment import Environment
from .errors import UsageError
from .names import ref_component


def find(text: str, environments: Iterable[Environment]) -> Environment | None:
    """The one environment that a text means: `alice`, `env-alice`, `shop/alice` or `acme/shop/alice`.

    None where none fits; UsageError with the candidates where several do. The full form always means
    one environment, whatever branches are called; else open environments win over destroyed ones.
    """
    matching = [e for e in environments if text in _forms(e)]
    full = [e for e in matching if e.label == text]
    candidates = full or [e for e in matching if e.is_open] or matching
    if len(candidates) > 1:
        listed = ", ".join(sorted(e.label for e in candidates))
        raise UsageError(f"{ref_component(text)!r} may mean {listed}: say which.")
    return candidates[0] if candidates else None


def _forms(environment: Environment) -> set[str]:
    identity = environment.id
    names = (identity.name, environment.branch)
    return {
        *names,
        *(f"{identity.repository}/{name}" for name in names),
        *(f"{identity.organization}/{identity.repository}/{name}" for name in names),
    }
