"""What a cage reaches by its proxy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.rules.network.egress import (
    Refusal,
    Route,
    Target,
    Way,
    Why,
    is_listed,
    route,
    target_of,
)
from envmgr.domain.rules.network.networks import ends, is_open

AWS = Way(names=("*.amazonaws.com:443", "registry.terraform.io:443", "10.1.2.3:8443"))
labels = st.text("ab-1", min_size=1, max_size=4).filter(lambda label: label.strip("-") == label)
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
ports = st.integers(1, 65535)


@pytest.mark.parametrize(
    ("target", "listed"),
    [
        ("sts.amazonaws.com:443", True),
        ("a.b.AMAZONAWS.com:443", True),
        ("s3.amazonaws.com.:443", True),
        ("amazonaws.com:443", False),
        ("evilamazonaws.com:443", False),
        ("amazonaws.com.evil.example:443", False),
        ("sts.amazonaws.com:80", False),
        ("registry.terraform.io:443", True),
        ("x.registry.terraform.io:443", False),
        ("10.1.2.3:8443", True),
        ("10.1.2.4:8443", False),
        ("[::ffff:10.1.2.3]:8443", False),
        ("169.254.169.254:443", False),
    ],
)
def test_what_is_on_the_list(target: str, listed: bool) -> None:
    found = target_of(target)
    assert found is not None
    assert is_listed(found, AWS) is listed


@pytest.mark.parametrize(
    "text",
    ["", "x", "x:", ":443", "x:0", "x:65536", "x:-1", "http://x:80/", "u@x:443", "x y:443", "a..b:443", "[x]:443",
     "[::1:443", "::1:443", "x\r\nEvil:1", "ä.example:443", "-x:443", "x:443 ", "x" * 300 + ":443"],
)  # fmt: skip
def test_what_is_no_name_with_a_port(text: str) -> None:
    assert target_of(text) is None


@given(hosts, ports)
@settings(deadline=None)
def test_a_wildcard_stands_for_labels_in_front_and_nothing_else(host: str, port: int) -> None:
    way = Way(names=(f"*.a.b:{port}",))
    found = target_of(f"{host}:{port}")
    assert found is not None
    assert is_listed(found, way) is host.endswith(".a.b")
    assert not is_listed(Target(found.host, port % 65535 + 1), way)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_no_form_of_an_address_passes_for_a_name_of_a_wildcard(number: int) -> None:
    way = Way(names=(f"*.{number & 255}:443", f"*.{number & 255:#x}:443"))
    forms = [
        ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)),
        f"1.{number & 255}",
        f"a.{number & 255:#x}",
    ]
    for form in forms:
        found = target_of(f"{form}:443")
        assert found is None or not is_listed(found, way)


def test_of_a_names_addresses_only_public_ones_are_connected_to() -> None:
    found = ["127.0.0.1", "93.184.216.34", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "100.64.0.1", "fe80::1%eth0"]
    target = Target("s3.amazonaws.com", 443)
    within = [Target(address, 443) for address in ("93.184.216.34", "::ffff:10.0.0.1")]
    assert route(target, AWS, found) == Route(within[:1])
    assert route(target, Way(networks=("10.0.0.0/8",)), found) == Route(within)


PUBLIC = st.ip_addresses().map(str).filter(lambda each: is_open(each) and ends(each) == [each])


@given(st.lists(PUBLIC, min_size=1, max_size=6), st.data())
def test_no_address_of_the_host_is_connected_to_but_by_its_name_or_network(
    addresses: list[str], data: st.DataObject
) -> None:
    own = data.draw(st.sets(st.sampled_from(addresses)))
    target, others = Target("a.example", 443), [each for each in addresses if each not in own]
    for names in (None, ("*.example:443",)):
        expected = Route([Target(each, 443) for each in others]) if others else Why.OWN
        assert route(target, Way(names=names), addresses, own=own) == expected
        opened = Way(names=names, networks=tuple(own))
        assert route(target, opened, addresses, own=own) == Route([Target(each, 443) for each in addresses])
    named = Way(names=("*.example:443", "a.example:443"))
    assert route(target, named, addresses, own=own) == Route([Target(each, 443) for each in addresses])


def test_what_is_sent_to_an_address_may_end_at_another() -> None:
    assert ends("93.184.216.34") == ["93.184.216.34"]
    assert "93.184.216.34" in ends("::ffff:93.184.216.34")
    assert "93.184.216.34" in ends("64:ff9b::5db8:d822")
    assert "93.184.216.34" in ends("2002:5db8:d822::1")
    assert ends("2606:2800::1%eth0") == ["2606:2800::1"]


def test_a_list_that_is_none_allows_each_name() -> None:
    assert is_listed(Target("anything.example", 22), Way())
    assert not is_listed(Target("anything.example", 22), Way(names=()))


@given(st.sampled_from(Why), hosts)
def test_a_refusal_is_kept_as_data_and_said_in_words(why: Why, host: str) -> None:
    refusal = Refusal(f"{host}:443", why)
    assert Refusal.from_json(refusal.to_json()) == refusal
    assert str(refusal).isprintable()


def test_what_is_to_be_done_is_said() -> None:
    assert (
        str(Refusal("evil.example:443", Why.NOT_LISTED))
        == "refused evil.example:443; add it to cage.network.allow"
    )
