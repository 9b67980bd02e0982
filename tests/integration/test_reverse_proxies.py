"""The configurations that the guide gives for nginx and Caddy, word for word, in front of a page that runs."""

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import RunKind
from envmgr.domain.values.names import EnvironmentId
from tests.browser import company
from tests.browser.http_client import Client
from tests.browser.served import Served, served
from tests.support.processes import free_port
from tests.support.waiting import stopwatch

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "sign-in.md"
_DAEMON = """\
server:
  listen: 127.0.0.1:0
  requests: 100000
  sign_in: {proxy: {user_header: X-Forwarded-User, groups_header: X-Forwarded-Groups, from: [127.0.0.1/32]}}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page that believes a proxy on loopback."""
    with served(tmp_path_factory.mktemp("proxied") / "envmgr", _DAEMON) as found:
        yield found


def _block(language: str, number: int) -> str:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[number]


def _certificate(folder: Path) -> None:
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=envmgr.example.com -addext subjectAltName=DNS:localhost"
    places = ["-keyout", str(folder / "envmgr.key"), "-out", str(folder / "envmgr.crt")]
    subprocess.run([*made.split(), *places], check=True, capture_output=True, timeout=200)


def _nginx(folder: Path, page: Served, port: int, *, asks: bool) -> list[str]:
    text = _block("nginx", 0).replace("listen 443", f"listen 127.0.0.1:{port}")
    if asks:
        text = text.replace("        proxy_pass", f"{_block('nginx', 1)}        proxy_pass", 1)
        (folder / "envmgr.htpasswd").write_text("root:{PLAIN}secret\n")
    text = text.replace("/etc/ssl", str(folder)).replace("/etc/nginx", str(folder))
    text = text.replace("127.0.0.1:8420", page.url.removeprefix("http://"))
    kept = "".join(
        f"{each}_temp_path {folder}/{each};\n"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    log = f"access_log off; error_log {folder}/error.log;\n"
    user = "user root;\n" if Path("/root").owner() == "root" and folder.owner() == "root" else ""
    whole = f"{user}daemon off; master_process off; pid {folder}/pid;\nevents {{}}\nhttp {{\n{log}{kept}{text}}}\n"
    (folder / "nginx.conf").write_text(whole)
    return ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, page: Served, port: int) -> list[str]:
    text = _block("caddy", 0).replace("envmgr.example.com {", f"https://localhost:{port} {{", 1)
    text = text.replace("/etc/ssl", str(folder)).replace("127.0.0.1:8420", page.url.removeprefix("http://"))
    head = "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"
    (folder / "Caddyfile").write_text(head + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin")
    if program is None:
        pytest.skip(f"there is no {command[0]}; `make parts` installs it")
    environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (
        (folder / "said").open("w") as said,
        subprocess.Popen([program, *command[1:]], env=environ, stdout=said, stderr=said) as proxy,
    ):
        try:
            end = time.monotonic() + 120
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert proxy.poll() is None, (folder / "said").read_text()
                    assert time.monotonic() < end
                    time.sleep(0.05)
            yield
        finally:
            proxy.kill()  # asked to end, both wait for whoever still follows a log
            proxy.wait(120)


def _asked(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = HTTPSConnection("localhost", port, timeout=120, context=_trusting())
    try:
        connection.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        got = connection.getresponse()
        return got.status, {n.lower(): v for n, v in got.getheaders()}, got.read().decode()
    finally:
        connection.close()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_the_page_is_reached_through(kind: str, page: Served, tmp_path: Path) -> None:
    """Over https with envmgr's own headers; what a visitor says of herself does not get through; live logs do at once."""
    port = free_port()
    _certificate(tmp_path)
    command = _nginx(tmp_path, page, port, asks=False) if kind == "nginx" else _caddy(tmp_path, page, port)
    client = Client(page.url)
    client.sign_in(page.tokens[Role.VIEWER])
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    services = page.runtime.services
    run = services.store.start_run(
        EnvironmentId("acme", "shop", "dave"),
        RunKind.PLAN,
        "a" * 40,
        company.HOST,
        "daemon",
        datetime.now(UTC),
        lambda number: f"logs/{number}.log",
    )
    log = services.layout.root / run.log
    log.write_text("2026-11-26T09:00:00Z the first\n")
    with _running(command, tmp_path, port):
        status, headers, _ = _asked(port, "/sign-in")
        assert (status, "default-src 'none'" in headers["content-security-policy"]) == (200, True)
        assert "Secure" in headers["set-cookie"]
        assert _asked(port, "/", X_Forwarded_User="root", X_Forwarded_Groups="platform")[0] == 303
        assert _asked(port, "/", cookie=cookie)[0] == 200
        connection = HTTPSConnection("localhost", port, timeout=120, context=_trusting())
        connection.request("GET", f"/runs/{run.id}/live", headers={"cookie": cookie})
        got = connection.getresponse()
        seconds = stopwatch()
        assert "the first" in _until_data(got)
        with log.open("a") as file:
            file.write("2026-11-26T09:00:01Z the second\n")
        assert "the second" in _until_data(got)
        assert seconds() < 10
        got.close()
        connection.close()


def _until_data(got: object) -> str:
    while not (line := got.readline().decode()).startswith("data:"):  # type: ignore[attr-defined]
        assert line
    return str(line)


def test_nginx_says_who_signed_in_there(page: Served, tmp_path: Path) -> None:
    """By name and password; the name is hers whatever header she sends beside."""
    port = free_port()
    _certificate(tmp_path)
    with _running(_nginx(tmp_path, page, port, asks=True), tmp_path, port):
        assert _asked(port, "/")[0] == 401
        who = {"authorization": "Basic cm9vdDpzZWNyZXQ="}
        status, _, text = _asked(port, "/", **who, X_Forwarded_User="carol")
        assert (status, "<strong>root</strong> admin" in text) == (200, True)
