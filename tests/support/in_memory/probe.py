"""The port `Probe` in memory: answers that a test sets, by address."""

from collections.abc import Sequence

from envmgr.domain.values.health import HealthCheck
from envmgr.domain.values.names import matches_any


class MemoryProbe:
    """See `envmgr.ports.Probe`. `answers` maps URLs to status and body; what is not in it does not answer."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []

    def ask(self, check: HealthCheck, url: str, networks: Sequence[str] = ()) -> str:
        """Compares the answer with what is wanted."""
        self.asked.append(url)
        if url not in self.answers:
            return f"GET {url} got no answer."
        status, body = self.answers[url]
        if status != check.expect:
            return f"GET {url} answered {status}, wanted {check.expect}."
        if check.body and not matches_any(body, (f"*{check.body}*",)):
            return f"GET {url} answered without {check.body!r}."
        return ""
