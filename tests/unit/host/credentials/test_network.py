"""The way out that an organization's variables describe."""

import pytest

from envmgr.host.credentials.network import is_true, proxies, trust

PROXY = "http://proxy:3128"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_in_either_case(name: str) -> None:
    assert proxies({name: PROXY}, "acme.blob.core.windows.net") == {"https": PROXY}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_never_proxied(host: str) -> None:
    assert proxies({"HTTPS_PROXY": PROXY}, host) == {}


@pytest.mark.parametrize(
    ("exemptions", "direct"),
    [
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("other.org, store.example.com", True),
        ("*", True),
        ("ample.com", False),
        ("", False),
        (" , ", False),
    ],
)
def test_exempt_hosts_go_directly(exemptions: str, direct: bool) -> None:
    found = proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": exemptions}, "store.example.com")
    assert (found == {}) == direct


def test_trust_follows_the_first_variable_that_is_set() -> None:
    environment = {"SSL_CERT_FILE": "/b", "AWS_CA_BUNDLE": "/a", "OTHER": ""}
    assert trust(environment, "OTHER", "AWS_CA_BUNDLE", "SSL_CERT_FILE") == "/a"
    assert trust({}, "SSL_CERT_FILE") is True


def test_truth_as_terraform_reads_it() -> None:
    assert [is_true(value) for value in (True, "true", "True", "1", 1)] == [True] * 5
    assert [is_true(value) for value in (False, "false", "", None, "0", "no")] == [False] * 6
