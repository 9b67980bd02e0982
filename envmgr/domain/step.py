"""Commands that a branch's environment runs on the ops host: deploy steps and the like."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Cause = Literal["always", "infrastructure", "code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command: text for `sh -eu -c`, or an argv.

    `when` says after which changes it runs; with `paths` (patterns within the branch) only where one of them
    changed since the last deploy.
    """

    name: str
    run: str | tuple[str, ...]
    timeout: timedelta = timedelta(minutes=15)
    when: Cause = "always"
    paths: tuple[str, ...] = ()
