"""What a cage reaches of the network: curl, git and Terraform by its proxy, and nothing past it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.steps.runner import StepRunner
from envmgr.domain.rules.network.egress import Refusal, Why
from envmgr.domain.values.cage import CageRules, Network, Reach
from envmgr.domain.values.environment import Status
from envmgr.domain.values.step import Step
from envmgr.host.cage.network import refused
from envmgr.ports import Place, StepLimits, Watch
from tests.integration.attack_rows import Row, tries
from tests.support import own_address
from tests.support.certificates import Certificates, make_certificates
from tests.support.engine import Engine, code
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.waiting import wait_for
from tests.support.web_server import WebServer, page

HOST = socket.gethostname()
LOOPBACK = ("127.0.0.0/8",)


pytestmark = pytest.mark.usefixtures("bubblewrap")


@pytest.fixture
def certificates(folder: Path) -> Certificates:
    return make_certificates(folder, [HOST], "127.0.0.1")


@pytest.fixture
def web(certificates: Certificates) -> Iterator[WebServer]:
    with WebServer(certificates) as server:
        yield server


def place(folder: Path, allowed: Network, trusted: Certificates) -> Place:
    """Where a step runs that reaches a part of the network."""
    made = Place(
        checkout=folder / "steps/checkout",
        home=folder / "steps/home",
        temporary=folder / "steps/tmp",
        cache=folder / "cache",
        environment={"CURL_CA_BUNDLE": str(trusted.authority), "GIT_SSL_CAINFO": str(trusted.authority)},
        limits=StepLimits(output=100_000),
        cage=CageRules(kind="bwrap", network=allowed),
    )
    made.checkout.mkdir(parents=True)
    return made


def run(folder: Path, where: Place, command: str) -> str:
    """Runs a command as a step; gives its log."""
    log = folder / "1.log"
    step = Step(name="app", run=command, timeout=timedelta(minutes=1))
    StepRunner(identify).run(step, where, Watch(log=log))
    return log.read_text()


def test_what_is_listed_is_reached_and_the_rest_is_refused_and_said(
    folder: Path, web: WebServer, certificates: Certificates
) -> None:
    web.answer("/", page(body=b"by the proxy"))
    allowed = Network(reach=Reach.LISTED, allow=(f"{HOST}:{web.port}",), networks=LOOPBACK)
    said = run(
        folder,
        place(folder, allowed, certificates),
        f"""
        curl -sS https://{HOST}:{web.port}/
        curl -sS https://evil.example/ && exit 1
        curl -sS http://evil.example/ && test "$(curl -s -o /dev/null -w '%{{http_code}}' http://evil.example/)" != 405 && exit 1
        curl -sS --noproxy '*' -m 5 https://127.0.0.1:{web.port}/ && exit 1
        curl -sS --noproxy '*' -m 5 https://{HOST}:{web.port}/ && exit 1
        true
        """,
    )
    assert "by the proxy" in said
    assert "network: refused evil.example:443; add it to cage.network.allow\n" in said
    assert Refusal("evil.example:443", Why.NOT_LISTED) in refused(folder / "1.log")
    assert len(web.requests) == 1


@tries(Row.NETWORK)
def test_without_a_list_no_private_address_is_reached_by_whatever_name(
    folder: Path, web: WebServer, certificates: Certificates
) -> None:
    said = run(
        folder,
        place(folder, Network(reach=Reach.PUBLIC), certificates),
        f"for host in {HOST} 127.0.0.1 169.254.169.254 127.1 2130706433; do "
        f"curl -sS --noproxy none https://$host:{web.port}/ && exit 1; done; true",
    )
    assert web.requests == []
    assert f"network: refused {HOST}:{web.port}, which leads to no public address" in said
    assert {refusal.why for refusal in refused(folder / "1.log")} == {Why.NOT_PUBLIC}


@tries(Row.NETWORK)
def test_a_public_address_of_the_host_itself_is_reached_by_its_own_name_alone(folder: Path) -> None:
    own = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    subprocess.run([*own, sys.executable, "-m", own_address.__name__, str(folder)], check=True)
    seen = json.loads((folder / "seen.json").read_text())
    target = f"{own_address.ADDRESS}:{own_address.PORT}"
    refused_as_own = f"network: refused {target}, which leads to this host itself; cage.networks may open its"
    assert f"network: {target} did not answer" in seen["before"][0], "as any public address of others"
    assert refused_as_own in seen["public"][0]
    assert {name: is_reached for name, (_, is_reached) in seen.items()} == {
        "before": False,
        "public": False,
        "wildcard": False,
        "named": True,
        "network": True,
    }


def test_git_clones_by_it(folder: Path, certificates: Certificates) -> None:
    repository = GitRepository.create(folder / "remotes/shop.git")
    repository.commit("main", {"README.md": "cloned"})
    with GitServer(folder / "remotes", certificates=certificates) as server:
        url = server.https_url("shop", HOST)
        allowed = Network(reach=Reach.LISTED, allow=(url.split("/")[2],), networks=LOOPBACK)
        said = run(
            folder, place(folder, allowed, certificates), f"git clone -q -b main {url} x; cat x/README.md"
        )
    assert "cloned" in said


def test_terraform_fetches_its_modules_by_it(
    folder: Path, web: WebServer, certificates: Certificates, terraform_binary: str
) -> None:
    """One from a host that is not listed is refused, and the failure names it."""
    archive = folder / "module.zip"
    with ZipFile(archive, "w") as packed:
        packed.writestr("main.tf", 'output "said" { value = "from elsewhere" }')
    web.answer("/module.zip", page(body=archive.read_bytes()))
    cage = {"kind": "bwrap", "network": {"allow": [f"{HOST}:{web.port}"]}, "networks": list(LOOPBACK)}
    (folder / "engine").mkdir()
    engine = Engine(folder / "engine", cage=cage)
    engine.settings["terraform"] = {"binary": terraform_binary}
    engine.settings["environment_variables"] = {"SSL_CERT_FILE": str(certificates.authority)}
    module = f'module "elsewhere" {{ source = "https://{HOST}:{web.port}/module.zip" }}'
    try:
        shop = engine.repository()
        shop.commit("env-alice", code(module=module))
        shop.commit("env-bob", code(module=module.replace(HOST, "evil.example")))
        engine.turn()
        alice, bob = engine.environment("alice"), engine.environment("bob")
        assert alice.status is Status.READY, alice.message
        assert bob.status is not Status.READY
        logs = "".join(path.read_text() for path in (engine.data / "logs").rglob("*.log"))
        assert f"refused evil.example:{web.port}; add it to cage.network.allow" in logs
    finally:
        engine.close()


_DAEMON = """
import os, signal, subprocess, sys
from pathlib import Path
from envmgr.domain.values.cage import Cage, Network, Purpose, Reach
from envmgr.host.cage.bubblewrap import caged
from envmgr.host.children.child import Start
folder, url, name, script = sys.argv[1:]
net = Network(reach=Reach.LISTED, allow=(name,), networks=("127.0.0.0/8",))
cage = Cage(kind="bwrap", purpose=Purpose.DEPLOY, writes=(folder,), network=net)
with open(folder + "/out", "w") as out:
    start = Start(argv=("sh", "-c", script), folder=Path(folder), environment={"PATH": os.environ["PATH"]},
                  output=out.fileno(), errors=out.fileno())
    with caged(start, cage, Path(folder) / "1.log") as made:
        subprocess.Popen(made.argv, cwd=folder, env=dict(made.environment), stdout=out, stderr=out,
                         pass_fds=made.keep_open, start_new_session=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_outlives_envmgr_as_what_runs_does_and_ends_with_that(
    folder: Path, web: WebServer, certificates: Certificates
) -> None:
    web.answer("/", page(body=b"after its end"))
    url = f"https://{HOST}:{web.port}/"
    script = f"while ! test -e go; do sleep 0.1; done; curl -sSk {url} > got; echo > done; while test -e go; do sleep 0.1; done"
    own = folder / "own"
    own.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _DAEMON, str(own), url, f"{HOST}:{web.port}", script],
        env={**os.environ, "PATH": f"{os.environ['PATH']}:{own}"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (own / "go").touch()
    wait_for((own / "done").exists)
    assert (own / "got").read_text() == "after its end", (own / "out").read_text()
    assert proxies(own), "it lives on"
    (own / "go").unlink()
    wait_for(lambda: not proxies(own))


def proxies(folder: Path) -> list[str]:
    """The proxies of an envmgr that had this folder on its PATH."""
    wanted = f":{folder}\0".encode()
    found = []
    for process in Path("/proc").iterdir():
        try:
            is_proxy = process.name.isdigit() and (process / "comm").read_text() == "envmgr-proxy\n"
            if is_proxy and wanted in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found
