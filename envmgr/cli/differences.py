"""How drift is shown to people: one line that sums it up, and a line for each difference."""

from collections.abc import Iterator

from envmgr.domain.values.drift import Drift
from envmgr.domain.values.names import counted

from .screen import moment, printable


def summary(found: Drift) -> str:
    """What the last check came to, and when it was; why and since when it is not known."""
    number = len(found.differences)
    if found.error:
        before = (
            f" The last check that could run was at {moment(found.checked_at)}." if found.checked_at else ""
        )
        return f"unknown since {moment(found.failing_since)}: {printable(found.error)}{before}"
    if found.checked_at is None:
        return "unknown: not checked yet"
    what = f"{counted(number, 'resource differs', 'resources differ')}" if number else "none"
    return f"{what}, checked {moment(found.checked_at)}"


def lines(found: Drift) -> Iterator[str]:
    """Each difference: address, what Terraform would do to correct it, and names of attributes."""
    for each in found.differences:
        names = f": {', '.join(sorted(each.attributes))}" if each.attributes else ""
        yield printable(f"{each.address} ({each.action}{names})")


def noise(found: Drift) -> Iterator[str]:
    """What differs at every check and is no longer counted."""
    for name in found.noise:
        yield printable(f"{name} (noise: different at each check; `drift.ignore` silences it)")


def checks(found: Drift) -> Iterator[str]:
    """Each check of the code that did not hold when Terraform last looked."""
    for each in found.failing_checks:
        yield printable(f"does not hold: {each}")
