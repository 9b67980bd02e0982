"""What the port `Probe` promises, of a server on loopback and of the answers in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from envmgr.adapters.health.probe import HealthProbe
from envmgr.domain.values.health import HealthCheck
from envmgr.ports import Probe
from tests.support.in_memory.probe import MemoryProbe
from tests.support.processes import free_port
from tests.support.web_server import WebServer, page

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass
class Trial:
    """A probe, and how an address comes to answer."""

    probe: Probe
    answer: Callable[[str, int, str], str]
    nobody: str

    def ask(self, check: HealthCheck, url: str) -> str:
        """Asks, where this host may be asked."""
        return self.probe.ask(check, url, LOOPBACK)


@pytest.fixture(params=["http", "memory"])
def trial(request: pytest.FixtureRequest) -> Iterator[Trial]:
    nobody = f"http://127.0.0.1:{free_port()}/"
    if request.param == "http":
        with WebServer() as server:
            yield Trial(
                HealthProbe({}),
                lambda path, status, body: server.answer(path, page(status, body.encode())),
                nobody,
            )
        return
    probe = MemoryProbe()

    def answer(path: str, status: int, body: str) -> str:
        probe.answers[f"http://127.0.0.1{path}"] = (status, body)
        return f"http://127.0.0.1{path}"

    yield Trial(probe, answer, nobody)


def test_what_answers_as_wanted_is_well(trial: Trial) -> None:
    assert trial.ask(HealthCheck(), trial.answer("/", 200, "")) == ""
    assert trial.ask(HealthCheck(expect=503), trial.answer("/down", 503, "")) == ""
    assert trial.ask(HealthCheck(body="status*ok"), trial.answer("/said", 200, "status: ok.")) == ""


def test_another_answer_is_said_without_its_body(trial: Trial) -> None:
    url = trial.answer("/", 500, "secret inside")
    assert trial.ask(HealthCheck(), url) == f"GET {url} answered 500, wanted 200."
    said = trial.ask(HealthCheck(body="status*ok"), trial.answer("/said", 200, "secret inside"))
    assert said
    assert "secret" not in said


def test_no_answer_is_said_and_raises_nothing(trial: Trial) -> None:
    assert trial.ask(HealthCheck(), trial.nobody)
