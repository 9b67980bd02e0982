"""Asking an environment whether it is well."""

from typing import Protocol

from envmgr.domain.health import HealthCheck


class Probe(Protocol):
    """Asks an address over HTTP."""

    def ask(self, check: HealthCheck, url: str) -> str:
        """Asks `url` once; empty where the answer is as `check` wants it, else a sentence that says how it is not.

        Raises nothing of the network's. A short time limit of its own counts as no answer. What the answer says is
        untrusted: of its body nothing is given back.
        """
        ...
