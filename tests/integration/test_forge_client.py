"""The client that speaks with forges, against servers that behave in every way."""

import gzip
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from envmgr.adapters.forge.budget import Budget
from envmgr.adapters.forge.client import Dialect, ForgeClient, segment
from envmgr.adapters.forge.failure import Declined, NotAllowed
from envmgr.adapters.forge.signing import TokenSignIn
from envmgr.adapters.forge.wire import Wire
from envmgr.domain.errors import EnvmgrError, NeedsOperator, NotThere, RetryLater, Transient
from tests.support.certificates import make_certificates
from tests.support.processes import HOST
from tests.support.scripted_http import Reply, Request, ScriptedHttp
from tests.support.waiting import stopwatch
from tests.support.web_server import WebServer, dripping

TOKEN = "ghs_hush-hush-token"


class Server:
    """Answers by `reply`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.reply: Callable[[Request], Reply] = lambda _: Reply(200, {})
        self.http = ScriptedHttp(self._answer)

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.reply(request)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.http.port}"


@pytest.fixture
def server() -> Iterator[Server]:
    """A forge of our own making."""
    made = Server()
    with made.http:
        yield made


def client(
    url: str,
    read: Callable[[], str] = lambda: TOKEN,
    seconds: float = 20,
    environ: Mapping[str, str] | None = None,
    authorities: str | None = None,
) -> ForgeClient:
    """A client of GitHub's kind."""
    wire = Wire("GitHub", environ or {}, authorities, seconds)
    return ForgeClient(url, Dialect(where="GitHub"), TokenSignIn(read, "GitHub"), wire, Budget("GitHub"))


def test_what_is_asked_and_answered(server: Server) -> None:
    """JSON both ways, the token of now, and a path whose parts are quoted."""
    tokens = iter(["first", "second"])
    asking = client(f"{server.url}/api/v3", lambda: next(tokens))
    server.reply = lambda request: Reply(201, {"id": 1}) if request.body else Reply(200, [{"n": 1}])
    answer = asking.get(f"/repos/{segment('a/b?')}/pulls", {"state": "open", "q": "a b"})
    assert [each.number("n") for each in answer.as_objects()] == [1]
    assert asking.send("POST", "/x", {"body": "ünï"}).as_object().number("id") == 1
    got, posted = server.asked
    assert got.path == "/api/v3/repos/a%2Fb%3F/pulls?state=open&q=a+b"
    assert (got.headers["Authorization"], posted.headers["Authorization"]) == (
        "Bearer first",
        "Bearer second",
    )
    assert json.loads(posted.body) == {"body": "ünï"}
    assert dict(asking.budget.calls) == {"read": 1, "write": 1}


def test_nothing_leads_out_of_a_path() -> None:
    """A name of dots would be another place."""
    for name in ("..", ".", ""):
        with pytest.raises(NotThere):
            segment(name)


def test_an_answer_that_still_holds_is_not_sent_again(server: Server) -> None:
    """By its tag, with its body and its pages; another address is another answer."""
    tag = 'W/"1"'

    def reply(request: Request) -> Reply:
        if request.headers.get("If-None-Match") == tag:
            return Reply(304, b"")
        return Reply(200, [{"n": request.path}], {"ETag": tag, "Link": '</two>; rel="next"'})

    server.reply = reply
    asking = client(server.url)
    first = [asking.get("/one") for _ in range(2)]
    assert [each.as_objects()[0].text("n") for each in first] == ["/one", "/one"]
    assert first[1].headers["link"] == '</two>; rel="next"'
    assert asking.get("/two").as_objects()[0].text("n") == "/two"
    assert asking.budget.usage.calls == {"read": 2, "unchanged": 1}


def test_pages_are_followed_on_the_same_forge_alone(server: Server) -> None:
    """Another scheme, host or port gets no token; a list without end is none."""
    asking = client(server.url)
    links = {"/one": '</one?page=2>; rel="next", </one?page=9>; rel="last"'}
    server.reply = lambda request: Reply(200, [{"n": 1}], {"Link": links.get(request.path, "")})
    assert len(list(asking.pages("/one"))) == 2
    for elsewhere in (
        f"http://localhost:{server.http.port}/x",
        f"https://127.0.0.1:{server.http.port}/x",
        "http://127.0.0.1:1/x",
        f"http://user@127.0.0.1:{server.http.port}/x",
        "//evil.example.com/x",
        "http://[broken/x",
    ):
        links["/two"] = f'<{elsewhere}>; rel="next"'
        with pytest.raises(NeedsOperator, match="leads to another address than its `url`"):
            list(asking.pages("/two"))
    links["/round"] = '</round>; rel="next"'
    with pytest.raises(Transient, match="a list of it never ends"):
        list(asking.pages("/round"))


def test_a_redirect_is_followed_only_for_a_read_and_at_home(server: Server) -> None:
    """A renamed repository is found; a token goes nowhere else."""
    target = "/new"
    server.reply = lambda request: (
        Reply(200, {"n": 1}) if request.path == "/new" else Reply(301, {}, {"Location": target})
    )
    asking = client(server.url)
    assert asking.get("/old").as_object().number("n") == 1
    with pytest.raises(NeedsOperator, match=r"leads elsewhere \(301, POST /old"):
        asking.send("POST", "/old", {})
    target = "http://evil.example.com/new"
    with pytest.raises(NeedsOperator, match="leads to another address"):
        asking.get("/old")
    target = "/old"
    with pytest.raises(NeedsOperator, match="leads elsewhere"):
        asking.get("/old")


@pytest.mark.parametrize(
    ("status", "headers", "kind", "sentence"),
    [
        (401, {}, NeedsOperator, "does not accept the credentials that envmgr has for it"),
        (403, {}, NotAllowed, "does not let envmgr do this (403, GET /x: no [redacted])"),
        (403, {"Retry-After": "7"}, RetryLater, "is asked again in 7 s"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"}, RetryLater, "is asked again in 9 s"),
        (429, {}, RetryLater, "is asked again in 60 s"),
        (503, {"Retry-After": "8"}, RetryLater, "is asked again in 8 s"),
        (404, {}, NotThere, "has nothing there"),
        (410, {}, NotThere, "has nothing there"),
        (409, {}, Declined, "does not take what envmgr sent (409, GET /x: no [redacted])"),
        (422, {}, Declined, "does not take what envmgr sent"),
        (500, {}, Transient, "did not answer as it should (500, GET /x"),
        (503, {}, Transient, "did not answer as it should (503"),
    ],
)
def test_refusals_are_told_by_what_is_to_be_done(
    server: Server, status: int, headers: Mapping[str, str], kind: type[EnvmgrError], sentence: str
) -> None:
    """And never with the token, though the forge repeats it."""
    server.reply = lambda _: Reply(status, {"message": f"no {TOKEN}"}, headers)
    with pytest.raises(kind) as error:
        client(server.url).get("/x")
    assert type(error.value) is kind
    assert sentence in str(error.value)
    assert TOKEN not in str(error.value)


def test_a_status_that_was_expected_is_an_answer(server: Server) -> None:
    """Others are refused as ever."""
    server.reply = lambda _: Reply(409, {"message": "busy"})
    asking = client(server.url)
    assert asking.send("POST", "/x", {}, expected={409}).status == 409
    with pytest.raises(Declined) as error:
        asking.send("POST", "/x", {})
    assert (error.value.status, error.value.said) == (409, "busy")


def test_after_too_much_nothing_is_asked_until_then(server: Server) -> None:
    """By any repository: not even the call is made."""
    server.reply = lambda _: Reply(429, {}, {"Retry-After": "30"})
    asking = client(server.url)
    for _ in range(3):
        with pytest.raises(RetryLater):
            asking.get("/x")
    with pytest.raises(RetryLater):
        asking.send("POST", "/x", {})
    assert len(server.asked) == 1


def test_what_is_no_json_is_no_answer(server: Server) -> None:
    """A page of a proxy, depths that nobody needs, and bombs."""
    asking = client(server.url)
    for body in (b"<html>", b"{", b"[" * 200_000, b'{"a": NaN}', b"\xff"):
        server.reply = lambda _, body=body: Reply(200, body)  # type: ignore[misc]
        with pytest.raises(Transient, match="what it sent is no JSON"):
            asking.get("/x")
    server.reply = lambda _: Reply(204, b"")
    assert asking.send("POST", "/x").body is None
    packed = gzip.compress(b" " * 34_000_000, 1)
    for body, encoding in ((packed, "gzip"), (b"{}", "br"), (packed[:50], "gzip")):
        server.reply = lambda _, body=body, encoding=encoding: Reply(
            200, body, {"Content-Encoding": encoding}
        )  # type: ignore[misc]
        with pytest.raises(Transient):
            asking.get("/x")
    server.reply = lambda _: Reply(200, gzip.compress(b'{"n": 1}'), {"Content-Encoding": "gzip"})
    assert asking.get("/x").as_object().number("n") == 1


def test_a_server_that_never_ends_is_cut_off() -> None:
    """Headers or a body that come byte by byte have one time limit together."""
    with WebServer() as server:
        server.answer("/head", dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"))
        server.answer("/body", dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[", b" "))
        for path in ("/head", "/body"):
            seconds = stopwatch()
            with pytest.raises(Transient, match=r"GitHub did not answer \(it took longer than 0\.5 s\)"):
                client(server.url(""), seconds=0.5).get(path)
            assert seconds() < 5


def test_a_server_that_is_not_there_or_hangs_up() -> None:
    """Each in our own words."""
    with pytest.raises(Transient, match=r"GitHub did not answer \(connection refused\)"):
        client("http://127.0.0.1:1").get("/x")
    with WebServer() as server:
        server.answer("/x", dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", b"", ends=True))
        with pytest.raises(Transient, match=r"GitHub did not answer \(it broke off\)"):
            client(server.url("")).get("/x")


def test_authorities_are_those_of_the_environment_and_our_own(tmp_path: Path) -> None:
    """A certificate of nobody known is refused."""
    certificates = make_certificates(tmp_path, ["localhost"], HOST)
    with WebServer(certificates) as server:
        server.answer("/x", dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"", ends=True))
        with pytest.raises(Transient, match="its certificate is not trusted"):
            client(server.url("")).get("/x")
        authority = str(certificates.authority)
        assert client(server.url(""), authorities=authority).get("/x").body == {}
        assert client(server.url(""), environ={"SSL_CERT_FILE": authority}).get("/x").body == {}
        with pytest.raises(NeedsOperator, match=r"/none\.pem cannot be read"):
            client(server.url(""), authorities="/none.pem").get("/x")


def test_a_proxy_of_the_environment_is_gone_through(server: Server) -> None:
    """But not to this very host."""
    asking = client("http://forge.example.com", environ={"HTTP_PROXY": server.url})
    server.reply = lambda request: Reply(200, {"asked": request.path})
    assert asking.get("/x").body == {"asked": "http://forge.example.com/x"}
    direct = client(server.url, environ={"HTTP_PROXY": "http://127.0.0.1:1"})
    assert direct.get("/x").body == {"asked": "/x"}


def test_a_token_is_told_by_nothing(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """No log has it, nor an error, also as a password in base64; one of two lines is none."""
    caplog.set_level(logging.DEBUG)
    basic = b64encode(f":{TOKEN}".encode()).decode()
    server.reply = lambda _: Reply(403, {"message": f"{TOKEN} {basic}"})
    wire = Wire("Azure", {})
    sign_in = TokenSignIn(lambda: basic, "Azure", form="Basic {}")
    asking = ForgeClient(server.url, Dialect(where="Azure"), sign_in, wire, Budget("Azure"))
    with pytest.raises(NeedsOperator) as error:
        asking.get("/x")
    assert not any(each in str(error.value) + caplog.text for each in (TOKEN, basic))
    for broken in ("a\nX-Evil: 1", "ü", "", " a"):
        with pytest.raises(NeedsOperator, match="has characters that none has"):
            client(server.url, lambda broken=broken: broken).get("/x")  # type: ignore[misc]
    assert "Bearer" not in repr(sign_in)
