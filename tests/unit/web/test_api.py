"""The API: who may see and ask what, how lists are paged, and how failures are told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from envmgr.commands import access
from envmgr.commands.access import NEEDED
from envmgr.config.settings import ServerSettings
from envmgr.domain.errors import Forbidden, NotThere
from envmgr.domain.rules.access.roles import Rules, signed_in
from envmgr.domain.values.asking.person import Action, Asker, Kind, Role, least
from envmgr.domain.values.asking.token import Token
from envmgr.web.app import DOCUMENT
from envmgr.web.identity import CSRF_HEADER
from envmgr.web.sign_in import sessions

from .conftest import ALICE, Site

READS = (
    "/environments",
    "/runs",
    "/events",
    "/repositories",
    "/organizations",
    "/pull-requests",
    "/requests",
    "/me",
    "/tokens",
    "/hosts",
)
VERBS = {
    "plan": None,
    "apply": None,
    "destroy": None,
    "rollback": {"revision": "HEAD"},
    "suspend": None,
    "resume": None,
    "extend": {"duration": "1d"},
    "drift": None,
    "approve": None,
    "reject": None,
}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer envmgr_" + "x" * 43}, {"Authorization": "Basic eDp5"}]
)
def test_nobody_sees_anything_without_saying_who_she_is(shared: Site, headers: dict[str, str]) -> None:
    """Nor with a token that is none."""
    for path in READS:
        answer = shared.client.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


@pytest.mark.parametrize("role", Role)
def test_each_role_may_ask_what_the_contract_says(shared: Site, role: Role) -> None:
    """And is told which role may, where hers may not."""
    for verb, body in VERBS.items():
        before = len(shared.world.store.requests.kept)
        answer, needed = shared.asks("POST", f"{ALICE}/{verb}", role, body), least(Action(verb))
        if role.includes(needed):
            assert answer.status_code in (202, 409), answer.text
        else:
            assert (answer.status_code, answer.json()["needs"]) == (403, needed)
            assert len(shared.world.store.requests.kept) == before


def test_what_one_may_not_see_is_not_there(site: Site) -> None:
    """A token of another place learns nothing, by any call."""
    secret = site.token(Role.ADMIN, "acme", "shop")
    other = {"Authorization": f"Bearer {secret}"}
    site.app.state.door.runtime.services.store.tokens.kept["admin.acme.shop"] = _elsewhere(site)
    number = site.asks("POST", f"{ALICE}/plan").json()["id"]
    for path in (ALICE, "/api/v1/runs/1", "/api/v1/runs/1/log", f"/api/v1/requests/{number}"):
        assert site.client.get(path, headers=other).status_code == 404, path
    for verb, body in VERBS.items():
        assert site.client.post(f"{ALICE}/{verb}", headers=other, json=body).status_code == 404
    for path in READS[:7]:
        assert site.client.get(f"/api/v1{path}", headers=other).json()["items"] == [], path


def _elsewhere(site: Site) -> Token:
    token = site.world.store.tokens.kept["admin.acme.shop"]
    return replace(token, repository="vault")


def test_pages_follow_one_another_to_the_end(site: Site) -> None:
    """And together they are all, each once."""
    for name in ("bob", "carol", "dave"):
        site.world.push(name)
    site.world.turn(2)
    for path, key in (("/environments", "environment"), ("/runs", "id"), ("/events", "id")):
        page = site.asks("GET", f"{path}?limit=2").json()
        found = [item[key] for item in page["items"]]
        while page["next"]:
            page = site.asks("GET", f"{path}?limit=2&after={page['next']}").json()
            found += [item[key] for item in page["items"]]
        everything = site.asks("GET", f"{path}?limit=500").json()
        assert found == [item[key] for item in everything["items"]]
        assert everything["next"] is None


@pytest.mark.parametrize("after", ["x", "!!", "W10", "WzFd", "bnVsbA", "W251bGxd", "e30", "WyJhIl0"])
def test_what_is_no_cursor_is_refused(shared: Site, after: str) -> None:
    """Whatever somebody makes up."""
    answers = [shared.asks("GET", f"/{what}?after={after}") for what in ("environments", "runs", "events")]
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert answers[0].status_code == 400


def test_what_is_known_is_not_sent_again(site: Site) -> None:
    """By its ETag; another answer has another."""
    first = site.asks("GET", "/environments")
    header = {"Authorization": f"Bearer {site.token(Role.ADMIN)}", "If-None-Match": first.headers["etag"]}
    again = site.client.get("/api/v1/environments", headers=header)
    assert (again.status_code, again.content) == (304, b"")
    site.world.push("bob")
    site.world.turn()
    assert site.client.get("/api/v1/environments", headers=header).status_code == 200


def test_a_log_is_given_in_whole_and_in_part(site: Site) -> None:
    """As plain text, whatever it says."""
    path = site.world.daemon.application.services.layout.log(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"one\n<script>\x1b[31m\xff\ntwo\n")
    whole = site.asks("GET", "/runs/1/log")
    assert (whole.content, whole.headers["content-type"]) == (path.read_bytes(), "text/plain; charset=utf-8")
    assert whole.headers["x-content-type-options"] == "nosniff"
    headers = {"Authorization": f"Bearer {site.token(Role.ADMIN)}", "Range": "bytes=4-7"}
    part = site.client.get("/api/v1/runs/1/log", headers=headers)
    assert (part.status_code, part.content) == (206, b"<scr")
    headers["Range"] = "bytes=999-"
    beyond = site.client.get("/api/v1/runs/1/log", headers=headers)
    assert (beyond.status_code, beyond.headers["content-type"]) == (416, "application/problem+json")
    assert (beyond.headers["content-range"], beyond.json()["status"]) == ("bytes */23", 416)
    for none in ("bytes=7-4", "lines=1-2", "4-7"):
        headers["Range"] = none
        passed_over = site.client.get("/api/v1/runs/1/log", headers=headers)
        assert (passed_over.status_code, passed_over.content) == (200, path.read_bytes())
    headers["If-None-Match"] = whole.headers["etag"]
    again = site.client.get("/api/v1/runs/1/log", headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", whole.headers["etag"])
    path.write_bytes(b"more")
    assert site.client.get("/api/v1/runs/1/log", headers=headers).content == b"more"


def test_a_log_is_followed_to_its_end_and_from_where_it_broke(site: Site) -> None:
    """A line for each event, whose id is where the next one goes on."""
    path = site.world.daemon.application.services.layout.log(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"one\r\ntwo\nthree")
    told = _followed(site, "/runs/1/log?follow=1")
    assert [(n, d.get("line")) for n, d in told[:-1]] == [(5, "one\r"), (9, "two"), (14, "three")]
    assert told[-1] == (14, {"run": 1, "status": "succeeded"})
    again = _followed(site, "/runs/1/log?follow=1", last="5")
    assert [d.get("line") for _, d in again] == ["two", "three", None]


def _followed(site: Site, path: str, last: str = "") -> list[tuple[int, dict[str, Any]]]:
    headers = {"Authorization": f"Bearer {site.token(Role.ADMIN)}"}
    text = site.client.get(
        f"/api/v1{path}", headers={**headers, **({"Last-Event-ID": last} if last else {})}
    ).text
    blocks = [
        dict(line.partition(": ")[::2] for line in b.splitlines())
        for b in text.split("\n\n")
        if "data: " in b
    ]
    return [(int(block["id"]), json.loads(block["data"])) for block in blocks]


def test_tokens_are_an_admins(site: Site) -> None:
    """Made, listed without their secrets, and worth nothing once they are revoked."""
    wish = {"name": "laptop", "role": "viewer", "organization": "acme", "expires": "1d"}
    assert site.asks("POST", "/tokens", Role.APPROVER, wish).status_code == 403
    assert site.asks("POST", "/tokens", body=wish).status_code == 201
    assert site.asks("POST", "/tokens", body=wish).status_code == 409
    made = site.asks("POST", "/tokens", body={**wish, "name": "other"}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert site.client.get("/api/v1/me", headers=headers).json()["name"] == "other"
    listed = site.asks("GET", "/tokens").text
    assert "other" in listed
    assert made["secret"] not in listed
    assert made["secret"] not in str(site.world.store.tokens.kept)
    assert site.asks("DELETE", "/tokens/other", Role.APPROVER).status_code == 404
    assert site.asks("DELETE", "/tokens/other").status_code == 204
    assert site.client.get("/api/v1/me", headers=headers).status_code == 401
    site.world.forward(days=2)
    assert [e.action for e in site.world.store.events()].count("token-revoked") == 1


def test_a_token_is_worth_nothing_once_it_has_expired(site: Site) -> None:
    """To the second."""
    body = {"name": "short", "role": "viewer", "organization": "acme", "expires": "1h"}
    headers = {"Authorization": f"Bearer {site.asks('POST', '/tokens', body=body).json()['secret']}"}
    assert site.client.get("/api/v1/me", headers=headers).status_code == 200
    site.world.forward(hours=1)
    assert site.client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_session_writes_only_with_its_csrf_token(site: Site) -> None:
    """Another page's form has no such header."""
    site.access["acme"] = Rules({Role.DEVELOPER: ("carol",)})
    site.app.state.door.runtime = site.runtime(site.world.person.application)
    secret, session = sessions.begin(site.app.state.door, Asker(Kind.PERSON, "carol"))
    site.client.cookies.set(sessions.COOKIE, secret)
    assert site.client.get(ALICE).status_code == 200
    assert site.client.post(f"{ALICE}/plan").status_code == 403
    assert site.client.post(f"{ALICE}/plan", headers={CSRF_HEADER: "x"}).status_code == 403
    done = site.client.post(f"{ALICE}/plan", headers={CSRF_HEADER: session.csrf})
    assert (done.status_code, done.json()["asked_by"]) == (202, "person carol")
    site.world.forward(days=1)
    assert site.client.get(ALICE).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("[" * 50_000 + "]" * 50_000, 400, "The body is nested too deep to be read"),
        ('{"reason": "x"', 422, "body: No JSON from character 14 on"),
        ('{"reason": "x"} y', 422, "body: No JSON from character 16 on"),
        ("", 422, "body: "),
    ],
)
def test_what_is_no_body_is_told_in_words(site: Site, body: str, status: int, said: str) -> None:
    """Not in those of a library, of which a person learns nothing."""
    headers = {"Authorization": f"Bearer {site.token(Role.ADMIN)}", "Content-Type": "application/json"}
    found = site.client.post(f"{ALICE}/extend", content=body, headers=headers)
    assert (found.status_code, found.headers["Content-Type"]) == (status, "application/problem+json")
    assert said in found.json()["detail"]


def test_too_much_is_refused(site: Site) -> None:
    """A body, or requests: with when to try again."""
    large = site.asks("POST", f"{ALICE}/suspend", body={"reason": "x" * (2 << 20)})
    assert (large.status_code, large.json()["status"]) == (413, 413)
    headers = {"Authorization": f"Bearer {site.token(Role.ADMIN)}", "Content-Type": "application/json"}
    pieces = (b'"' if number == 0 else b"x" * (256 << 10) for number in range(9))
    chunked = site.client.post(f"{ALICE}/suspend", content=pieces, headers=headers)
    assert (chunked.status_code, chunked.json()["status"]) == (413, 413), "it does not say how long it is"
    runtime = site.app.state.door.runtime
    site.app.state.door.runtime = replace(runtime, server=ServerSettings(requests=10))
    answers = [site.asks("GET", "/me") for _ in range(15)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert site.client.get("/healthz").status_code == 200
    other = {"Authorization": f"Bearer {site.token(Role.VIEWER)}"}
    assert site.client.get("/api/v1/me", headers=other).status_code == 200, "another's is not used up"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", None])
def test_a_body_of_another_kind_is_told_what_it_must_be(shared: Site, kind: str | None) -> None:
    """As `curl --data` sends one."""
    headers = {"Authorization": f"Bearer {shared.token(Role.ADMIN)}"} | (
        {"Content-Type": kind} if kind else {}
    )
    answer = shared.client.post(f"{ALICE}/extend", content=b'{"duration":"3d"}', headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (415, 415)
    assert "Content-Type: application/json" in answer.json()["detail"]
    headers["Content-Type"] = "application/json; charset=utf-8"
    assert (
        shared.client.post(f"{ALICE}/extend", content=b'{"duration":"0s"}', headers=headers).status_code
        == 400
    )


def test_where_there_is_nothing_a_browser_is_told_so_by_a_page(shared: Site) -> None:
    """A program never is, nor anybody below the API; what is told is a sentence."""
    for path, accept, is_page in (
        ("/nothing", "text/html,*/*", True),
        ("/nothing", "*/*", False),
        ("/api/v1/nothing", "text/html", False),
    ):
        answer = shared.client.get(path, headers={"Accept": accept})
        kind = "text/html; charset=utf-8" if is_page else "application/problem+json"
        assert (answer.status_code, answer.headers["content-type"]) == (404, kind)
        assert ("There is no such page." if is_page else "There is nothing at this address") in answer.text
    other = shared.client.delete("/api/v1/me")
    assert (other.status_code, other.headers["allow"]) == (405, "GET")
    assert other.json()["detail"] == "This address takes another method: GET."


def test_guessing_tokens_ends_soon_and_keeps_no_other_out(site: Site) -> None:
    """Who shows one that is known goes on."""
    site.asks("GET", "/me")
    seen = set()
    for number in range(80):
        guess = {"Authorization": f"Bearer envmgr_{number:043d}"}
        seen.add(site.client.get("/api/v1/me", headers=guess).status_code)
    assert seen == {401, 429}
    assert site.asks("GET", "/me").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/environments/acme/shop/nobody", None, 404),
        ("GET", "/environments/ACME/shop/alice", None, 422),
        ("GET", "/runs/0", None, 422),
        ("GET", "/runs/99", None, 404),
        ("GET", "/environments?limit=501", None, 422),
        ("GET", "/environments?status=odd", None, 422),
        ("POST", f"{ALICE}/extend", {"duration": "soon"}, 400),
        ("POST", f"{ALICE}/plan", {"unknown": 1}, 422),
        ("PUT", "/me", None, 405),
        ("GET", "/nothing", None, 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(
    shared: Site, method: str, path: str, body: object, status: int
) -> None:
    """Each with its status and a sentence."""
    answer = shared.asks(method, path, body=body)
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_fault_of_ours_is_told_without_what_it_was(shared: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has it."""
    monkeypatch.setattr("envmgr.commands.reading.organizations", lambda _: 1 / 0)
    answer = shared.asks("GET", "/organizations")
    assert (answer.status_code, "division" in answer.text) == (500, False)


def test_every_call_is_described(shared: Site) -> None:
    """With what it answers, an example, and what may go wrong."""
    document = shared.client.get(DOCUMENT).json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            answers = call["responses"]
            # A forge is never told to come again later: it would give the webhook up.
            often = set() if path.startswith("/webhooks/") else {"429"}
            assert {"401", "404", "422", *often} <= answers.keys(), path
            good = [a for status, a in answers.items() if status < "300"]
            contents = [kind for a in good for kind in a.get("content", {}).values()]
            assert method == "delete" or all("example" in kind for kind in contents), path
            assert call["summary"]
            assert call["description"]


def test_each_command_of_an_environment_says_what_it_needs(shared: Site) -> None:
    """And refuses who may not, whichever door she came through, before anything is done."""
    import importlib

    ann = signed_in("ann", (), {"acme": Rules({Role.VIEWER: ("ann",)})})
    nobody = signed_in("ann", (), {})
    found = shared.world.environment("alice")
    asked = 0
    for name, action in NEEDED.items():
        module, _, function = name.rpartition(".")
        command = getattr(importlib.import_module(module), function)
        with pytest.raises(NotThere):
            command(shared.world.person.application.asked_by(nobody), found)
        if action is not Action.SEE:
            asked += 1
            with pytest.raises(Forbidden):
                command(shared.world.person.application.asked_by(ann), found)
    assert asked >= 12
    assert access.may(shared.world.person.application, Action.APPLY, "acme", "shop")
    assert shared.world.environment("alice") == found
