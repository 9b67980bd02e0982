"""The API's documentation for people has all that the OpenAPI document has."""

import html

import pytest

from envmgr.domain.values.asking.person import Role
from envmgr.web.api.document import described
from envmgr.web.pages.documentation import Call, documentation

from .conftest import ALICE, Site


@pytest.fixture(scope="module")
def calls(shared: Site) -> dict[str, Call]:
    """Every call, by what it is."""
    found = documentation(described(shared.app), "https://e.example.com")
    return {f"{call.method} {call.path}": call for _, group in found.groups for call in group}


def test_anybody_may_read_it_and_every_call_is_there(shared: Site, calls: dict[str, Call]) -> None:
    """By nothing but HTML of this host: no script is needed for it, and nothing leads elsewhere unseen."""
    page = shared.client.get("/docs")
    assert page.status_code == 200
    for path, each in described(shared.app)["paths"].items():
        for method in each:
            assert f"{method.upper()} {path}" in calls
            assert f'id="{calls[f"{method.upper()} {path}"].id}"' in page.text
    assert len({call.id for call in calls.values()}) == len(calls)
    assert (
        html.escape('-d \'{"duration": "3d"}\'', quote=True)
        .replace("&#x27;", "&#39;")
        .replace("&quot;", "&#34;")
        in page.text
    )
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_each_group_is_there_once(shared: Site) -> None:
    """Also where its calls are not next to each other in the document, as those of environments and of pull requests."""
    groups = [name for name, _ in documentation(described(shared.app), "https://e.example.com").groups]
    assert groups.count("changes") == 1
    assert len(set(groups)) == len(groups)


def test_a_call_says_what_it_takes_and_what_comes_back(calls: dict[str, Call]) -> None:
    """Its parameters and body with their kinds, an example that can be typed, and each answer."""
    call = calls["POST /api/v1/environments/{organization}/{repository}/{environment}/extend"]
    body = {each.name: (each.kind, each.is_needed) for each in call.body}
    assert body["duration"] == ("string up to 20 characters", True)
    assert [(e.name, e.where) for e in call.parameters][-1] == ("Idempotency-Key", "a header")
    assert call.example.endswith(f"https://e.example.com{ALICE}/extend")
    assert [answer.status for answer in call.answers][:2] == ["202", "400"]
    assert {"202": "Request", "409": "Problem"}.items() <= {a.status: a.object for a in call.answers}.items()
    assert '"asked_by": "person carol"' in call.answer
    status = next(e for e in calls["GET /api/v1/environments"].parameters if e.name == "status")
    assert status.kind.startswith("one of pending, ")


def test_the_role_that_it_names_is_the_one_that_may(shared: Site, calls: dict[str, Call]) -> None:
    """One that may less is refused; that the role itself suffices, the table of the roles tests."""
    for name, call in calls.items():
        if not call.path.startswith("/api/v1/environments/{") or call.method != "POST":
            continue
        path = call.path.format(organization="acme", repository="shop", environment="alice")
        lesser = [role for role in Role if not role.includes(Role(call.role))]
        body = {"revision": "previous", "duration": "3d", "to": "alice"}
        said = {each.name: body[each.name] for each in call.body if each.name in body}
        refused = shared.asks("POST", path, lesser[-1], said)
        assert (name, refused.status_code, refused.json().get("needs")) == (name, 403, call.role)
