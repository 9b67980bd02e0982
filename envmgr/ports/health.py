"""Asking an environment whether it is well."""

from collections.abc import Sequence
from typing import Protocol

from envmgr.domain.values.health import HealthCheck


class Probe(Protocol):
    """Asks an address over HTTP."""

    def ask(self, check: HealthCheck, url: str, networks: Sequence[str] = ()) -> str:
        """Asks `url` once; empty where the answer is as `check` wants it, else a sentence that says how it is not.

        Who pushes to a branch says whom: only public addresses are asked, and those in `networks` (`10.0.0.0/8`).

        Raises nothing of the network's. A short time limit of its own counts as no answer. What the answer says is
        untrusted: of its body nothing is given back.
        """
        ...
