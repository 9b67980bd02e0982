"""Which image is the newest: asked of a real registry, and of stand-ins for what ours does not do by itself."""

import base64
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from envmgr.adapters.registry.client import Registries
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.ports.registry import FoundImage, Login
from tests.support import registry as real
from tests.support.web_server import Answer, WebServer, dripping, page

DIGEST = f"sha256:{'a' * 64}"
BOT = Login("bot", "hush-hush")
LOGIN = f"Basic {base64.b64encode(b'bot:hush-hush').decode()}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Registry]:
    """Debian's docker-registry."""
    if real.PROGRAM is None:
        pytest.skip("docker-registry is absent: install Debian's docker-registry")
    with real.running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A stand-in."""
    with WebServer() as serving:
        yield serving


def image(server: WebServer) -> str:
    """An image of the stand-in."""
    return f"127.0.0.1:{server.port}/acme/shop"


def listing(*tags: str, link: str = "") -> Answer:
    """A list of tags, and where it goes on."""
    headers = {"link": link} if link else {}
    return page(200, json.dumps({"name": "acme/shop", "tags": tags}).encode(), **headers)


def manifest(tag: str = "1.0", digest: str = DIGEST) -> tuple[str, Answer]:
    """Where a tag's manifest is, and that it has this digest."""
    return f"/v2/acme/shop/manifests/{tag}", page(body=b"", docker_content_digest=digest)


def newest(server: WebServer, tags: str = "*", login: Login | None = None, seconds: float = 20) -> FoundImage:
    """Asks the stand-in."""
    return Registries({}, seconds).newest(image(server), tags, login)


def test_a_real_registry_tells_the_newest_version_and_its_digest(registry: real.Registry) -> None:
    """1.10 after 1.9; a tag that moved stands for another image."""
    name, registries = "acme/shop", Registries({})
    registry.push(name, "1.9", content="one")
    ten = registry.push(name, "1.10", "latest", content="ten")
    registry.push(name, "2.0", "1.11-rc1", content="two")
    shop = registry.image(name)
    assert registries.newest(shop, "1.*", None) == FoundImage(f"{shop}@{ten}", "1.10")
    assert registries.newest(shop, "latest", None) == FoundImage(f"{shop}@{ten}", "latest")
    moved = registry.push(name, "1.10", content="other")
    assert moved != ten
    assert registries.newest(shop, "1.*", None) == FoundImage(f"{shop}@{moved}", "1.10")
    with pytest.raises(NeedsPerson, match=r"has no image .*/acme/none"):
        registries.newest(registry.image("acme/none"), "*", None)
    with pytest.raises(NeedsPerson, match="has no tag that matches '9"):
        registries.newest(shop, "9.*", None)
    with pytest.raises(NeedsPerson, match="has no image"):
        registries.newest(shop, "9.0", None)


def test_a_token_is_fetched_where_the_registry_sends_for_one(server: WebServer) -> None:
    """With user name and password there, and the token alone at the registry."""
    asked: list[tuple[str, str]] = []

    def guarded(answer: Answer) -> Answer:
        def check(request: BaseHTTPRequestHandler) -> None:
            given = request.headers.get("Authorization", "")
            asked.append((request.command, given))
            if given == "Bearer t-o-k":
                answer(request)
            else:
                challenge = (
                    f'Bearer realm="{server.url("/token")}",service="reg",scope="repository:acme/shop:pull"'
                )
                page(401, www_authenticate=challenge)(request)

        return check

    def token(request: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(request.path).query)
        assert query == {"service": ["reg"], "scope": ["repository:acme/shop:pull"]}
        is_let_in = request.headers.get("Authorization") == LOGIN
        page(200 if is_let_in else 401, b'{"token": "t-o-k"}')(request)

    server.answer("/v2/acme/shop/tags/list", guarded(listing("1.0")))
    server.answer("/v2/acme/shop/manifests/1.0", guarded(manifest()[1]))
    server.answer("/token", token)
    assert newest(server, login=BOT) == FoundImage(f"{image(server)}@{DIGEST}", "1.0")
    assert asked == [("GET", ""), ("GET", "Bearer t-o-k"), ("HEAD", "Bearer t-o-k")]
    with pytest.raises(NeedsPerson, match=r"does not let envmgr see .* without credentials \(401\)"):
        newest(server)
    with pytest.raises(NeedsPerson, match=r"with these credentials \(401\)") as error:
        newest(server, login=Login("bot", "wrong-one"))
    assert "wrong-one" not in str(error.value)


def test_user_and_password_are_sent_only_where_the_registry_asks_for_them(server: WebServer) -> None:
    """By basic authentication, after the first refusal."""

    def guarded(request: BaseHTTPRequestHandler) -> None:
        is_let_in = request.headers.get("Authorization") == LOGIN
        (manifest()[1] if is_let_in else page(401, www_authenticate='Basic realm="x"'))(request)

    server.answer("/v2/acme/shop/manifests/1.0", guarded)
    assert newest(server, "1.0", BOT).reference.endswith(DIGEST)
    assert [headers.get("Authorization") for _, headers in server.requests] == [None, LOGIN]


def test_pages_are_followed_where_they_lead_on(server: WebServer) -> None:
    """By the header `Link`, to the same registry alone."""

    def paged(request: BaseHTTPRequestHandler) -> None:
        is_second = "last=1.0" in request.path
        following = "" if is_second else '</v2/acme/shop/tags/list?n=1&last=1.0>; rel="next"'
        listing(*(("1.2", "not a tag", "1.10") if is_second else ("1.0",)), link=following)(request)

    server.answer("/v2/acme/shop/tags/list", paged)
    server.answer(*manifest("1.10"))
    assert newest(server).tag == "1.10"
    server.answer("/v2/acme/shop/tags/list", listing("1.0", link='<http://localhost:1/x>; rel="next"'))
    with pytest.raises(NeedsPerson, match="leads to another host \\(localhost\\), which is not followed"):
        newest(server)
    server.answer(
        "/v2/acme/shop/tags/list", listing("1.0", link='</v2/acme/shop/tags/list?n=1000>; rel="next"')
    )
    with pytest.raises(NeedsPerson, match="has more tags than are read"):
        newest(server)


def test_nothing_is_followed_to_another_host(server: WebServer) -> None:
    """Neither an answer nor, unless by https, the way to a token; within the registry it is."""
    server.answer("/v2/acme/shop/manifests/1.0", page(307, location="http://localhost:1/v2/"))
    with pytest.raises(NeedsPerson, match="leads to another host"):
        newest(server, "1.0", BOT)
    server.answer(
        "/v2/acme/shop/manifests/1.0", page(401, www_authenticate='Bearer realm="http://example.com/t"')
    )
    with pytest.raises(NeedsPerson, match="an address that is not https: nothing was sent there"):
        newest(server, "1.0", BOT)
    server.answer("/v2/acme/shop/manifests/1.0", page(307, location="/v2/elsewhere"))
    server.answer("/v2/elsewhere", manifest()[1])
    assert newest(server, "1.0").reference.endswith(DIGEST)


def test_without_a_digest_it_is_that_of_the_manifest(server: WebServer) -> None:
    """As the standard has it."""
    body = b'{"schemaVersion": 2}'
    server.answer("/v2/acme/shop/manifests/1.0", page(body=body))
    assert newest(server, "1.0").reference == f"{image(server)}@sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page(503), "answered 503"),
        (page(body=b"<html>"), "did not answer (what came back was not HTTP)"),
        (page(body=b"[]"), "did not answer"),
        (page(body=b" " * (5 * 1024 * 1024)), "did not answer"),
        (dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"), "it took longer than 1 s"),
    ],
    ids=["busy", "page", "list", "large", "slow"],
)
def test_what_is_no_answer_is_tried_again(server: WebServer, answer: Answer, said: str) -> None:
    """With a sentence that repeats nothing of what was sent."""
    server.answer("/v2/acme/shop/tags/list", answer)
    with pytest.raises(Transient) as error:
        newest(server, seconds=1)
    assert said in str(error.value)


def test_a_registry_that_is_not_there_is_said() -> None:
    """By its name."""
    with pytest.raises(
        Transient, match=r"The registry of 127.0.0.1:1/acme/shop did not answer \(connection refused\)."
    ):
        Registries({}).newest("127.0.0.1:1/acme/shop", "1.0", None)
