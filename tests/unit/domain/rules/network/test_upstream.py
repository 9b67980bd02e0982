"""By which proxy of the host's own a connection goes, and what is asked of it."""

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.network.egress import Route, Target, Way, Why, route
from envmgr.domain.rules.network.upstream import Upstream, is_exempt, upstream_of

PUBLIC, INSIDE = "93.184.216.34", "10.0.0.1"
NAME = Target("api.example", 443)
BY = Upstream(host="proxy.corp", port=3128, exempt="direct.example")
LISTED = Way(names=("*.example:443",))
ANY = Way()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://only.plain:80"}, None),
        ({"HTTPS_PROXY": "http://proxy.corp:3128"}, ("proxy.corp", 3128, "", "")),
        ({"https_proxy": "proxy.corp:3128", "no_proxy": "a,b"}, ("proxy.corp", 3128, "", "a,b")),
        ({"HTTPS_PROXY": "http://proxy.corp"}, ("proxy.corp", 80, "", "")),
        ({"HTTPS_PROXY": "http://[fd00::1]:3128/"}, ("fd00::1", 3128, "", "")),
        ({"HTTPS_PROXY": "http://me:a%3Ab@proxy.corp:1"}, ("proxy.corp", 1, "Basic bWU6YTpi", "")),
    ],
)
def test_it_is_what_the_variables_say(
    environment: dict[str, str], expected: tuple[object, ...] | None
) -> None:
    found = upstream_of(environment)
    given = None if found is None else (found.host, found.port, found.authorization, found.exempt)
    assert given == expected


@pytest.mark.parametrize(
    "address", ["https://proxy.corp:443", "socks5://proxy.corp:1080", "http://:80", "http://a:x"]
)
def test_what_we_cannot_go_by_is_said(address: str) -> None:
    with pytest.raises(NeedsPerson, match="HTTPS_PROXY is no http://HOST:PORT"):
        upstream_of({"HTTPS_PROXY": address})


@pytest.mark.parametrize(
    ("exemptions", "expected"),
    [
        ("", False),
        ("*", True),
        ("example", True),
        (".example", True),
        ("*.example", True),
        ("other, api.example", True),
        ("API.Example", True),
        ("xample", False),
        ("api.example:443", True),
        ("api.example:80", False),
        ("10.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts(exemptions: str, *, expected: bool) -> None:
    assert is_exempt("api.example", exemptions, 443) is expected


@pytest.mark.parametrize(
    ("exemptions", "expected"),
    [
        ("10.0.0.0/8", True),
        ("10.0.0.1", True),
        ("10.0.0.1:443", True),
        ("10.0.0.1:80", False),
        ("11.0.0.0/8", False),
    ],
)
def test_no_proxy_names_addresses_and_networks(exemptions: str, *, expected: bool) -> None:
    assert is_exempt(INSIDE, exemptions, 443) is expected


def test_no_proxy_names_addresses_of_the_newer_kind() -> None:
    assert is_exempt("fd00::1", "fd00::/8", 443)
    assert is_exempt("fd00::1", "[fd00::1]:443", 443)
    assert not is_exempt("fd00::1", "fd01::/16", 443)


@pytest.mark.parametrize(
    ("way", "addresses", "upstream", "expected"),
    [
        # without another proxy: where its addresses are, the public ones
        (LISTED, [INSIDE, PUBLIC], None, Route([Target(PUBLIC, 443)])),
        (LISTED, [INSIDE], None, Why.NOT_PUBLIC),
        (LISTED, None, None, Why.NO_SUCH_NAME),
        # with one: by the name that is listed, by the address that was checked where any name may be
        (LISTED, [PUBLIC], BY, Route([Target("proxy.corp", 3128)], NAME)),
        (ANY, [INSIDE, PUBLIC], BY, Route([Target("proxy.corp", 3128)], Target(PUBLIC, 443))),
        (LISTED, [INSIDE], BY, Why.NOT_PUBLIC),
        (ANY, [INSIDE], BY, Why.NOT_PUBLIC),
        # a name that only the other knows
        (LISTED, None, BY, Route([Target("proxy.corp", 3128)], NAME)),
        (ANY, None, BY, Why.NO_SUCH_NAME),
        # what it is not for
        (LISTED, [PUBLIC], Upstream(host="p", port=1, exempt="example"), Route([Target(PUBLIC, 443)])),
        (LISTED, None, Upstream(host="p", port=1, exempt="example"), Why.NO_SUCH_NAME),
    ],
)  # fmt: skip
def test_the_way_to_a_name(
    way: Way, addresses: list[str] | None, upstream: Upstream | None, expected: Route | Why
) -> None:
    assert route(NAME, way, addresses, upstream) == expected


def test_loopback_goes_by_nobody() -> None:
    own = Way(networks=("127.0.0.0/8",))
    assert route(Target("127.0.0.1", 443), own, ["127.0.0.1"], BY) == Route([Target("127.0.0.1", 443)])
