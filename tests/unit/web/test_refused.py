"""What a stranger, or somebody who may little, tries in order to get more."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from envmgr.commands import reading, tokens
from envmgr.commands.hosts import logs
from envmgr.config.settings import ProxySettings, ServerSettings
from envmgr.domain.rules.access.roles import Rules
from envmgr.domain.values.asking.person import Asker, Kind, Role
from envmgr.web.app import DOCUMENT
from envmgr.web.identity import CSRF_HEADER
from envmgr.web.sign_in import sessions
from envmgr.web.sign_in.oidc import Pending

from .conftest import ALICE, Site


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _makes(site: Site, secret: str, **wish: Any) -> Any:
    body = {"name": f"t{len(site.world.store.tokens.kept)}", "role": "admin", **wish}
    return site.client.post("/api/v1/tokens", json=body, headers=_bearer(secret))


def _signed_in(site: Site, name: str) -> dict[str, str]:
    """The headers of somebody who signed in."""
    secret, session = sessions.begin(site.app.state.door, Asker(Kind.PERSON, name))
    return {"Cookie": f"{sessions.COOKIE}={secret}", CSRF_HEADER: session.csrf}


def test_of_all_organizations_is_made_only_by_who_has_all(site: Site) -> None:
    """An admin of the only one there is has not those to come."""
    acme, everything = site.token(Role.ADMIN), site.token(Role.ADMIN, None)
    assert _makes(site, acme).status_code == 403
    assert _makes(site, everything).status_code == 201
    assert _makes(site, site.token(Role.APPROVER, None)).status_code == 403
    listed = site.client.get("/api/v1/tokens", headers=_bearer(acme)).json()["items"]
    assert {token["organization"] for token in listed} == {"acme"}


def test_an_admin_of_one_repository_makes_tokens_for_that_alone(site: Site) -> None:
    """Not for its organization."""
    secret = site.token(Role.ADMIN, "acme", "shop")
    assert _makes(site, secret, organization="acme").status_code == 404
    assert _makes(site, secret, organization="acme", repository="shop").status_code == 201


def test_of_an_organization_is_made_only_by_an_admin_of_all_of_it(site: Site) -> None:
    """What a repository says of its own admins cannot be got around by a token of the whole."""
    site.access["acme"] = Rules({Role.ADMIN: ("carol", "dave")}, {"vault": {Role.ADMIN: ("dave",)}})
    site.app.state.door.runtime = site.runtime(site.world.person.application)

    def makes(name: str, **wish: Any) -> Any:
        body = {"name": f"{name}{len(wish)}", "role": "viewer", "organization": "acme", **wish}
        return site.client.post("/api/v1/tokens", json=body, headers=_signed_in(site, name))

    refused = makes("carol")
    assert (refused.status_code, "vault" in refused.text) == (403, False)
    assert makes("carol", repository="shop").status_code == 201
    assert makes("dave").status_code == 201


def test_what_a_token_makes_ends_with_it(site: Site) -> None:
    """One that ends would else go on for ever under other names."""
    made = site.asks(
        "POST", "/tokens", body={"name": "x", "role": "admin", "organization": "acme", "expires": "1d"}
    )
    secret = made.json()["secret"]
    assert _makes(site, secret, organization="acme").json()["expires_at"] == made.json()["expires_at"]
    assert _makes(site, secret, organization="acme", expires="2d").status_code == 409
    assert _makes(site, secret, organization="acme", expires="1d").status_code == 201


def test_who_sees_nothing_learns_no_names(site: Site) -> None:
    """Whether she asks for what is there, or for what is not."""
    site.app.state.door.runtime = site.runtime(site.world.person.application)
    who, said = _signed_in(site, "mallory"), set()
    for place in ({"organization": "acme"}, {"organization": "globex"}):
        for more in ({}, {"repository": "shop"}, {"repository": "nope"}):
            body = {"name": "x", "role": "viewer", **place, **more}
            answer = site.client.post("/api/v1/tokens", json=body, headers=who)
            said.add((answer.status_code, re.sub("acme|globex|shop|nope", "X", answer.json()["detail"])))
    assert said == {
        (404, "There is no organization X, or you have no role in it as a whole."),
        (404, "There is no X/X, or you may not see it."),
    }


def test_an_admin_of_one_repository_is_not_told_that_its_organization_is_not_there(site: Site) -> None:
    """It is in her list of organizations: she has no role in it as a whole."""
    secret = site.token(Role.ADMIN, "acme", "shop")
    who = {"Authorization": f"Bearer {secret}"}
    listed = site.client.get("/api/v1/organizations", headers=who).json()["items"]
    assert [each["name"] for each in listed] == ["acme"]
    refused = site.client.post("/api/v1/organizations/acme/freeze", json={"reason": "x"}, headers=who)
    assert refused.status_code == 404
    assert "you have no role in it as a whole" in refused.json()["detail"]


def test_every_call_says_the_same_of_what_is_hidden_and_of_what_is_not_there(site: Site) -> None:
    """To an admin of another organization: the same status, and the same words but for what she wrote herself."""
    made = site.asks("POST", f"{ALICE}/suspend", body={"reason": "audit"})
    secret, kept = site.token(Role.ADMIN), site.world.store.tokens.kept
    kept["admin.acme.None"] = replace(kept["admin.acme.None"], organization="globex")
    bodies = {"extend": {"duration": "3d"}, "rollback": {"revision": "HEAD"}, "promote": {"to": "x"}}
    bodies |= {"freeze": {"reason": "x"}, "tokens": {"name": "x", "role": "viewer", "organization": "acme"}}
    there = {
        "organization": "acme",
        "repository": "shop",
        "environment": "alice",
        "number": "1",
        "name": "ci",
    }
    there |= {"id": str(made.json()["id"]), "host": "h", "forge": "github"}
    missing = there | {"repository": "nope", "environment": "nobody", "id": "77"}
    asked = 0
    for path, calls in site.client.get(DOCUMENT).json()["paths"].items():
        for method in calls if "{" in path else ("post",) if "post" in calls else ():
            body = bodies.get(path.rpartition("/")[2], {"commit": "a" * 40} if "pull-" in path else {})
            said = set()
            for place in (there, missing):
                answer = site.client.request(
                    method,
                    path.format(**place),
                    json=body if method == "post" else None,
                    headers={"Authorization": f"Bearer {secret}"},
                )
                said.add((answer.status_code, re.sub("shop|nope|alice|nobody|\\d+", "X", answer.text)))
            assert [status for status, _ in said] == [404], (path, said)
            asked += 1
    assert asked > 20


@pytest.mark.parametrize("header", ["Cookie", "Authorization"])
def test_what_is_not_recognised_makes_nobody_another(site: Site, header: str) -> None:
    """Another cookie, or another token, for each request: counted all the same; who is known goes on."""
    site.app.state.door.runtime = replace(
        site.runtime(site.world.person.application), server=ServerSettings(requests=20)
    )
    assert site.asks("GET", "/me").status_code == 200
    shown = "{}" if header == "Cookie" else "Bearer envmgr_{}"
    statuses = [
        site.client.get("/api/v1/me", headers={header: shown.format(n)}).status_code for n in range(30)
    ]
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert site.asks("GET", "/me").status_code == 200


def test_a_token_is_counted_however_it_is_written(site: Site) -> None:
    """Blanks and a session of it make no other caller of it."""
    site.app.state.door.runtime = replace(
        site.runtime(site.world.person.application), server=ServerSettings(requests=20)
    )
    secret = site.token(Role.ADMIN)
    statuses = [
        site.client.get("/api/v1/me", headers={"Authorization": f"Bearer{' ' * (1 + n)}{secret}"}).status_code
        for n in range(30)
    ]
    assert (statuses[0], statuses[-1]) == (200, 429)


@pytest.mark.parametrize(
    ("path", "place"),
    [("/api/v1/runs/1/log?follow=true", "envmgr.commands.hosts.logs.followed"), ("/api/v1/events?follow=true", "envmgr.commands.reading.is_seen")],
)  # fmt: skip
def test_who_is_no_more_is_told_nothing_more(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str, place: str
) -> None:
    """A token that is revoked while it follows something."""
    monkeypatch.setattr("envmgr.web.live.readers.LOOK", 0.0)
    monkeypatch.setattr("envmgr.web.live.events.LIFE", 0.3)
    monkeypatch.setattr("envmgr.web.live.events.BEAT", 0.1)
    headers = {**_bearer(site.token(Role.VIEWER)), "Last-Event-ID": "0"}
    assert "data:" in site.client.get(path, headers=headers).text
    known: dict[str, Callable[..., Any]] = {"followed": logs.followed, "is_seen": reading.is_seen}
    original = known[place.rpartition(".")[2]]

    def revoking(*arguments: Any) -> Any:
        if site.world.store.tokens.kept.get("viewer.acme.None") is not None:
            tokens.revoke(site.world.person.application, "viewer.acme.None")
        return original(*arguments)

    monkeypatch.setattr(place, revoking)
    assert "data:" not in site.client.get(path, headers=headers).text


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": ""}])
def test_another_site_writes_nothing_through_a_proxy(site: Site, headers: dict[str, str]) -> None:
    """Not from a page in a sandbox either, whose origin is nobody's."""
    site.access["acme"] = Rules({Role.ADMIN: ("carol",)})
    proxy = ProxySettings(user_header="X-User", groups_header=None, networks=("127.0.0.0/8",))
    runtime = site.runtime(site.world.person.application)
    site.app.state.door.runtime = replace(runtime, server=ServerSettings(proxy=proxy))
    client = TestClient(site.app, client=("127.0.0.1", 4))
    assert client.post(f"{ALICE}/suspend", headers={"X-User": "carol", **headers}).status_code == 403
    assert client.post(f"{ALICE}/suspend", headers={"X-User": "carol"}).status_code == 202


def _cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "organization=a%00",
        "after=" + _cursor(r'["\u0000","a","b"]'),
        "after=" + _cursor(r'["\ud800","a","b"]'),
    ],
)
def test_what_no_database_can_be_asked_for_is_refused(shared: Site, query: str) -> None:
    """Some of them fail over it, and an answer of 5xx would look like a fault."""
    assert shared.asks("GET", f"/environments?{query}").status_code == 400


def test_a_form_that_is_no_text_is_refused(shared: Site) -> None:
    """In whatever encoding it says that it is; nothing is written to the log for it."""
    body = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n\\ud800\r\n--x--\r\n'
    headers = {
        "Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape",
        "Cookie": "__Host-envmgr_form=a",
    }
    assert shared.client.post("/sign-in", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize("text", ["", "%", "[" * 30_000, "[1]", '{"state": 1}', '"\\ud800"'])
def test_what_a_browser_made_up_is_no_sign_in_that_was_begun(text: str) -> None:
    """It keeps it in a cookie, which anybody may write."""
    assert Pending.unpacked(urlsafe_b64encode(text.encode()).decode()) is None


def test_a_reason_is_one_line_that_steers_nothing(site: Site, asked: Callable[..., dict[str, Any]]) -> None:
    """Whoever reads the log of the daemon, or a message, sees what was written and by whom."""
    asked("suspend", {"reason": "why\n2026-11-26 [error] forged\x1b[2J\u202e\x00"})
    said = next(e.message for e in site.world.store.events() if e.action == "suspended")
    assert r"(why 2026-11-26 [error] forged\x1b[2J\u202e\x00)" in said
