"""pip, npm and the real AWS provider by the proxy of a cage, each from a server that a list, or a default, lets them reach."""

import hashlib
import io
import json
import socket
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from envmgr.domain.values.cage import Network, Reach
from envmgr.domain.values.environment import Status
from tests.integration import test_cage_network as by_network
from tests.integration.test_destroy_aws import MODULE
from tests.support import aws
from tests.support.certificates import Certificates, make_certificates
from tests.support.engine import Engine, code
from tests.support.web_server import WebServer, page

HOST = socket.gethostname()
LOOPBACK = ["127.0.0.0/8"]


pytestmark = pytest.mark.usefixtures("bubblewrap")


@pytest.fixture
def certificates(folder: Path) -> Certificates:
    return make_certificates(folder, [HOST], "127.0.0.1")


@pytest.fixture
def web(certificates: Certificates) -> Iterator[WebServer]:
    with WebServer(certificates) as server:
        yield server


def wheel() -> bytes:
    """A package of Python with one module."""
    files = {
        "demo.py": "print('from the registry')\n",
        "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "demo-1.0.dist-info/RECORD": "",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def tarball() -> bytes:
    """A package of Node.js with one module."""
    files = {
        "package/package.json": '{"name": "demo", "version": "1.0.0", "main": "index.js"}',
        "package/index.js": "console.log('from the registry')",
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def stepped(folder: Path, web: WebServer, certificates: Certificates, command: str) -> str:
    """Runs a command as a step whose list has the web server alone; gives its log."""
    listed = Network(reach=Reach.LISTED, allow=(f"{HOST}:{web.port}",), networks=tuple(LOOPBACK))
    where = by_network.place(folder, listed, certificates)
    trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(certificates.authority))
    object.__setattr__(where, "environment", {**where.environment, **trusted})
    object.__setattr__(where, "readable", (Path(sys.prefix), Path(sys.base_prefix)))
    return by_network.run(folder, where, command)


def test_pip_installs_from_a_registry_that_is_listed(
    folder: Path, web: WebServer, certificates: Certificates
) -> None:
    web.answer(
        "/simple/demo/", page(body=b'<a href="/demo-1.0-py3-none-any.whl">demo</a>', content_type="text/html")
    )
    web.answer("/demo-1.0-py3-none-any.whl", page(body=wheel()))
    said = stepped(
        folder,
        web,
        certificates,
        f"""
        {sys.executable} -m pip install -q --disable-pip-version-check --target there --index-url https://{HOST}:{web.port}/simple demo
        {sys.executable} there/demo.py
        ! {sys.executable} -m pip download -q --disable-pip-version-check --retries 0 --index-url https://evil.example/simple demo
        """,
    )
    assert "from the registry\n" in said
    assert "network: refused evil.example:443; add it to cage.network.allow" in said


def test_npm_installs_from_a_registry_that_is_listed(
    folder: Path, web: WebServer, certificates: Certificates
) -> None:
    packed, root = tarball(), f"https://{HOST}:{web.port}"
    dist = {"tarball": f"{root}/demo/-/demo-1.0.0.tgz", "shasum": hashlib.sha1(packed).hexdigest()}
    version = {"name": "demo", "version": "1.0.0", "main": "index.js", "dist": dist}
    document = {"name": "demo", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    web.answer("/demo", page(body=json.dumps(document).encode(), content_type="application/json"))
    web.answer("/demo/-/demo-1.0.0.tgz", page(body=packed))
    said = stepped(
        folder,
        web,
        certificates,
        f"npm install --cafile {certificates.authority} --no-audit --no-fund --no-update-notifier --registry {root}/ demo && node -e \"require('demo')\"",
    )
    assert "from the registry\n" in said


@pytest.mark.timeout(300)
def test_the_aws_provider_reaches_its_cloud_though_the_list_is_empty(
    folder: Path, certificates: Certificates, whole_provider_cli_config: Path, terraform_binary: str
) -> None:
    """By the endpoint that the organization's variables name; `init` needs no credentials for a state on this host."""
    (folder / "engine").mkdir()
    engine = Engine(folder / "engine", cage={"kind": "bwrap", "network": {"allow": []}, "networks": LOOPBACK})
    moto = aws.start_moto(folder, certificates)
    try:
        engine.settings["terraform"] = {
            "binary": terraform_binary,
            "cli_config": str(whole_provider_cli_config),
        }
        engine.settings["environment_variables"] = {
            **aws.aws_environment(f"https://{HOST}:{moto.port}"),
            "AWS_CA_BUNDLE": str(certificates.authority),
        }
        shop = engine.repository(variables={"region": aws.REGION, "bucket": f"by-proxy-{uuid4().hex}"})
        shop.commit("env-alice", code(module=MODULE))
        engine.turn()
        assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    finally:
        engine.close()
        moto.stop()
