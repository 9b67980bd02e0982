"""What strangers write is shown and never obeyed; who may sign in, and what a form must have."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from envmgr.commands import tokens
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Event, Origin, OriginKind, Output, RunKind, RunStatus, Status
from envmgr.domain.values.forge.telling import CommentText, Target, Telling, TellingKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.web.live import stream as streams
from envmgr.web.pages.routes.answer import POLICY
from envmgr.web.sign_in.routes import onward
from tests.support.records import altered

from . import company
from .http_client import Client
from .served import Served, served
from .visiting import VIEWS

HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>"
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred"
REVERSED = "safe\u202etxt.exe\u2066\u200b\u2028end"
HOSTILE = f"{HTML}{TERMINAL}{REVERSED}"
_ATTRIBUTE = re.compile(r"<[a-z][^>]*\s(?:style|on[a-z]+)=", re.IGNORECASE)
ELSEWHERE = (
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "\\\\evil",
    "javascript:alert(1)",
    "",
    "evil",
    "/\t/evil.example",
    "/a\r\nSet-Cookie: x=y",
    "/sign-in?next=/",
    "/sign-out",
    "/\u2028x",
    "/a b",
)
_EVIL = EnvironmentId("acme", "shop", "evil")


@pytest.fixture(scope="module")
def hostile(page_server: Served) -> Iterator[Served]:
    """The company's page, where one environment's branch did what it could."""
    store, now = page_server.runtime.services.store, datetime.now(UTC)
    [alice] = store.environments(repository=company.SHOP, name="alice")
    claim = alice.claim
    assert claim is not None
    evil = altered(
        alice,
        id=_EVIL,
        branch=f"env-{HOSTILE}",
        status=Status.FAILED,
        message=f"Failed: {HOSTILE} `{HTML}`",
        outputs={HOSTILE: Output(HOSTILE), "nested": Output([{"key": HOSTILE}])},
        resources=(f'aws_thing.it["{HOSTILE}"]',),
        url=f"javascript:alert(1)//{HTML}",
        claim=replace(claim, variables={HOSTILE: HOSTILE}, tags={HOSTILE: HOSTILE}),
    )
    pull = Origin(OriginKind.PULL_REQUEST, number=7, url="https://github.com/acme/shop/pull/7")
    store.revise(RepositoryId("acme", "shop"), lambda _: Observed(new=(replace(evil, origin=pull),)))
    text = CommentText(number=7, text=HOSTILE, mark="x")
    target = Target(_EVIL.repository_id, TellingKind.COMMENT, "7")
    untold = Telling(target=target, document=text, digest="x", since=now, error=HOSTILE)
    store.outbox.revise(_EVIL.repository_id, lambda _: ([untold], []))
    for status in (RunStatus.FAILED, RunStatus.RUNNING):
        run = store.start_run(
            _EVIL, RunKind.PLAN, HOSTILE, company.HOST, HOSTILE, now, lambda number: f"logs/{number}.log"
        )
        path = page_server.runtime.services.layout.root / run.log
        plan = f'  # aws_thing.it["{HOSTILE}"] will be created\n  + resource "{HTML}" {{\n      + {HOSTILE}\n    }}'
        path.write_text(f"{now.isoformat()[:19]}Z step {HTML}\n{HOSTILE}\n{plan}\n", encoding="utf-8")
        if status is not RunStatus.RUNNING:
            store.finish_run(run.id, status, now, HOSTILE)
    store.record(Event(at=now, environment=_EVIL, action="failed", message=HOSTILE, actor=HOSTILE))
    yield page_server
    store.outbox.revise(_EVIL.repository_id, lambda _: ([], [target]))


@pytest.fixture
def client(page_server: Served) -> Client:
    """Somebody who is not signed in."""
    return Client(page_server.url)


@pytest.fixture
def admin(hostile: Served) -> Client:
    """An admin."""
    found = Client(hostile.url)
    found.sign_in(hostile.tokens[Role.ADMIN])
    return found


def test_what_a_branch_writes_is_text_in_every_view(admin: Client, hostile: Served) -> None:
    """No mark-up, no control character, nothing that turns the reading order, no address but of the web."""
    runs = [run.id for run in hostile.runtime.services.store.runs(_EVIL)]
    seen = ""
    for view in (
        *VIEWS,
        f"/environments/{_EVIL}",
        *(f"/runs/{n}" for n in runs),
        f"/runs/{runs[0]}?q=script",
    ):
        answer = admin.get(view)
        assert (view, answer.status) == (view, 200)
        text = answer.text.replace("\n", " ").replace("\t", " ")
        assert "<script>" not in text
        assert "<img" not in text
        assert "javascript:alert(1)" not in text.replace("<", "\n") or 'href="javascript' not in text
        assert not set(text) & set("\x1b\x07\u202e\u2066\u200b\u2028")
        seen += text
    assert "&lt;script&gt;alert(1)" in seen
    assert 'href="https://github.com/acme/shop/pull/7" rel="noopener noreferrer">#7</a>' in seen
    assert re.search(
        r"The forge could not be told .*, since <time [^>]*>20[^<]*</time>: &lt;script&gt;alert", seen
    )
    assert r"\u202e" in seen
    assert r"\x1b]0;owned" in seen


def test_a_live_log_sends_text(admin: Client, hostile: Served) -> None:
    """Lines that arrive later are escaped as those that are there at first; none of them ends its event."""
    run = next(r for r in hostile.runtime.services.store.runs(_EVIL) if r.status is RunStatus.RUNNING)
    connection = HTTPConnection(urlsplit(admin.url).netloc, timeout=20)
    kept = "; ".join(f"{n}={v}" for n, v in admin.cookies.items())
    connection.request("GET", f"/runs/{run.id}/live?after=0", headers={"cookie": kept})
    with closing(connection), closing(connection.getresponse()) as found:
        first = b"".join(found.readline() for _ in range(10)).decode()
    size = (hostile.runtime.services.layout.root / run.log).stat().st_size
    assert first.startswith(f"retry: 1000\n\nevent: line\nid: {size}\ndata: <li")
    assert "&lt;script&gt;" in first
    assert not set(first) & set("\x1b\x07\u202e\u2028")


def test_no_page_has_anything_in_it_that_runs(admin: Client) -> None:
    """Scripts and styles are files of this host, which the policy holds browsers to."""
    for view in (*VIEWS, "/environments/acme/shop/nobody", "/sign-in"):
        answer = admin.get(view)
        if answer.status == 303:
            continue
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<style" not in answer.text
        assert not _ATTRIBUTE.search(answer.text)
        assert not re.search(r"<script(?![^>]* src=\"/static/)", answer.text)
    assert "unsafe" not in POLICY


def test_a_session_is_kept_safe_and_ends_for_good(client: Client, page_server: Served) -> None:
    """Its cookie is for this host over https and for no script; signed out it is worth nothing, whoever copied it."""
    answer = client.sign_in(page_server.tokens[Role.VIEWER], next="/activity")
    assert (answer.status, answer.headers["location"]) == (303, "/activity")
    [cookie] = answer.cookies
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert cookie.startswith("__Host-")
    copied = Client(client.url, dict(client.cookies))
    assert copied.get("/activity").status == 200
    assert client.post("/sign-out", {"csrf": client.csrf("/")}).status == 303
    assert copied.get("/activity").headers["location"].startswith("/sign-in")


def test_a_session_ends_with_its_token(client: Client, page_server: Served) -> None:
    """Who revokes a token ends what it began, also where another of the same name is made."""
    wish = tokens.Wish(name="short", role=Role.VIEWER, expires=timedelta(hours=1))
    client.sign_in(tokens.create(page_server.runtime, wish)[0])
    assert client.get("/").status == 200
    tokens.revoke(page_server.runtime, "short")
    tokens.create(page_server.runtime, wish)
    assert client.get("/").status == 303
    tokens.revoke(page_server.runtime, "short")


def test_a_form_must_come_from_the_page(admin: Client, client: Client, page_server: Served) -> None:
    """Another site's form is refused, whatever it guesses, also the one that signs in."""
    fields = {"name": "forged", "role": "admin"}
    csrf = admin.csrf("/tokens")
    assert admin.post("/tokens", fields).status == 403
    assert admin.post("/tokens", {**fields, "csrf": "x" * 43}).status == 403
    assert admin.post("/tokens", {**fields, "csrf": csrf}, sec_fetch_site="cross-site").status == 403
    assert "forged" not in [t.name for t in page_server.runtime.services.store.tokens.all()]
    assert client.post("/sign-in", {"token": page_server.tokens[Role.ADMIN]}).status == 403
    assert admin.post("/tokens", {**fields, "csrf": csrf}).status == 200
    assert admin.post("/tokens/revoke", {"csrf": csrf, "name": "forged"}).status == 303


def test_a_viewer_makes_no_tokens(client: Client, page_server: Served) -> None:
    """What the page does not offer is refused as well."""
    client.sign_in(page_server.tokens[Role.DEVELOPER])
    answer = client.get("/tokens")
    assert "A new token" not in answer.text
    csrf = client.csrf("/")
    refused = client.post("/tokens", {"csrf": csrf, "name": "more", "role": "admin"})
    assert (refused.status, "takes the role admin" in refused.text) == (403, True)


@pytest.mark.parametrize("address", ELSEWHERE)
def test_no_sign_in_leads_elsewhere(address: str) -> None:
    """Whatever an address asks for, one lands at a view of this page."""
    assert onward(address) == "/"


def test_views_are_gone_on_to() -> None:
    """What is a view is kept, its filters included."""
    assert onward("/environments/acme/shop/alice?x=1") == "/environments/acme/shop/alice?x=1"


def test_streams_are_bounded(admin: Client, hostile: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told to come back; whoever leaves makes room."""
    monkeypatch.setattr(streams, "MOST", 3)
    kept = "; ".join(f"{n}={v}" for n, v in admin.cookies.items())

    def opened(stack: ExitStack) -> int:
        connection = stack.enter_context(closing(HTTPConnection(urlsplit(hostile.url).netloc, timeout=20)))
        connection.request("GET", "/live", headers={"cookie": kept})
        return stack.enter_context(closing(connection.getresponse())).status

    with ExitStack() as stack:
        assert [opened(stack) for _ in range(4)] == [200, 200, 200, 503]
    end = time.monotonic() + 100
    with ExitStack() as stack:
        while opened(stack) != 200:
            assert time.monotonic() < end
            time.sleep(0.2)


def test_of_a_long_log_a_page_shows_a_part(admin: Client, page_server: Served) -> None:
    """The end at first, any other part by its line, and every line that has a text in it; nothing of a line that is half written."""
    services = page_server.runtime.services
    run = services.store.start_run(
        EnvironmentId("acme", "shop", "alice"),
        RunKind.APPLY,
        "a" * 40,
        company.HOST,
        "daemon",
        datetime.now(UTC),
        lambda number: f"logs/{number}.log",
    )
    path = services.layout.root / run.log
    path.write_text("".join(f"line {number}\n" for number in range(1, 5001)) + "half")
    services.store.finish_run(run.id, RunStatus.SUCCEEDED, datetime.now(UTC))
    end = admin.get(f"/runs/{run.id}").text
    assert ('id="L3000"' in end, 'id="L3001"' in end, 'id="L5000"' in end, "half" in end) == (
        False,
        True,
        True,
        False,
    )
    assert f'href="/runs/{run.id}?around=2001">Earlier lines' in end
    begin = admin.get(f"/runs/{run.id}?around=1").text
    assert ('id="L1"' in begin, 'id="L2000"' in begin, 'id="L2001"' in begin) == (True, True, False)
    assert "Later lines" in begin
    assert "1 line has “LINE 4711”" in admin.get(f"/runs/{run.id}?q=LINE+4711").text


@pytest.fixture(scope="module")
def crowd(page_server: Served) -> Served:
    """Three hundred environments more."""
    store = page_server.runtime.services.store
    [kim] = store.environments(repository=company.BILLING, name="kim")
    more = tuple(
        altered(kim, id=EnvironmentId("acme", "portal", f"crowd-{n:04}"), branch=f"env-crowd-{n:04}")
        for n in range(300)
    )
    store.revise(RepositoryId("acme", "portal"), lambda _: Observed(new=more))
    return page_server


def test_a_list_comes_in_pages_of_a_bounded_size(admin: Client, crowd: Served) -> None:
    """The first paint takes at most 200 kB with its files, however many there are; each is on one page only."""
    first = admin.get("/?repository=acme/portal")
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', first.text)
    whole = len(first.text.encode()) + sum(len(admin.get(each).text.encode()) for each in files)
    assert whole < 200_000
    seen: list[str] = []
    page: str | None = "/?repository=acme/portal"
    while page:
        text = admin.get(page).text
        seen += re.findall(r'class="name" href="(/environments/[^"]+)"', text)
        following = re.search(r'class="button" href="([^"]+)">Next page', text)
        page = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == len(set(seen)) == 301


def test_guessing_is_slowed(tmp_path: Path) -> None:
    """After some wrong tokens within a minute an address has to wait, also with the right one: that of all other trials here."""
    with served(tmp_path / "envmgr") as page:
        client = Client(page.url)
        csrf = client.csrf("/sign-in")
        statuses = [
            client.post("/sign-in", {"csrf": csrf, "token": f"envmgr_{n:043}"}).status for n in range(12)
        ]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert client.post("/sign-in", {"csrf": csrf, "token": page.tokens[Role.ADMIN]}).status == 429
