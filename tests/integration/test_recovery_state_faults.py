"""Invariant 9: whatever way the backend fails, the state is kept, and pushed before anything else is done."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from envmgr.domain.values.environment import Status
from tests.integration.outage import Outage
from tests.support.aws import S3_BACKEND
from tests.support.azure import Azurite
from tests.support.certificates import make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.engine import Engine, push
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.processes import HOST

BOTH = {"terraform_data.mark", "terraform_data.slow"}


@dataclass
class Backend:
    """A store of states behind a proxy: what the organization file says of it."""

    proxy: FaultyProxy
    environment: dict[str, str]
    backend: dict[str, Any]

    def use(self, engine: Engine) -> None:
        """Let the engine keep its states there."""
        engine.settings["backend"] = self.backend
        engine.settings["environment_variables"] = self.environment


@pytest.fixture
def s3(moto_url: str, aws_environment: dict[str, str]) -> Iterator[Backend]:
    """S3; Terraform tries everything once."""
    port = urlsplit(moto_url).port
    assert port is not None
    with FaultyProxy(port) as proxy:
        settings = {**S3_BACKEND, "bucket": f"states-{uuid4().hex}", "max_retries": 1}
        yield Backend(proxy, {**aws_environment, "AWS_ENDPOINT_URL": proxy.url}, {"s3": settings})


@pytest.fixture
def azurerm(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Azure; the proxy ends its TLS and so sees each request."""
    port = urlsplit(azurite.endpoint).port
    assert port is not None
    certificates = make_certificates(tmp_path_factory.mktemp("proxy"), ["*.blob.core.windows.net"], HOST)
    with (
        FaultyProxy(port, certificates, str(azurite.authority)) as proxy,
        ConnectProxy(lambda _: proxy.port) as connect,
    ):
        own = {
            "HTTPS_PROXY": connect.url,
            "https_proxy": connect.url,
            "SSL_CERT_FILE": str(certificates.authority),
        }
        settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
        yield Backend(proxy, {**azurite.environment, **own}, {"azurerm": settings})


FAULTS: dict[str, Callable[[FaultyProxy], None]] = {
    "stopped": FaultyProxy.stop,
    "cut": lambda proxy: proxy.fail(Fault(cut=True)),
    "500": lambda proxy: proxy.fail(Fault(status=500)),
    "403": lambda proxy: proxy.fail(Fault(status=403)),
}


def writes_state(line: str, body: bytes) -> bool:
    """Whether a request writes a state, and no lock."""
    return line.startswith("PUT ") and b'"lineage"' in body


# The azurerm backend itself repeats what got a 500, for minutes: see the test of short outages.
@pytest.mark.parametrize(
    ("kind", "fault"),
    [("s3", fault) for fault in FAULTS] + [("azurerm", fault) for fault in ("stopped", "cut", "403")],
)
def test_a_state_that_could_not_be_written_is_pushed_before_anything_else(
    engine: Engine, kind: str, fault: str, request: pytest.FixtureRequest
) -> None:
    """The first apply, so nothing but the kept state says what there is; the lock stays behind too."""
    backend: Backend = request.getfixturevalue(kind)
    backend.use(engine)
    outage = Outage(engine)

    outage.during_an_apply(lambda: FAULTS[fault](backend.proxy))

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.FAILED, None)
    assert "state could not be written" in alice.message
    assert outage.kept.stat().st_mode & 0o777 == 0o600
    outage.commands()
    engine.turn(minutes=10)
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert f"still kept in {outage.kept}" in alice.message
    assert outage.kept.exists()
    assert set(outage.commands()) == {"state pull"}
    backend.proxy.heal()
    if fault == "stopped":
        backend.proxy.start()

    engine.turn(hours=1)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert outage.made == "made\n"
    assert not outage.kept.exists()
    assert "state-recovered" in engine.actions("alice")
    commands = outage.commands()
    assert [c for c in commands if c not in {"force-unlock", "state pull"}][-2:] == ["state push", "plan"]
    assert set(alice.applied.resources) == BOTH


def test_another_host_pushes_what_could_not_be_written(
    engine: Engine, s3: Backend, postgres_database: str
) -> None:
    """The host that made it is gone with its disk; nothing is made twice, and the state shows nowhere as it is."""
    url, key = engine.folder / "url", engine.folder / "key"
    url.write_text(postgres_database)
    key.write_text("k" * 64)
    (engine.folder / "daemon.yaml").write_text(
        f"daemon: {{database: {{file: {url}}}, bundle_key: {{file: {key}}}}}\n"
    )
    s3.use(engine)
    outage = Outage(engine)
    outage.during_an_apply(lambda: FAULTS["stopped"](s3.proxy))
    assert "state could not be written" in engine.environment("alice").message
    assert outage.kept.exists(), "whoever loses the database has it still"
    engine.close()
    shutil.rmtree(engine.data)
    engine.data = engine.folder / "another"
    s3.proxy.heal()
    s3.proxy.start()
    outage.commands()

    engine.turn(hours=1)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert outage.made == "made\n"
    assert set(alice.applied.resources) == BOTH
    assert not outage.kept.exists()
    assert "state push" in outage.commands()
    assert engine.application.services.store.left_states.get(alice.id) is None


def test_a_state_that_arrived_though_the_answer_did_not_is_no_other_one(engine: Engine, s3: Backend) -> None:
    """S3 took the state, and then the line was cut: what was kept is the same, and pushing it changes nothing."""
    s3.use(engine)
    outage = Outage(engine)
    outage.during_an_apply(lambda: s3.proxy.fail(Fault(lost=True), writes_state))
    assert "state could not be written" in engine.environment("alice").message
    assert len(s3.proxy.failed) == 1
    assert outage.kept.exists()
    s3.proxy.heal()

    engine.turn(hours=1)

    alice = engine.environment("alice")
    assert (alice.status, set(alice.applied.resources)) == (Status.READY, BOTH), alice.message
    assert outage.made == "made\n"
    assert not outage.kept.exists()


@pytest.mark.parametrize(
    ("kind", "fault", "times"),
    [("azurerm", Fault(status=500), 2), ("azurerm", Fault(delay=3), 1), ("s3", Fault(delay=3), 1)],
    ids=["azurerm 500", "azurerm slow", "s3 slow"],
)
def test_a_short_outage_is_ridden_out(
    engine: Engine, kind: str, fault: Fault, times: int, request: pytest.FixtureRequest
) -> None:
    """A backend that is slow, or for which Terraform itself tries again, fails nothing."""
    backend: Backend = request.getfixturevalue(kind)
    backend.use(engine)
    outage = Outage(engine)
    failed = backend.proxy.failed

    outage.during_an_apply(
        lambda: backend.proxy.fail(fault, lambda *told: writes_state(*told) and len(failed) < times)
    )

    alice = engine.environment("alice")
    assert (alice.status, set(alice.applied.resources)) == (Status.READY, BOTH), alice.message
    assert len(failed) == times
    assert not outage.kept.exists()


def test_a_destroy_whose_state_could_not_be_written_is_finished(engine: Engine, s3: Backend) -> None:
    """All is gone, but S3 does not know; it is told, and then the end is verified."""
    s3.use(engine)
    outage = Outage(engine)
    shop = engine.repositories["shop"]
    push(shop, ["alice"])
    engine.turn()
    shop.delete("env-alice")
    s3.proxy.fail(Fault(status=500), writes_state)
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "state could not be written" in alice.message
    assert alice.claim is not None
    s3.proxy.heal()
    outage.commands()

    engine.turn(hours=1)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert outage.commands() == ["state pull", "state push", "plan"]
