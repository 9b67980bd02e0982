"""Which addresses may be asked."""

import pytest

from envmgr.domain.rules.network.networks import is_open


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_open(address: str) -> None:
    """In all their forms."""
    assert is_open(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "::ffff:0:7f00:1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
    ],
)
def test_all_others_are_not(address: str) -> None:
    """Loopback, private, link-local, a cloud's own, and what stands for one of these."""
    assert not is_open(address)


def test_a_network_may_be_opened() -> None:
    """Whichever form an address comes in."""
    assert is_open("10.1.2.3", ["10.0.0.0/8"])
    assert is_open("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert is_open("fd00::5", ["10.0.0.0/8", "fd00::/8"])
    assert not is_open("192.168.0.1", ["10.0.0.0/8"])
