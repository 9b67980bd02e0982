"""HEAD: what GET answers, without its body."""

import pytest

from envmgr.domain.values.asking.person import Role
from tests.unit.web.conftest import ALICE, Site

_OWN = ("date", "set-cookie")
"""What no two answers have in common."""
READ = (
    *("/healthz", "/readyz", "/metrics", "/", "/sign-in", "/docs", "/static/envmgr.css", "/nothing"),
    *(
        "/api/v1/openapi.json",
        "/api/v1/me",
        "/api/v1/environments",
        ALICE,
        "/api/v1/nothing",
        "/api/v1/runs/99",
    ),
    *("/api/v1/runs/1", "/api/v1/runs/1/log", "/api/v1/events?limit=2", "/api/v1/runs/0", f"{ALICE}/suspend"),
)
FOLLOWED = ("/api/v1/events?follow=true", "/api/v1/runs/1/log?follow=true")


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("role", [None, Role.ADMIN])
def test_the_head_of_an_answer_is_that_of_a_get(shared: Site, path: str, role: Role | None) -> None:
    """By whoever asks, also where it is refused; with the length that the body would have."""
    headers = {"Authorization": f"Bearer {shared.token(role)}"} if role else {}
    get, head = (
        shared.client.request(m, path, headers=headers, follow_redirects=False) for m in ("GET", "HEAD")
    )
    assert head.content == b""
    assert head.status_code == get.status_code
    same = [{n: v for n, v in answer.headers.items() if n not in _OWN} for answer in (get, head)]
    assert same[0] == same[1]
    assert get.status_code == 303 or int(head.headers["content-length"]) == len(get.content)


def test_a_part_is_of_get_alone(shared: Site) -> None:
    """A `Range` of anything else means nothing."""
    run = shared.world.store.run(1)
    assert run is not None
    log = shared.world.person.application.services.layout.root / run.log
    log.parent.mkdir(exist_ok=True)
    log.write_text("terraform apply\n")
    headers = {"Authorization": f"Bearer {shared.token(Role.ADMIN)}", "Range": "bytes=0-3"}
    get, head = (
        shared.client.request(method, "/api/v1/runs/1/log", headers=headers) for method in ("GET", "HEAD")
    )
    assert (get.status_code, head.status_code) == (206, 200)
    assert "content-range" not in head.headers
    assert head.headers["content-length"] == "16"


@pytest.mark.parametrize("path", FOLLOWED)
def test_no_stream_goes_on(shared: Site, path: str) -> None:
    """It would be open until it ends by itself, and nobody reads it."""
    answer = shared.asks("HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    door = shared.app.state.door
    assert door.streams._open.total() == 0
    assert door.events._followers == 0


def test_what_changes_something_takes_no_head(shared: Site) -> None:
    """And says what it takes, as ever."""
    answer = shared.asks("HEAD", f"{ALICE}/suspend")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")
