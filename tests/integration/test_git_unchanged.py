"""Looks of this process at remotes: both ways say the same, and whatever else an answer says, git is asked."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.git import connection, process
from envmgr.adapters.git.location import locate
from envmgr.adapters.git.mirrors import Mirrors
from envmgr.adapters.git.process import Answer
from envmgr.adapters.git.refs import Refs
from envmgr.adapters.git.unchanged import connections, looks
from envmgr.adapters.git.unchanged.exchange import Asked, Refused, connect
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote
from tests.support.certificates import Certificates, make_certificates
from tests.support.git_calls import count_git
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer, Heard
from tests.support.processes import HOST
from tests.support.waiting import stopwatch, wait_for

MakeRepository = Callable[[str], GitRepository]
SETTLES, LASTS = looks._SETTLES, looks._LASTS
OURS = "git/envmgr"
PASSWORD = "s3cr€t: 'p$w\"`%41"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), ["localhost"], HOST)


@dataclass
class World:
    """Mirrors whose clock is moved on by hand, a server that keeps connections, and the git processes that were started."""

    mirrors: Mirrors
    server: GitServer
    started: list[str]
    now: float = 0.0

    def remote(self, name: str = "shop", **more: str) -> Remote:
        """By https."""
        url = self.server.https_url(name, "localhost")
        return Remote(repository=RepositoryId("acme", name), url=url, **more)

    def look(self, remote: Remote | None = None) -> tuple[Refs, bool, list[Heard]]:
        """What a look finds, whether git was asked, and what the server heard of this process itself."""
        there = remote or self.remote()
        self.started.clear()
        self.server.heard.clear()
        found = self.mirrors._remote_refs(there, locate(there))
        assert self.started in ([], ["ls-remote"])
        return found, bool(self.started), [heard for heard in self.server.heard if heard.agent == OURS]

    def settle(self, remote: Remote | None = None) -> Refs:
        """Looks by git, and lets the time pass until which git alone is asked."""
        found, by_git, ours = self.look(remote)
        assert (by_git, ours) == (True, [])
        self.now += SETTLES
        return found


@pytest.fixture
def world(
    tmp_path: Path,
    git_root: Path,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificates.authority))
    with GitServer(git_root, certificates=certificates, keeps_connections=True) as server:
        mirrors = Mirrors(tmp_path / "mirrors", timeout=timedelta(seconds=20))
        found = World(mirrors, server, count_git(monkeypatch))
        mirrors._looks._clock = lambda: found.now
        yield found


@pytest.fixture
def shop(git_repository: MakeRepository) -> GitRepository:
    repository = git_repository("shop")
    repository.commit("main", {"main.tf": "# nothing\n"})
    repository.commit("env-a", {"main.tf": "# a\n"})
    repository.tag("v1", repository.head("main") or "", "annotated")
    return repository


# --- the same by both ways -----------------------------------------------------------------------


def plain(repository: GitRepository) -> None:
    """No more than two branches."""


def tags(repository: GitRepository) -> None:
    """Light, annotated, and of a tag, whose values git tells of, too."""
    main = repository.head("main") or ""
    repository.tag("v1", main, "annotated")
    repository.tag("v2", main)
    repository.git(
        *("tag", "v1-nested", "v1", "-m", "a tag of a tag"),
        environment={"GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com"},
    )
    repository.git("tag", "of-a-file", "main:main.tf")


def symbolic(repository: GitRepository) -> None:
    """Besides HEAD; one that leads nowhere is not told of."""
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    repository.git("symbolic-ref", "refs/heads/alias", "refs/heads/env-a")
    repository.git("symbolic-ref", "refs/heads/dangling", "refs/heads/nothing")


def detached(repository: GitRepository) -> None:
    """HEAD is a commit."""
    repository.git("update-ref", "--no-deref", "HEAD", repository.head("main") or "")


def headless(repository: GitRepository) -> None:
    """HEAD names nothing that is there."""
    repository.set_default_branch("gone")


def names(repository: GitRepository) -> None:
    """At the limits of what a name may be; one is not UTF-8."""
    commit = repository.head("main") or ""
    odd = ["env-'quoted'", "env-$(x)", "env-ünïcödé-日本", "env-z/-rf", "env-@", "env-\u2028", "x" * 250]
    repository.point([*odd, "/".join(["d" * 100] * 30)], commit)
    with (repository.path / "packed-refs").open("ab") as file:
        file.write(commit.encode() + b" refs/heads/env-\xff\xfe\n")


def pulls(repository: GitRepository) -> None:
    """What forges keep besides."""
    for ref in ("refs/pull/7/head", "refs/merge-requests/8/head", "refs/keep-around/x", "refs/notes/commits"):
        repository.git("update-ref", ref, "main")


KINDS = [plain, tags, symbolic, detached, headless, names, pulls]


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_both_ways_say_the_same(world: World, git_root: Path, object_format: str) -> None:
    for kind in KINDS:
        name = f"{kind.__name__}-{object_format}"
        path = git_root / f"{name}.git"
        GitRepository(git_root).git(
            "init", "-q", "--bare", "-b", "main", f"--object-format={object_format}", str(path)
        )
        repository = GitRepository(path)
        repository.commit("main", {"main.tf": "# nothing\n"})
        repository.commit("env-a", {"main.tf": "# a\n"})
        kind(repository)
        there = world.remote(name)
        by_git = world.settle(there)
        assert by_git.count >= 2
        assert world.look(there)[:2] == (by_git, False), name
        assert len({heard.connection for heard in world.server.heard}) == 1


def test_over_http_on_this_host_too(world: World, shop: GitRepository, git_server: GitServer) -> None:
    there = Remote(repository=RepositoryId("acme", "shop"), url=git_server.http_url("shop"))
    assert shop.head("main")
    found = world.settle(there)
    assert world.look(there)[:2] == (found, False)
    assert git_server.heard[-1].agent == OURS


def test_a_remote_without_refs_and_one_with_many_are_git_s(
    world: World, shop: GitRepository, git_repository: MakeRepository
) -> None:
    git_repository("empty")
    shop.point([f"feature/{number}" for number in range(500)], shop.head("main") or "")
    for name in ("empty", "shop"):
        there = world.remote(name)
        world.settle(there)
        assert world.look(there)[1:] == (True, [])


# --- changes are git's ---------------------------------------------------------------------------


def test_a_change_is_seen_and_confirmed_by_git_alone(world: World, shop: GitRepository) -> None:
    world.settle()
    assert not world.look()[1]
    shop.delete("env-a")
    found, by_git, ours = world.look()
    assert ("env-a" in found.branches, by_git, len(ours)) == (False, True, 1)
    world.now += SETTLES - 1
    assert world.look()[1:] == (True, [])
    world.now += 1
    assert world.look()[:2] == (found, False)
    shop.point(["env-a"], shop.head("main") or "")
    assert world.look()[0].branches["env-a"] == shop.head("main")


def test_git_is_asked_once_an_hour_all_the_same(world: World, shop: GitRepository) -> None:
    assert shop.head("main")
    world.settle()
    world.now = LASTS - 1
    assert not world.look()[1]
    world.now = LASTS
    assert world.look()[1:] == (True, [])
    assert not world.look()[1]


def test_another_url_or_password_begins_anew(world: World, shop: GitRepository) -> None:
    assert shop.head("main")
    world.settle()
    changed = world.remote(username="bot", password="new")
    assert world.look(changed)[1:] == (True, [])
    assert world.look(changed)[1:] == (True, [])


# --- lies ----------------------------------------------------------------------------------------

KIND = b"application/x-git-upload-pack-result"


def http(
    body: bytes,
    status: str = "200 OK",
    *,
    kind: bytes | None = KIND,
    length: int | None = -1,
    more: bytes = b"",
) -> bytes:
    """An answer as it should be, but for what is said."""
    lines = [b"HTTP/1.1 " + status.encode()]
    lines += [] if kind is None else [b"Content-Type: " + kind]
    lines += [] if length is None else [b"Content-Length: %d" % (len(body) if length < 0 else length)]
    return b"\r\n".join([*lines, *filter(None, more.split(b"\n"))]) + b"\r\n\r\n" + body


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """In pieces."""
    return http(b"%x\r\n%b\r\n" % (len(body), body) + end, length=None, more=b"Transfer-Encoding: chunked")


def without(body: bytes, part: bytes) -> bytes:
    """The same without the refs in which this stands."""
    at, kept = 0, b""
    while body[at : at + 4] != b"0000":
        length = int(body[at : at + 4], 16)
        packet = body[at : at + length]
        kept += b"" if part in packet else packet
        at += length
    assert len(kept) < at
    return kept + b"0000"


TRUTHS: dict[str, Callable[[bytes], bytes]] = {
    "as it should be": http,
    "in pieces": chunked,
    "without a connection to come": lambda body: http(body, more=b"Connection: close"),
}

LIES: dict[str, Callable[[bytes], bytes]] = {
    **{
        status: lambda body, status=status: http(body, status)  # type: ignore[misc]
        for status in (
            "201 Created",
            "206 Part",
            "304 Same",
            "401 No",
            "403 No",
            "404 No",
            "429 No",
            "500 Oh",
            "503 Oh",
        )
    },
    **{
        status: lambda body, status=status: http(body, status, more=b"Location: /shop.git/git-upload-pack")  # type: ignore[misc]
        for status in ("301 There", "302 There", "307 There", "308 There")
    },
    "a page": lambda body: http(body, kind=b"text/html"),
    "no type": lambda body: http(body, kind=None),
    "a type and more": lambda body: http(body, kind=KIND + b"; charset=utf-8"),
    "two types": lambda body: http(body, more=b"Content-Type: text/html"),
    "two types, the right one last": lambda body: http(
        body, kind=b"text/html", more=b"Content-Type: " + KIND
    ),
    "the advertisement's type": lambda body: http(body, kind=b"application/x-git-upload-pack-advertisement"),
    "compressed": lambda body: http(gzip.compress(body), more=b"Content-Encoding: gzip"),
    "said to be compressed": lambda body: http(body, more=b"Content-Encoding: identity"),
    "a part": lambda body: http(body, more=b"Content-Range: bytes 0-1/2"),
    "of yesterday": lambda body: http(body, more=b"Age: 86400"),
    "cut": lambda body: http(body[:-1], length=len(body)),
    "cut as it says": lambda body: http(body[:-4]),
    "cut in pieces": lambda body: chunked(body, b""),
    "cut in a piece": lambda body: chunked(body, b"")[:-10],
    "no end but the connection's": lambda body: http(body, length=None),
    "two lengths": lambda body: http(body, more=b"Content-Length: 4"),
    "a length and pieces": lambda body: chunked(body).replace(b"\r\nTr", b"\r\nContent-Length: 4\r\nTr"),
    "words after the pieces": lambda body: chunked(body, b"0\r\nX: y\r\n\r\n"),
    "a word before it": lambda body: b"HTTP/1.1 102 Processing\r\n\r\n" + http(body),
    "an old version": lambda body: http(body).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "another protocol": lambda body: http(body, "101 Switching", more=b"Upgrade: x\nConnection: upgrade"),
    "more after it": lambda body: http(body) + http(body),
    "a long head": lambda body: http(body, more=b"X: " + b"x" * 100_000),
    "no http": lambda body: body,
    "nothing": lambda _: b"",
    "an empty body": lambda _: http(b""),
    "no refs": lambda _: http(b"0000"),
    "a branch less": lambda body: http(without(body, b"refs/heads/env-a")),
    "a branch less, in pieces": lambda body: chunked(without(body, b"refs/heads/env-a")),
    "a tag less": lambda body: http(without(body, b"refs/tags/v1")),
    "a branch more": lambda body: http(body[:-4] + b"003e" + b"a" * 40 + b" refs/heads/more\n" + b"0000"),
    "another name": lambda body: http(body.replace(b"env-a", b"env-b")),
    "another commit": lambda body: http(body.replace(body[4:12], b"00000000")),
    "no default branch": lambda body: http(
        body.replace(b" symref-target:refs/heads/main", b"").replace(b"0050", b"0032", 1)
    ),
    "twice the same": lambda body: http(body[:-4] + body),
    "two answers": lambda body: http(body + body),
    "no flush": lambda body: http(body[:-4]),
    "a delimiter for the flush": lambda body: http(body[:-4] + b"0001"),
    "more after the flush": lambda body: http(body + b"0000"),
    "a line feed after the flush": lambda body: http(body + b"\n"),
    "an error": lambda _: http(b"0015ERR access denied\n0000"),
    "an error after refs": lambda body: http(body[:-4] + b"0011ERR too many\n"),
    "capital letters": lambda body: http(body.upper()),
    "a zero byte": lambda body: http(body.replace(b"env-a", b"env\0a")),
    "a line break": lambda body: http(body.replace(b"env-a", b"env\na")),
    "an older protocol": lambda _: http(b"003e" + b"a" * 40 + b" refs/heads/main\0x\n0000"),
    "a page that says its type": lambda _: http(b"<html>Sign in</html>"),
    "endless": lambda body: http(body * 10_000),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_an_answer_may_come_in_any_way_that_http_has(world: World, shop: GitRepository, name: str) -> None:
    assert shop.head("env-a")
    truth, world.server.told = world.settle(), TRUTHS[name]
    assert world.look()[:2] == (truth, False)
    assert world.look()[:2] == (truth, False)


def test_whatever_else_is_told_git_is_asked(
    world: World, shop: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, after one question of this process. What git says is what it said the first time."""
    assert shop.head("env-a")
    said: list[Answer] = []
    real = process.run

    def recorded(*arguments: Any, **more: Any) -> Answer:
        said.append(said[0] if said else real(*arguments, **more))
        return said[0]

    monkeypatch.setattr(connection, "run", recorded)
    there = world.remote()
    truth = world.mirrors._remote_refs(there, locate(there))
    for number, (name, lie) in enumerate(LIES.items(), 2):
        world.now += SETTLES
        world.server.told = lie
        world.server.heard.clear()
        assert world.mirrors._remote_refs(there, locate(there)) == truth
        assert len(said) == number, name
        assert len(world.server.heard) == 1, name


def test_after_an_answer_that_was_no_good_git_alone_is_asked_for_a_while(
    world: World, shop: GitRepository
) -> None:
    assert shop.head("env-a")
    truth = world.settle()
    world.server.told = LIES["a page"]
    assert world.look()[:2] == (truth, True)
    world.server.told = None
    world.now += SETTLES - 1
    assert world.look() == (truth, True, [])
    world.now += 1
    assert world.look()[:2] == (truth, False)


@pytest.mark.parametrize("name", ["a branch less", "cut as it says", "302 There", "nothing"])
def test_no_lie_keeps_a_change_from_being_seen(world: World, shop: GitRepository, name: str) -> None:
    world.settle()
    world.server.told = LIES[name]
    commit = shop.commit("env-b", {"b": "b"})
    found, by_git, _ = world.look()
    assert (found.branches["env-b"], by_git) == (commit, True)


def test_who_refuses_everybody_is_told_by_git(world: World, shop: GitRepository) -> None:
    assert shop.head("env-a")
    for fault, kind, says in (
        ({"status": 403}, NeedsPerson, "refuses the credentials"),
        ({"status": 404}, NeedsPerson, "there is no such repository"),
        ({"status": 503}, Transient, "503"),
        ({"cut_after": 70}, Transient, "tried again"),
    ):
        world.now = 0.0
        world.mirrors._looks._said.clear()
        world.settle()
        world.server.fail("shop", **fault)  # type: ignore[arg-type]
        with pytest.raises(kind, match=says):
            world.look()
        world.server.heal("shop")


# --- time ----------------------------------------------------------------------------------------


def test_who_does_not_answer_in_time_is_left_to_git(
    world: World, shop: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.head("env-a")
    truth, is_over = world.settle(), threading.Event()
    monkeypatch.setattr(looks, "_PATIENCE", 0.3)

    def late(body: bytes) -> bytes:
        is_over.wait(20)
        return http(body)

    world.server.told = late
    seconds = stopwatch()
    assert world.look()[:2] == (truth, True)
    assert seconds() < 10
    is_over.set()


def test_the_time_holds_for_all_of_an_answer() -> None:
    """Not for each piece: a server that sends a byte now and then would have us wait for ever."""
    with socket.create_server((HOST, 0)) as listening:
        asked = Asked("x", "/x", b"", 1000)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(_drip, listening)
            made = connect(HOST, listening.getsockname()[1], None, time.monotonic() + 60)
            with closing(made.socket), pytest.raises(TimeoutError):
                made.ask(asked, time.monotonic() + 1)
            assert 1 < sending.result() < 40


def _drip(listening: socket.socket) -> int:
    there, _ = listening.accept()
    with there:
        for number, byte in enumerate(http(b"x" * 900)):
            try:
                there.sendall(bytes([byte]))
            except OSError:
                return number
            time.sleep(0.05)
    return 10_000


# --- who is trusted, and with what ---------------------------------------------------------------


def test_a_server_that_git_does_not_trust_hears_nothing(
    world: World, shop: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its authority, or by its name."""
    assert shop.head("env-a")
    there = world.remote()
    world.settle(there)
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other", ["localhost"], HOST)
    with monkeypatch.context() as patched:
        patched.setenv("GIT_SSL_CAINFO", str(other.authority))
        with pytest.raises(NeedsPerson, match="certificate is not trusted"):
            world.look(there)
        assert world.server.heard == []
    elsewhere = Remote(
        repository=RepositoryId("acme", "other"), url=there.url.replace("localhost", "127.0.0.2")
    )
    said = world.mirrors._looks._said[RepositoryId("acme", "shop")]
    world.mirrors._looks._said[RepositoryId("acme", "other")] = looks.Said(
        elsewhere, said.digest, said.size, 40, 0, LASTS
    )
    with pytest.raises((NeedsPerson, Transient)):
        world.look(elsewhere)
    assert world.server.heard == []


def test_a_password_is_told_to_who_asks_for_one_and_only_there(
    world: World, shop: GitRepository, git_repository: MakeRepository
) -> None:
    assert shop.head("env-a")
    git_repository("open").commit("main", {"x": "y"})
    world.server.protect("shop", "bot", PASSWORD)
    there, free = (world.remote(name, username="bot", password=PASSWORD) for name in ("shop", "open"))
    truth = world.settle(there)
    world.now = 0.0
    world.settle(free)
    found, by_git, ours = world.look(there)
    assert (found, by_git) == (truth, False)
    assert [heard.authorization is None for heard in ours] == [True, False]
    [again] = world.look(there)[2]
    assert again.authorization is not None
    assert [heard.authorization for heard in world.look(free)[2]] == [None]


def test_a_refused_password_is_git_s_sentence(world: World, shop: GitRepository) -> None:
    assert shop.head("env-a")
    world.server.protect("shop", "bot", PASSWORD)
    there = world.remote(username="bot", password=PASSWORD)
    world.settle(there)
    assert not world.look(there)[1]
    world.server.protect("shop", "bot", "another")
    with pytest.raises(NeedsPerson, match="refuses the credentials") as caught:
        world.look(there)
    assert PASSWORD not in f"{caught.value!r}{caught.value.__context__!r}{caught.value.__cause__!r}"
    assert PASSWORD not in repr(list(world.mirrors._looks._said.values()))
    assert PASSWORD not in repr(world.mirrors._looks._kept._idle)


@pytest.mark.parametrize(
    "offered", [b"Negotiate\nWWW-Authenticate: Basic", b"Digest x=y, Basic", b"Bearer x"]
)
def test_who_offers_what_git_would_prefer_is_left_to_git(
    world: World, shop: GitRepository, offered: bytes
) -> None:
    """No password is told then."""
    assert shop.head("env-a")
    there = world.remote(username="bot", password=PASSWORD)
    truth = world.settle(there)
    world.server.told = lambda _: http(b"", "401 Who", more=b"WWW-Authenticate: " + offered)
    found, by_git, ours = world.look(there)
    assert (found, by_git) == (truth, True)
    assert [heard.authorization for heard in ours] == [None]


@pytest.mark.parametrize(
    "login", [{"username": "b:ot", "password": "x"}, {"username": "bot", "password": "x\x01y"}]
)
def test_a_login_that_no_header_can_hold_is_git_s(
    world: World, shop: GitRepository, login: dict[str, str]
) -> None:
    assert shop.head("env-a")
    there = world.remote(**login)
    truth = world.settle(there)
    world.server.told = lambda _: http(b"", "401 Who", more=b'WWW-Authenticate: Basic realm="x"')
    found, by_git, ours = world.look(there)
    assert (found, by_git) == (truth, True)
    assert [heard.authorization for heard in ours] == [None]


def test_no_redirect_is_followed(world: World, shop: GitRepository, git_server: GitServer) -> None:
    assert shop.head("env-a")
    truth = world.settle()
    target = git_server.http_url("shop").encode() + b"/git-upload-pack"
    world.server.told = lambda _: http(b"", "307 There", more=b"Location: " + target)
    assert world.look()[:2] == (truth, True)
    assert git_server.heard == []


# --- connections ---------------------------------------------------------------------------------


def test_a_connection_is_kept_for_those_with_the_same_password_alone(
    world: World, git_repository: MakeRepository
) -> None:
    logins = {"one": "x", "two": "x", "three": "y", "four": None}
    for name, password in logins.items():
        git_repository(name).commit("main", {"x": name})
        if password:
            world.server.protect(name, "bot", password)
    remotes = {
        name: world.remote(name, **({"username": "bot", "password": password} if password else {}))
        for name, password in logins.items()
    }
    for there in remotes.values():
        world.now = 0.0
        world.settle(there)
    used: dict[str | None, set[int]] = {}
    for _ in range(3):
        for name, there in remotes.items():
            _, by_git, ours = world.look(there)
            assert not by_git
            used.setdefault(logins[name], set()).update(heard.connection for heard in ours)
    assert [len(each) for each in used.values()] == [1, 1, 1]
    assert len(set().union(*used.values())) == 3


def test_a_connection_that_ended_or_is_old_is_replaced(
    world: World, shop: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.head("env-a")
    world.settle()
    first = world.look()[2][0].connection
    assert world.look()[2][0].connection == first
    [[kept]] = world.mirrors._looks._kept._idle.values()
    kept.socket.shutdown(socket.SHUT_RDWR)
    found, by_git, [ours] = world.look()
    assert (by_git, ours.connection > first, "env-a" in found.branches) == (False, True, True)
    for limit in ("_OLDEST", "_IDLE"):
        with monkeypatch.context() as patched:
            patched.setattr(connections, limit, -1)
            _, by_git, [newer] = world.look()
            assert (by_git, newer.connection > ours.connection) == (False, True)
            ours = newer


def test_what_comes_unasked_ends_a_connection() -> None:
    """Else it would be taken for the answer to the next question."""
    kept, is_asked, asked = connections.Kept(), threading.Event(), Asked("x", "/x", b"", 1000)

    def serve(listening: socket.socket) -> None:
        first, _ = listening.accept()
        with first:
            first.recv(10_000)
            first.sendall(http(b"one"))
            is_asked.wait(20)
            first.sendall(http(b"unasked"))
            second, _ = listening.accept()
            with second:
                second.recv(10_000)
                second.sendall(http(b"two"))

    with socket.create_server((HOST, 0)) as listening, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve, listening)
        key = connections.Key(HOST, listening.getsockname()[1], None, None)
        deadline = time.monotonic() + 20
        assert kept.ask(key, asked, deadline) == b"one"
        is_asked.set()
        [[idle]] = kept._idle.values()
        wait_for(lambda: not connections._is_quiet(idle))
        assert kept.ask(key, asked, deadline) == b"two"
        served.result()


def test_no_more_is_read_than_the_answer_may_have() -> None:
    with socket.create_server((HOST, 0)) as listening:
        made = connect(HOST, listening.getsockname()[1], None, time.monotonic() + 60)
        with closing(made.socket), ThreadPoolExecutor(1) as pool:
            serving = pool.submit(_endless, listening)
            with pytest.raises(Refused):
                made.ask(Asked("x", "/x", b"", 1000), time.monotonic() + 20)
            made.socket.close()
            serving.result()


def _endless(listening: socket.socket) -> None:
    there, _ = listening.accept()
    with there, suppress(OSError):
        there.sendall(http(b"", length=10**12))
        while True:
            there.sendall(b"x" * 10_000)


def test_many_at_once_get_each_its_own(world: World, git_repository: MakeRepository) -> None:
    remotes = []
    for number in range(12):
        git_repository(f"r{number}").commit("main", {"x": str(number)})
        remotes.append(world.remote(f"r{number}"))
    list_ = lambda there: world.mirrors._remote_refs(there, locate(there))  # noqa: E731
    with ThreadPoolExecutor(6) as pool:
        truth = list(pool.map(list_, remotes))
        world.now += SETTLES
        world.started.clear()
        for _ in range(3):
            assert list(pool.map(list_, remotes)) == truth
    assert world.started == []
    assert len({refs.head_commit for refs in truth}) == 12
