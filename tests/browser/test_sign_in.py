"""Signing in by OpenID Connect, at a provider on Authlib's server side, and by a proxy's headers."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from .http_client import Answer, Client
from .provider import CLIENT, SECRET, Provider, Somebody, provider
from .served import Served, served

_BACK = "http://127.0.0.1:1"  # where envmgr says that it is reached; nobody follows anything here
_DAEMON = """\
server:
  listen: 127.0.0.1:0
  requests: 100000
  public_url: {back}
  sign_in:
    oidc: {{issuer: "{issuer}", client_id: {client}, client_secret: {{file: {secret}}}}}
    proxy: {{user_header: X-Forwarded-User, groups_header: X-Forwarded-Groups, from: [{network}]}}
"""


@pytest.fixture(scope="module")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Provider]]:
    """The page, with a provider, and a proxy that is believed from loopback."""
    folder = tmp_path_factory.mktemp("oidc")
    secret = folder / "secret"
    secret.write_text(SECRET)
    with provider(f"{_BACK}/sign-in/back") as found:
        daemon = _DAEMON.format(
            back=_BACK, issuer=found.issuer, client=CLIENT, secret=secret, network="127.0.0.1/32"
        )
        with served(folder / "envmgr", daemon) as page:
            yield page, found


@pytest.fixture
def signing(oidc: tuple[Served, Provider]) -> tuple[Client, Provider]:
    """Somebody who is not signed in, and the provider with nothing wrong."""
    page, found = oidc
    found.somebody = Somebody()
    found.seen.clear()
    return Client(page.url), found


def _to_provider(client: Client, onward: str = "/") -> Answer:
    """The way to the provider and back to the page's door, without having gone through that."""
    begun = client.get(f"/sign-in/provider?next={onward}")
    assert begun.status == 303
    return Client(begun.headers["location"]).get(_path(begun.headers["location"]))


def _path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _signed_in(client: Client, onward: str = "/") -> Answer:
    return client.get(_path(_to_provider(client, onward).headers["location"]))


def test_somebody_signs_in_at_the_provider(signing: tuple[Client, Provider]) -> None:
    """With PKCE and a nonce; name and groups give her her roles, and she lands where she wanted to."""
    client, found = signing
    back = _signed_in(client, "/activity")
    assert (back.status, back.headers["location"]) == (303, "/activity")
    page = client.get("/activity")
    assert "<strong>carol</strong> approver" in page.text
    [asked] = found.seen
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["nonce"]
    assert not [c for c in back.cookies if "Secure" not in c or "HttpOnly" not in c]
    assert client.post("/sign-out", {"csrf": client.csrf("/")}).status == 303
    assert client.get("/").status == 303


def test_a_sign_in_belongs_to_the_browser_that_began_it(signing: tuple[Client, Provider]) -> None:
    """Nobody is signed in as somebody else by a link; a code is good once."""
    client, _ = signing
    link = _path(_to_provider(client).headers["location"])
    victim = Client(client.url)
    assert (victim.get(link).status, victim.get("/").status) == (403, 303)
    victim.get("/sign-in/provider")
    assert (victim.get(link).status, victim.get("/").status) == (403, 303)
    pending = dict(client.cookies)
    assert client.get(link).status == 303
    again = Client(client.url, pending)
    assert (again.get(link).status, again.get("/").status) == (403, 303)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": ["another"]},
        {"exp": 1_000_000},
        {"nonce": "another"},
        {"preferred_username": "two\nlines"},
        {"preferred_username": ["carol"]},
    ],
    ids=["issuer", "audience", "expired", "nonce", "name", "type"],
)
def test_what_is_not_proven_signs_nobody_in(
    signing: tuple[Client, Provider], wrong: dict[str, object]
) -> None:
    """An ID token by another, for another, of another time or another sign-in, or one that names nobody."""
    client, found = signing
    found.somebody = Somebody(claims={"preferred_username": "carol"} | wrong)
    assert (_signed_in(client).status, client.get("/").status) == (403, 303)


def test_a_token_of_another_key_signs_nobody_in(signing: tuple[Client, Provider]) -> None:
    """Whoever else signed it."""
    client, found = signing
    found.somebody.key = RSAKey.generate_key(2048)
    assert (_signed_in(client).status, client.get("/").status) == (403, 303)


def test_who_is_refused_there_is_told(signing: tuple[Client, Provider]) -> None:
    """The provider's own words are not repeated."""
    client, found = signing
    found.somebody.refuses = True
    back = _signed_in(client)
    assert (back.status, "The provider did not sign you in" in back.text) == (403, True)


def test_no_sign_in_leads_elsewhere(signing: tuple[Client, Provider]) -> None:
    """Also by the way of the provider."""
    client, _ = signing
    assert _signed_in(client, "//evil.example").headers["location"] == "/"


def test_the_page_offers_the_provider(signing: tuple[Client, Provider]) -> None:
    """By its name, with where to go on."""
    client, _ = signing
    text = client.get("/sign-in?next=/activity").text
    assert 'href="/sign-in/provider?next=%2Factivity"' in text
    assert parse_qs("next=%2Factivity") == {"next": ["/activity"]}


def test_a_proxy_says_who_somebody_is(oidc: tuple[Served, Provider]) -> None:
    """From where it is believed; a header that comes twice is nobody's."""
    client = Client(oidc[0].url)
    assert client.get("/").status == 303
    page = client.get("/activity", X_Forwarded_User="dave", X_Forwarded_Groups="engineering, other")
    assert "<strong>dave</strong> developer" in page.text
    assert client.get("/", X_Forwarded_User="two, names\x7f").status == 303


def test_what_a_proxied_browser_is_made_to_send_is_refused(oidc: tuple[Served, Provider]) -> None:
    """The proxy says who she is whichever site has her send it: the form of the page is needed, and for the API its origin."""
    client = Client(oidc[0].url)
    who = {"X_Forwarded_User": "root"}
    path, form = "/environments/acme/shop/alice/suspend", {"reason": "x"}
    assert client.post(path, form, **who).status == 403
    call = "/api/v1/environments/acme/shop/alice/suspend"
    assert client.post(call, {}, **who, sec_fetch_site="cross-site").status == 403
    assert client.post(call, {}, **who, origin="https://evil.example").status == 403


def test_headers_from_elsewhere_are_nobodys_word(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who can reach the port is not the proxy."""
    folder = tmp_path_factory.mktemp("elsewhere")
    daemon = (
        "server:\n  listen: 127.0.0.1:0\n  sign_in:\n"
        "    proxy: {user_header: X-Forwarded-User, from: [10.9.8.7/32]}\n"
    )
    with served(folder / "envmgr", daemon) as page:
        client = Client(page.url)
        headers = {"X_Forwarded_User": "root", "X_Forwarded_For": "10.9.8.7", "X_Real_Ip": "10.9.8.7"}
        assert client.get("/", **headers).status == 303
