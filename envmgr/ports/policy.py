"""Policies: rules of the organization's that a plan must not break."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Findings:
    """What policies say of a plan: why it must not be applied (`deny`), and what should be known of it (`warn`)."""

    deny: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()


class Policies(Protocol):
    """Evaluates policies. What is not sure to have been evaluated is an error, never a plan without findings."""

    def evaluate(self, policy: Path, document: Mapping[str, Any]) -> Findings:
        """What the rules `deny` and `warn` of package `envmgr` find in a document; `policy` is a file or a folder of them.

        Raises NeedsOperator where a policy cannot be read, does not parse, means nothing, or does not come to its
        end within what it may use.
        """
        ...
