"""Version constraints as Terraform writes them: `~> 1.11`, `>= 1.10, != 1.10.2`.

What they mean was taken from Terraform's documentation of version constraints; a version that is not final is allowed only
where a constraint names just it.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from envmgr.domain.rules.versions import Version, version

_TERM = re.compile(r"\s*(=|!=|>=|<=|~>|>|<|)\s*v?([0-9][0-9A-Za-z.+-]{0,100})\s*")
_LONGEST = 500
_COMPARED: Mapping[str, Callable[[Version, Version], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class _Term:
    operator: str
    version: Version
    precision: int

    def allows(self, found: Version) -> bool:
        same = self.precision - 1  # with `~>` only the last of the numbers that are given may grow
        grows = found >= self.version and found.numbers[:same] == self.version.numbers[:same]
        return grows if self.operator == "~>" else _COMPARED[self.operator](found, self.version)


@dataclass(frozen=True, slots=True)
class Constraint:
    """Which versions are allowed; `text` is how it was written."""

    text: str
    terms: tuple[_Term, ...]

    def allows(self, name: str) -> bool:
        """Whether a version is allowed; what is no version never is."""
        found = version(name)
        if found is None or not all(term.allows(found) for term in self.terms):
            return False
        return found.is_final or any(term.operator in ("", "=") for term in self.terms)


def constraint(text: str) -> Constraint:
    """What a text allows.

    :raises ValueError: it is none; the message is the end of a sentence that begins with what it is
    """
    terms = []
    for part in text.split(",") if len(text) <= _LONGEST else [""]:
        found = _TERM.fullmatch(part)
        known = version(found[2]) if found else None
        if found is None or known is None:
            raise ValueError('it must be a version constraint, such as "~> 1.11"')
        numbers = found[2].partition("-")[0].partition("+")[0]
        terms.append(_Term(found[1], known, numbers.count(".") + 1))
    return Constraint(text.strip(), tuple(terms))
