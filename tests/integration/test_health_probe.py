"""Asking an address whether it is well, on real servers, kind and unkind ones."""

import base64
import gzip
import socket
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.adapters.health.http import HttpProbe
from envmgr.domain.values.health import HealthCheck
from tests.support.certificates import Certificates, make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.processes import HOST
from tests.support.waiting import stopwatch
from tests.support.web_server import Answer, WebServer, dripping, page

OK = HealthCheck()
SHORT = 0.3
LOOPBACK = ("127.0.0.0/8", "::1/128")
HEAD = b"HTTP/1.1 200 OK\r\n"


class LoopbackProbe(HttpProbe):
    """One that may ask this host, where all servers of a test are."""

    def ask(self, check: HealthCheck, url: str, networks: Sequence[str] = LOOPBACK) -> str:
        """Ask."""
        return super().ask(check, url, networks)


@pytest.fixture
def server() -> Iterator[WebServer]:
    """Answers over HTTP."""
    with WebServer() as running:
        yield running


@pytest.fixture
def probe() -> LoopbackProbe:
    """One without proxies or authorities of its own."""
    return LoopbackProbe({})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of a throw-away authority, for loopback."""
    return make_certificates(tmp_path_factory.mktemp("authority"), ["localhost"], HOST)


# --- what an answer must be -------------------------------------------------------------------


def test_the_wanted_status_is_healthy(server: WebServer, probe: LoopbackProbe) -> None:
    """200 unless another is wanted; nothing but a plain GET is sent."""
    assert probe.ask(OK, server.answer("/", page())) == ""
    assert probe.ask(HealthCheck(expect=503), server.answer("/down", page(503))) == ""
    headers = {name.lower(): value for name, value in server.requests[0][1].items()}
    assert headers["user-agent"] == "envmgr"
    assert not {"authorization", "cookie"} & headers.keys()


def test_another_status_is_said(server: WebServer, probe: LoopbackProbe) -> None:
    """With what was wanted, and nothing of what the answer says."""
    url = server.answer("/", page(503, b"secret inside"))
    assert probe.ask(OK, url) == f"GET {url} answered 503, wanted 200."


@pytest.mark.parametrize(
    ("body", "wanted", "is_well"),
    [
        (b'{"status": "ok"}', "status*ok", True),
        (b'{"status":\n "ok"}', "status*ok", True),
        (b'{"ok": "status"}', "status*ok", False),
        (b"a.c", "a.c", True),
        (b"abc", "a.c", False),
        (b"x" * 65530 + b"status", "status", True),
        (b"x" * 65536 + b"status", "status", False),
        ("grün".encode(), "grün", True),
        (b"\xff\xfe ok", "ok", True),
    ],
)
def test_a_pattern_is_looked_for_in_the_body(
    server: WebServer, probe: LoopbackProbe, body: bytes, wanted: str, is_well: bool
) -> None:
    """Within its first 64 KiB; only the star is special."""
    url = server.answer("/", page(200, body))
    wrong = f'GET {url} answered 200, but without "{wanted}" in its body.'
    assert probe.ask(HealthCheck(body=wanted), url) == ("" if is_well else wrong)


def test_a_compressed_body_is_read(server: WebServer, probe: LoopbackProbe) -> None:
    """Though it was not asked for; one that is not what it says is no answer."""
    url = server.answer("/", page(200, gzip.compress(b"all is well"), content_encoding="gzip"))
    assert probe.ask(HealthCheck(body="well"), url) == ""
    url = server.answer("/", page(200, b"all is well", content_encoding="gzip"))
    assert "(its body is not encoded as its headers say)" in probe.ask(HealthCheck(body="well"), url)


# --- redirects --------------------------------------------------------------------------------


def test_a_redirect_is_followed(server: WebServer, probe: LoopbackProbe) -> None:
    """Unless it is what is wanted."""
    server.answer("/b", page())
    url = server.answer("/a", page(302, location="/b"))
    assert probe.ask(OK, url) == ""
    assert probe.ask(HealthCheck(expect=302), url) == ""
    assert (
        probe.ask(OK, server.answer("/c", page(302))) == f"GET {server.url('/c')} answered 302, wanted 200."
    )


@pytest.mark.parametrize(
    ("raw", "quoted"),
    [("/über", "/%C3%BCber"), ("/\udcfcber", "/%FCber"), ("/%C3%BCber", "/%C3%BCber")],
)
def test_a_redirect_may_be_unquoted(server: WebServer, probe: LoopbackProbe, raw: str, quoted: str) -> None:
    """What a server left unquoted is asked for by the same bytes, be they UTF-8 or not."""
    server.answer(quoted, page())
    bytes_as_sent = raw.encode("utf-8", "surrogateescape").decode("latin-1")
    assert probe.ask(OK, server.answer("/a", page(302, location=bytes_as_sent))) == ""


def test_redirects_come_to_an_end(server: WebServer, probe: LoopbackProbe) -> None:
    """After five."""
    url = server.answer("/a", page(302, location="/a"))
    assert probe.ask(OK, url) == f"GET {url} leads from one address to another, more than 5 times."
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x/", "gopher:x", "http://[", "http://x:99999/"]
)
def test_a_redirect_leads_to_http_only(server: WebServer, probe: LoopbackProbe, target: str) -> None:
    """Nothing else is opened."""
    assert "could not be asked" in probe.ask(OK, server.answer("/a", page(302, location=target)))


def test_a_login_goes_to_the_address_it_stands_in_only(server: WebServer, probe: LoopbackProbe) -> None:
    """To the same server after a redirect, too, but to no other; and it is never shown."""
    with WebServer() as other:
        elsewhere = other.answer("/", page(500)).replace("//", "//thief:x@")
        server.answer("/b", page(302, location=elsewhere))
        url = server.answer("/a", page(302, location="/b")).replace("//", "//bot:p%40ss@")
        said = probe.ask(OK, f"{url}?token=abc")
    assert said == f"GET {server.url('/a')}?… answered 500, wanted 200."
    basic = f"Basic {base64.b64encode(b'bot:p@ss').decode()}"
    assert [headers.get("authorization") for _, headers in server.requests] == [basic, basic]
    assert "authorization" not in {name.lower() for name in other.requests[0][1]}


# --- no answer --------------------------------------------------------------------------------


def test_a_closed_port_is_said(probe: LoopbackProbe) -> None:
    """As the system says it."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        url = f"http://{HOST}:{taken.getsockname()[1]}/"
        assert probe.ask(OK, url) == f"GET {url} did not answer (connection refused)."


def test_an_unknown_name_is_said(probe: LoopbackProbe) -> None:
    """Without the resolver's words."""
    url = "http://nowhere.invalid/"
    assert probe.ask(OK, url) == f"GET {url} did not answer (its name cannot be resolved)."


@pytest.mark.parametrize(
    "url", ["", "nonsense", "file:///etc/passwd", "http://", "http://[", "http://a b/", "null"]
)
def test_what_is_no_address_is_said(probe: LoopbackProbe, url: str) -> None:
    """An output may be anything."""
    assert "could not be asked" in probe.ask(OK, url)


@pytest.mark.parametrize(
    "answer",
    [
        dripping(b"", b""),
        dripping(b"HTTP/1.1 200", b" "),
        dripping(HEAD, b"X-Drop: 1\r\n"),
        dripping(HEAD + b"X-Long: ", b"1"),
        dripping(HEAD + b"\r\n", b"x"),
        dripping(HEAD + b"Content-Length: 9999\r\n\r\n", b"x"),
        dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "status", "headers", "header", "body", "sized body", "chunks"],
)
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_who_answers_by_drops_is_cut_off(certificates: Certificates, answer: Answer, is_secure: bool) -> None:
    """The time limit is for the whole try, not from drop to drop."""
    probe = LoopbackProbe({"SSL_CERT_FILE": str(certificates.authority)}, SHORT)
    probe._pools._authorities()
    with WebServer(certificates if is_secure else None) as server:
        seconds = stopwatch()
        said = probe.ask(HealthCheck(body="never"), server.answer("/", answer))
    assert f"did not answer (it took longer than {SHORT} s)" in said
    assert seconds() < 40 * SHORT


def test_a_body_that_nobody_asked_for_is_not_waited_for(server: WebServer) -> None:
    """The status is there."""
    url = server.answer("/", dripping(HEAD + b"\r\n", b"x"))
    assert LoopbackProbe({}, SHORT).ask(OK, url) == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        HEAD + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n",
        HEAD + b"X: 1\r\n" * 1000 + b"\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Content-Length: 10\r\n\r\nabc",
        b"\x00\xff" * 100,
        b"",
    ],
    ids=["ssh", "status", "header", "headers", "chunk", "cut short", "binary", "nothing"],
)
def test_what_is_no_http_is_no_answer(server: WebServer, probe: LoopbackProbe, raw: bytes) -> None:
    """And nothing of it is repeated."""
    url = server.answer("/", dripping(raw, b"", ends=True))
    said = probe.ask(HealthCheck(body="well"), url)
    assert said.startswith(f"GET {url} did not answer (")
    assert "OpenSSH" not in said
    assert len(said) < 200


def test_a_bomb_takes_no_memory(server: WebServer, probe: LoopbackProbe) -> None:
    """400 MB of zeros in 400 KB: only the beginning is unpacked."""
    bomb = gzip.compress(bytes(400_000_000), 1)
    url = server.answer("/", page(200, bomb, content_encoding="gzip"))
    tracemalloc.start()
    said = probe.ask(HealthCheck(body="well"), url)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "but without" in said
    assert most < 20_000_000


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_no_address_raises(url: str) -> None:
    """Whatever an output holds, there is a sentence on one line."""
    said = LoopbackProbe({}).ask(OK, "ftp://" + url)
    assert said.startswith("GET ")
    assert said.isprintable()


# --- who may be asked -------------------------------------------------------------------------

REFUSED = "leads to a private, loopback or link-local address"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "127.1",
        "2130706433",
    ],
)
def test_nobody_within_is_asked(server: WebServer, host: str) -> None:
    """In whatever form the address comes; no connection is made, so nothing is told of what is there."""
    url = server.answer("/", page()).replace(HOST, host)
    assert REFUSED in HttpProbe({}).ask(OK, url)
    assert server.requests == []


def test_a_redirect_leads_nowhere_within(server: WebServer) -> None:
    """Each hop is looked at by itself."""
    server.answer("/b", page())
    hop = server.answer("/a", page(302, location=f"http://127.0.0.2:{server.port}/b"))
    assert REFUSED in HttpProbe({}).ask(OK, hop, ["127.0.0.1/32"])
    assert [path for path, _ in server.requests] == ["/a"]


def test_a_name_is_looked_up_once(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that says something else when it is asked again leads to what was checked; Host and all are the name's."""
    real: Callable[..., Any] = socket.getaddrinfo
    asked: list[str] = []

    def rebinding(host: str, *rest: Any, **options: Any) -> Any:
        if host != "rebind.example":
            return real(host, *rest, **options)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = server.answer("/", page()).replace(HOST, "rebind.example")
    assert HttpProbe({}).ask(OK, url, ["127.0.0.1/32"]) == ""
    assert asked == ["rebind.example"]
    headers = {name.lower(): value for name, value in server.requests[0][1].items()}
    assert headers["host"] == f"rebind.example:{server.port}"
    assert REFUSED in HttpProbe({}).ask(OK, url, ["127.0.0.1/32"])


def test_no_proxy_is_asked_for_an_address_within(server: WebServer) -> None:
    """A proxy stands within, too."""
    probe = HttpProbe({"HTTP_PROXY": server.url("")})
    assert REFUSED in probe.ask(OK, "http://169.254.169.254/latest/meta-data")
    assert server.requests == []


# --- TLS and proxies --------------------------------------------------------------------------


def test_a_certificate_is_verified(certificates: Certificates, probe: LoopbackProbe) -> None:
    """By the system's authorities and the one that SSL_CERT_FILE names, and for the right name."""
    own = LoopbackProbe({"SSL_CERT_FILE": str(certificates.authority)})
    with WebServer(certificates) as server:
        url = server.answer("/", page())
        assert own.ask(OK, url) == ""
        assert "(its certificate is not trusted: self-signed certificate" in probe.ask(OK, url)


def test_the_name_in_the_certificate_counts(tmp_path: Path) -> None:
    """One for another host is none."""
    certificates = make_certificates(tmp_path, ["example.com"], "127.0.0.9")
    with WebServer(certificates) as server:
        said = LoopbackProbe({"SSL_CERT_FILE": str(certificates.authority)}).ask(
            OK, server.answer("/", page())
        )
    assert "its certificate is not trusted: IP address mismatch" in said


def test_tls_where_none_is_spoken(server: WebServer, probe: LoopbackProbe) -> None:
    """And the other way round."""
    assert "the TLS connection failed" in probe.ask(OK, server.url().replace("http:", "https:"))


def test_authorities_that_cannot_be_read_are_named() -> None:
    """Not one who trusts nobody is asked, in vain."""
    said = LoopbackProbe({"SSL_CERT_FILE": "/nowhere.pem"}).ask(OK, f"https://{HOST}:1/")
    assert said.endswith("could not be asked: /nowhere.pem, which SSL_CERT_FILE names, cannot be read.")


def test_a_proxy_leads_the_way(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tunnel for https, which verifies the server all the same; one that leads nowhere is said to be the proxy's."""
    with (
        WebServer(certificates) as server,
        ConnectProxy({f"localhost:{server.port}": server.port}.get) as proxy,
    ):
        server.answer("/", page())
        monkeypatch.setattr("envmgr.host.credentials.network.is_loopback", lambda _: False)
        environ = {"https_proxy": proxy.url, "SSL_CERT_FILE": str(certificates.authority)}
        assert LoopbackProbe(environ).ask(OK, server.url(host="localhost")) == ""
        assert proxy.led == [f"localhost:{server.port}"]
        assert "(the proxy: " in LoopbackProbe(environ).ask(OK, "https://elsewhere.example/")
        assert LoopbackProbe({**environ, "NO_PROXY": "localhost"}).ask(OK, server.url(host="localhost")) == ""
        assert len(proxy.led) == 1


def test_plain_http_is_asked_of_the_proxy(server: WebServer, probe: LoopbackProbe) -> None:
    """By the whole address, with the proxy's own login."""
    server.answer("http://shop.example.com/ok", page())
    with_login = server.url("").replace("//", "//me:pass@")
    assert LoopbackProbe({"HTTP_PROXY": with_login}).ask(OK, "http://bot:x@shop.example.com/ok") == ""
    (path, headers), basic = server.requests[0], base64.b64encode(b"me:pass").decode()
    assert path == "http://shop.example.com/ok"
    assert headers["proxy-authorization"] == f"Basic {basic}"
