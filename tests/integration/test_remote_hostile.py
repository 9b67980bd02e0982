"""The command line before a server that is not there, not envmgr, or means harm: a sentence, and the token stays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.command_line import Done, envmgr
from tests.support.connect_proxy import ConnectProxy
from tests.support.processes import free_port
from tests.support.web_server import Answer, WebServer, dripping, page

TOKEN = "envmgr_" + "x" * 43
LIST, REPOSITORIES, ME = "/api/v1/environments", "/api/v1/repositories", "/api/v1/me"
ROW: dict[str, Any] = {
    "organization": "acme", "repository": "shop", "branch": "env-alice", "environment": "alice", "application": None,
    "status": "ready", "commit": "3f1c", "applied_commit": "3f1c", "deployed_commit": None, "message": "", "url": None,
    "expires_at": None, "updated_at": "2026-11-26T09:30:00Z", "created_at": "2026-11-26T09:30:00Z", "pushed_at": None,
    "warned_at": None, "branch_gone": False, "hold": None, "drift": None, "health": None, "suspended_by": None,
    "suspended_at": None, "pinned_commit": None, "urls": [], "applications": [], "remote_error": None,
    "origin": {"kind": "branch", "name": "env-alice", "named": False, "number": None, "url": None}, "promoted_from": None,
    "frozen": None, "tests": None, "proposal": None, "host": None, "untold": [],
}  # fmt: skip


def told(content: Any, status: int = 200, kind: str = "application/json") -> Answer:
    """An answer as the API gives it."""
    return page(status, json.dumps(content).encode(), content_type=kind)


def rows(**fields: Any) -> Answer:
    """A list of one environment."""
    return told({"items": [{**ROW, **fields}], "next": None})


def problem(status: int, detail: str) -> Answer:
    """A refusal as the API gives it."""
    return told({"status": status, "detail": detail}, status, "application/problem+json")


@pytest.fixture
def server() -> Iterator[WebServer]:
    """One that has no repositories, and says which version it is."""
    with WebServer() as found:
        found.answer(REPOSITORIES, told({"items": [], "next": None}))
        found.answer(ME, told({"version": "9.9.9"}))
        yield found


def listed(server: WebServer | str, *words: str, **environ: str) -> Done:
    """`envmgr list` by a server."""
    url = server if isinstance(server, str) else server.url("")
    return envmgr("list", *words, environ={"ENVMGR_SERVER": url, "ENVMGR_TOKEN": TOKEN, **environ})


def test_the_answers_here_are_as_the_real_ones(server: WebServer) -> None:
    """Else nothing here would show anything."""
    server.answer(LIST, rows())
    done = listed(server)
    assert (done.code, done.err) == (0, ""), done
    assert "shop/alice" in done.out
    assert server.requests[0][1]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (problem(401, "This token is not valid."), 1, "This token is not valid."),
        (problem(403, "You may not."), 1, "You may not."),
        (problem(404, "There is none."), 2, "There is none."),
        (problem(422, "This cannot be understood."), 2, "This cannot be understood."),
        (problem(500, "An unexpected error."), 1, "An unexpected error."),
        (problem(400, "\x1b[2Jgone\nError: fake"), 2, "Error: \\x1b[2Jgone Error: fake"),
        (problem(404, "Not Found"), 1, "a version that does not fit"),
        (page(404, b"<html>nginx"), 1, "a version that does not fit"),
        (page(502, b"<html>\x1b[2J"), 1, "answers 502 and does not say why"),
        (page(200, b"<html>"), 1, "does not answer as envmgr does"),
        (page(200, b"[" * 100_000), 1, "does not answer as envmgr does"),
        (page(200, b"\xff\xfe{}"), 1, "does not answer as envmgr does"),
        (told([]), 1, "(envmgr 9.9.9) answers in a way"),
        (told({"items": 3, "next": None}), 1, "(envmgr 9.9.9) answers in a way"),
        (told({"items": [{}], "next": None}), 1, "(envmgr 9.9.9) answers in a way"),
        (rows(status="dancing"), 1, "(envmgr 9.9.9) answers in a way"),
        (rows(environment="../../x"), 1, "(envmgr 9.9.9) answers in a way"),
        (rows(environment="a\x1b[2J"), 1, "(envmgr 9.9.9) answers in a way"),
        (rows(commit="\n"), 1, "(envmgr 9.9.9) answers in a way"),
        (rows(created_at="yesterday"), 1, "(envmgr 9.9.9) answers in a way"),
        (rows(branch=None), 1, "(envmgr 9.9.9) answers in a way"),
        (page(200, b"{}", content_encoding="gzip"), 1, "(envmgr 9.9.9) answers in a way"),
        (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"", ends=True), 1, "cannot be reached"),
        (dripping(b"nonsense\r\n", b"", ends=True), 1, "cannot be reached"),
    ],
)
def test_whatever_it_answers_is_a_sentence(server: WebServer, answer: Answer, code: int, said: str) -> None:
    """With the exit code that the same has on the host; never a traceback, never what steers the terminal."""
    server.answer(LIST, answer)
    done = listed(server)
    assert (done.code, done.out) == (code, ""), done
    assert said in done.err
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert TOKEN not in done.err


def test_what_steers_is_shown_harmless(server: WebServer) -> None:
    """In what may be anything: branches, messages, addresses."""
    evil = "\x1b]0;x\x07\u202e\r\nacme/shop/bob"
    server.answer(LIST, rows(branch=evil, message=evil, url=evil))
    done = listed(server)
    assert (done.code, done.out.count("\n")) == (0, 2)
    assert not set("\x1b\x07\r\u202e") & set(done.out)


def test_pages_that_lead_nowhere_end(server: WebServer) -> None:
    """A cursor that stays the same, and a page that has nothing but a following one."""
    server.answer(LIST, told({"items": [ROW], "next": "x"}))
    assert listed(server).code == 0
    assert len(server.requests) == 3
    server.answer(LIST, told({"items": [], "next": "y"}))
    assert listed(server).code == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server: WebServer, status: int) -> None:
    """So the token goes nowhere else."""
    with WebServer() as other:
        server.answer(LIST, page(status, location=other.url(LIST)))
        done = listed(server)
        assert done.code == 1
        assert f"sends on to {other.url(LIST)}" in done.err
        assert other.requests == []


def test_an_answer_without_an_end_is_not_read_on(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a long one nor a slow one."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    monkeypatch.setattr("envmgr.cli.remote.connection._MOST", 1 << 20)
    server.answer(LIST, dripping(head, b" " * (1 << 19), 0.001))
    assert "that is not read" in listed(server).err
    monkeypatch.setattr("envmgr.cli.remote.connection._WHOLE", 0.3)
    server.answer(LIST, dripping(head, b" ", 0.01))
    assert "takes longer than" in listed(server).err


def test_too_many_requests_are_asked_again_when_it_says(server: WebServer) -> None:
    """And said to whoever waits."""
    busy = iter([True, False])

    def answer(request: Any) -> None:
        headers = {"retry_after": "1", "content_type": "application/problem+json"}
        (page(429, b"{}", **headers) if next(busy) else rows())(request)

    server.answer(LIST, answer)
    done = listed(server)
    assert (done.code, done.err) == (0, "Too many requests: waiting 1 s.\n")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://envmgr.example.com", "would show the token to everybody on the way"),
        ("http://127.0.0.1.example.com", "would show the token"),
        ("ftp://127.0.0.1", "must be an address"),
        ("envmgr.example.com", "must be an address"),
        ("https://", "must be an address"),
        ("https://[", "must be an address"),
        ("https://ann:secret@127.0.0.1", "must be an address alone"),
        ("https://127.0.0.1/?q=1", "must be an address alone"),
        ("https://127.0.0.1/\x1b[2J", "must be an address"),
    ],
)
def test_addresses_that_will_not_do_are_refused_before_anything_is_sent(url: str, said: str) -> None:
    """As a mistake on the command line."""
    done = listed(url)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "secret" not in done.err


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    """With why."""
    url = f"http://127.0.0.1:{free_port()}"
    done = listed(url)
    assert done.code == 1
    assert done.err == f"Error: {url} cannot be reached: [Errno 111] Connection refused.\n"


def test_the_token_comes_from_a_file_or_the_environment_and_no_argument(
    server: WebServer, tmp_path: Path
) -> None:
    """What is no token is not sent, and not shown."""
    server.answer(LIST, rows())
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert listed(server, "--token", str(file), ENVMGR_TOKEN="").code == 0
    assert listed(server, ENVMGR_TOKEN=str(file)).code == 0
    asked = len(server.requests)
    for done, said in (
        (listed(server, "--token", TOKEN), "a secret on the command line is seen"),
        (listed(server, ENVMGR_TOKEN=""), "A server asks who you are"),
        (listed(server, ENVMGR_TOKEN=str(tmp_path / "none")), "cannot be read: No such file or directory."),
        (listed(server, ENVMGR_TOKEN="s3cret"), "cannot be read: No such file or directory."),
        (listed(server, ENVMGR_TOKEN=f"{TOKEN}\r\nX-Evil: s3cret"), "$ENVMGR_TOKEN is not a token"),
    ):
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert TOKEN not in done.err
        assert "s3cret" not in done.err
    file.write_text("s3cret")
    assert "is not a token" in listed(server, "--token", str(file)).err
    assert len(server.requests) == asked


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of an authority that nobody knows."""
    return make_certificates(tmp_path_factory.mktemp("tls"), ["envmgr.test"], "127.0.0.1")


def test_the_proxy_of_this_host_leads_there(certificates: Certificates) -> None:
    """By CONNECT, so that it sees no token; and not to what NO_PROXY names."""
    ca = str(certificates.authority)
    with WebServer(certificates) as server:
        server.answer(LIST, rows())
        server.answer(REPOSITORIES, told({"items": [], "next": None}))
        port = urlsplit(server.url("")).port
        there = f"https://envmgr.test:{port}"
        with ConnectProxy(lambda target: port if target == f"envmgr.test:{port}" else None) as proxy:
            assert listed(there, "--ca", ca, HTTPS_PROXY=proxy.url).code == 0
            assert set(proxy.led) == {f"envmgr.test:{port}"}
            past = listed(there, "--ca", ca, HTTPS_PROXY=proxy.url, NO_PROXY="envmgr.test")
            assert (past.code, "cannot be reached" in past.err) == (1, True)
            wrong = listed(there, "--ca", ca, HTTPS_PROXY="socks5://127.0.0.1:1")
            assert (wrong.code, "HTTPS_PROXY" in wrong.err) == (2, True)


@pytest.mark.parametrize("is_by_proxy", [True, False])
def test_a_connection_that_was_kept_may_be_closed_at_any_time(
    certificates: Certificates, is_by_proxy: bool
) -> None:
    """What is asked for over it then is asked for anew, by whichever way: nothing was said of that."""
    port = 0

    def closing(request: Any) -> None:
        """Answers once, and hangs up on whoever asks for more over the same connection."""
        request.close_connection = False
        server.answer(REPOSITORIES, hanging_up)
        rows()(request)

    def hanging_up(request: Any) -> None:
        server.answer(REPOSITORIES, told({"items": [], "next": None}))

    with (
        WebServer(certificates) as server,
        ConnectProxy(lambda target: port if target == f"envmgr.test:{port}" else None) as proxy,
    ):
        port = server.port
        server.answer(LIST, closing)
        url = f"https://envmgr.test:{port}" if is_by_proxy else server.url("")
        environ = {"HTTPS_PROXY": proxy.url} if is_by_proxy else {}
        done = listed(url, "--ca", str(certificates.authority), **environ)
        assert (done.code, done.err) == (0, "")
        asked = [path.partition("?")[0] for path, _ in server.requests]
        assert (asked.count(LIST), asked.count(REPOSITORIES)) == (1, 2)
        assert len(proxy.led) == (2 if is_by_proxy else 0)


def test_certificates_are_verified(certificates: Certificates, tmp_path: Path) -> None:
    """By the system's authorities, or by one's own; and the name must be the server's."""
    with WebServer(certificates) as server:
        server.answer(LIST, rows())
        server.answer(REPOSITORIES, told({"items": [], "next": None}))
        for done in (
            listed(server),
            listed(server.url("", "localhost"), "--ca", str(certificates.authority)),
        ):
            assert (done.code, done.out) == (1, "")
            assert "is not one that is trusted here" in done.err
        assert server.requests == []
        assert listed(server, "--ca", str(certificates.authority)).code == 0
        assert listed(server, ENVMGR_CA=str(certificates.authority)).code == 0
        (tmp_path / "empty").touch()
        for file in ("empty", "none"):
            done = listed(server, "--ca", str(tmp_path / file))
            assert (done.code, "cannot be used" in done.err) == (2, True), done


@pytest.mark.parametrize(
    "words",
    ["reconcile", "daemon", "config check", "token list", "audit", "doctor", "unlock alice"],
)
def test_verbs_of_the_host_alone_say_so(words: str) -> None:
    """Whether the server is an option or in the environment; nothing is done here in its place."""
    for done in (
        envmgr("--server", "https://envmgr.example.com", *words.split()),
        envmgr(*words.split(), environ={"ENVMGR_SERVER": "https://envmgr.example.com"}),
    ):
        assert (done.code, done.out) == (2, "")
        assert "works on envmgr's own host alone" in done.err


def test_sensitive_outputs_stay_on_the_host(server: WebServer) -> None:
    """No server tells them."""
    done = envmgr(
        *("output", "alice", "--show-sensitive"),
        environ={"ENVMGR_SERVER": server.url(""), "ENVMGR_TOKEN": TOKEN},
    )
    assert (done.code, done.out, server.requests) == (2, "", [])


def test_a_log_is_followed_on_where_the_stream_broke_off(server: WebServer, tmp_path: Path) -> None:
    """Each line once; the last event ends it."""
    run = {
        "id": 7, "organization": "acme", "repository": "shop", "environment": "alice", "application": None,
        "kind": "apply", "commit": "3f1c", "status": "running", "started_at": "2026-11-26T09:30:00Z",
        "finished_at": None, "changes": None, "message": "", "actor": "daemon",
    }  # fmt: skip
    server.answer("/api/v1/runs/7", told(run))

    def stream(request: Any) -> None:
        last = request.headers.get("Last-Event-ID")
        line = 'id: {0}\ndata: {{"run": 7, "line": "line {0}\\u001b[2J"}}\n\n'
        parts = (
            ["retry: 1000\n\n", line.format(1), ": alive\n\nid: 2\nda"] if last is None else [line.format(2)]
        )
        end = "" if last is None else 'event: end\nid: 2\ndata: {"run": 7, "status": "succeeded"}\n\n'
        request.send_response(200)
        request.end_headers()
        request.wfile.write(("".join(parts) + end).encode())

    server.answer("/api/v1/runs/7/log", stream)
    done = envmgr("logs", "7", "--follow", environ={"ENVMGR_SERVER": server.url(""), "ENVMGR_TOKEN": TOKEN})
    assert (done.code, done.out) == (0, "line 1\\x1b[2J\nline 2\\x1b[2J\n"), done
    followed = [headers.get("Last-Event-ID") for path, headers in server.requests if "follow=true" in path]
    assert followed == [None, "1"]


def test_an_older_server_is_understood(server: WebServer) -> None:
    """It knows nothing of what a later release has added."""
    later = {"origin", "promoted_from", "frozen", "tests", "proposal", "host", "untold"}
    row = {name: value for name, value in ROW.items() if name not in later}
    server.answer(LIST, told({"items": [row], "next": None}))
    done = listed(server)
    assert (done.code, "shop/alice" in done.out) == (0, True)
    known = {"organization": "acme", "name": "shop", "succeeded_at": None, "error": "It is away."}
    server.answer(REPOSITORIES, told({"items": [known], "next": None}))
    done = listed(server)
    assert (done.code, done.err) == (
        0,
        "acme/shop could not be read: It is away; its environments are shown as last seen.\n",
    )


HOST = {
    "name": "build-1", "id": "5f0c", "status": "working", "why": None, "version": "1.0.0", "silence": 2,
    "started_at": "2026-11-26T09:30:00Z", "heard_at": "2026-11-26T09:30:00Z",
    "works_on": [{"environment": "acme/shop/alice:api", "purpose": "apply", "since": "2026-11-26T09:30:00Z"}],
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "dancing"},
        {"silence": 10**30},
        {"silence": -1},
        {"heard_at": "today"},
        {"name": None},
        {"works_on": [{"environment": "alice", "purpose": "apply", "since": "2026-11-26T09:30:00Z"}]},
        {"works_on": [{"environment": "a/../b", "purpose": "apply", "since": "2026-11-26T09:30:00Z"}]},
    ],
)
def test_a_host_that_cannot_be_is_a_sentence(server: WebServer, wrong: dict[str, Any]) -> None:
    """And nothing of it is shown; what steers a terminal is shown harmless in one that can."""

    def hosts(*found: Any) -> Done:
        server.answer("/api/v1/hosts", told({"items": found, "next": None}))
        return envmgr("hosts", environ={"ENVMGR_SERVER": server.url(""), "ENVMGR_TOKEN": TOKEN})

    steering = hosts({**HOST, "name": "build\x1b[2J", "why": "It is\nso.\x1b[2J"})
    assert (steering.code, "\x1b" in steering.out + steering.err) == (0, False), steering
    assert "acme/shop/alice:api (apply)" in steering.out
    refused = hosts({**HOST, **wrong})
    assert (refused.code, refused.out) == (1, ""), refused
    assert "9.9.9" in refused.err


def test_hosts_of_an_older_server_are_understood(server: WebServer) -> None:
    """It does not say for how long nothing was heard of one; a silent one is exit code 1, as on the host."""
    older = {name: value for name, value in HOST.items() if name != "silence"}
    server.answer("/api/v1/hosts", told({"items": [{**older, "status": "silent"}], "next": None}))
    done = envmgr("hosts", environ={"ENVMGR_SERVER": server.url(""), "ENVMGR_TOKEN": TOKEN})
    assert (done.code, "silent" in done.out) == (1, True), done
