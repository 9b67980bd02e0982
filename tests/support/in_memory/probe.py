"""The port `Probe` in memory: answers that a test sets, by address."""

from collections.abc import Callable, Sequence

from envmgr.domain.values.health import HealthCheck
from envmgr.domain.values.names import matches_any

Answer = tuple[int, str] | Callable[[], tuple[int, str]]
"""Status and body, or what gives them when it is asked."""


def given(answer: Answer) -> tuple[int, str]:
    """What is answered this time."""
    return answer() if callable(answer) else answer


class MemoryProbe:
    """See `envmgr.ports.Probe`. `answers` maps URLs to answers; what is not in it does not answer."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    def ask(self, check: HealthCheck, url: str, networks: Sequence[str] = ()) -> str:
        """Compares the answer with what is wanted."""
        self.asked.append(url)
        if url not in self.answers:
            return f"GET {url} got no answer."
        status, body = given(self.answers[url])
        if status != check.expect:
            return f"GET {url} answered {status}, wanted {check.expect}."
        if check.body and not matches_any(body, (f"*{check.body}*",)):
            return f"GET {url} answered without {check.body!r}."
        return ""
