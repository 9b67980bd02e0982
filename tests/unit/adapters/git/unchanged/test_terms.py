"""Where git goes by more than the URL and a password, git is asked."""

from pathlib import Path

import pytest

from envmgr.adapters.git.location import Location
from envmgr.adapters.git.unchanged import terms
from envmgr.adapters.git.unchanged.terms import by_url_alone, trusted_by_git

HTTPS = Location("https", "https://git.example.com/acme/shop.git")
OWN = {"GIT_SSL_CAINFO": "/etc/own.pem"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "target"),
    [
        (HTTPS.url, "git.example.com", 443, "git.example.com", "/acme/shop.git/git-upload-pack"),
        (f"{HTTPS.url}/", "git.example.com", 443, "git.example.com", "/acme/shop.git/git-upload-pack"),
        ("https://git:443/a", "git", 443, "git", "/a/git-upload-pack"),
        ("https://git:8443/a%20b", "git", 8443, "git:8443", "/a%20b/git-upload-pack"),
        ("https://[::1]:8443/a", "::1", 8443, "[::1]:8443", "/a/git-upload-pack"),
    ],
)
def test_where_the_question_goes(url: str, host: str, port: int, authority: str, target: str) -> None:
    found = by_url_alone(Location("https", url), OWN)
    assert found is not None
    assert (found.host, found.port, found.authority, found.target) == (host, port, authority, target)
    assert found.authorities == Path("/etc/own.pem")


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com",
        "https://git.example.com/",
        "https://git.example.com//a",
        "https://git.example.com/a?b",
        "https://git.example.com/a#b",
        "https://git.example.com/a/../b",
        "https://git.example.com/./a",
        "https://git.example.com/a/%2E%2e/b",
        "https://git.example.com/a b",
        "https://git.example.com/a\r\nX: y",
        "https://git.example.com/ü",
        "https://müller.example/a",
        "https://bot@git.example.com/a",
        "https://bot:x@git.example.com/a",
        "https://git.example.com:0/a",
        "https://git.example.com:65536/a",
        "HTTPS://git.example.com/a",
    ],
)
def test_a_url_that_says_more_is_git_s(url: str) -> None:
    assert by_url_alone(Location("https", url), OWN) is None


def test_ssh_and_folders_are_git_s() -> None:
    assert by_url_alone(Location("ssh", "ssh://git@git.example.com/a"), OWN) is None
    assert by_url_alone(Location("file", "/srv/a", Path("/srv/a")), OWN) is None


@pytest.mark.parametrize(
    "variable",
    [
        *("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY", "GIT_PROXY_SSL_CAINFO"),
        *("GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_SSL_NO_VERIFY", "GIT_SSL_CAPATH", "GIT_SSL_VERSION"),
        *("GIT_SSL_CIPHER_LIST", "GIT_EXEC_PATH", "GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE_PACKET"),
        *("LD_LIBRARY_PATH", "KRB5CCNAME"),
    ],
)
def test_a_variable_by_which_git_goes_leaves_it_to_git(variable: str) -> None:
    assert by_url_alone(HTTPS, {**OWN, variable: ""}) is not None
    assert by_url_alone(HTTPS, {**OWN, variable: "x"}) is None
    assert by_url_alone(Location("http", "http://127.0.0.1/a"), {variable: "x"}) is None


def test_a_netrc_leaves_it_to_git(home: Path) -> None:
    assert by_url_alone(HTTPS, OWN) is not None
    (home / ".netrc").symlink_to("nowhere")
    assert by_url_alone(HTTPS, OWN) is None


def test_whom_git_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The distribution's file for the distribution's git; of another git, or with other variables, it is not known."""
    usual, other, bundle = tmp_path / "usual", tmp_path / "other", tmp_path / "ca.pem"
    for folder in (usual, other):
        folder.mkdir()
        (folder / "git").touch(0o755)
    bundle.touch()
    monkeypatch.setattr(terms, "_DISTRIBUTION", usual.resolve())
    monkeypatch.setattr(terms, "_BUNDLES", (str(tmp_path / "absent"), str(bundle)))
    ours = {"PATH": str(usual)}
    assert trusted_by_git(ours) == bundle
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"):
        assert trusted_by_git({**ours, name: "/etc/x"}) is None
        assert by_url_alone(HTTPS, {**ours, name: "/etc/x"}) is None
        assert trusted_by_git({**ours, **OWN, name: "/etc/x"}) == Path("/etc/own.pem")
    assert trusted_by_git({"PATH": f"{other}:{usual}"}) is None
    assert trusted_by_git({"PATH": str(tmp_path / "nothing")}) is None
    bundle.unlink()
    assert trusted_by_git(ours) is None
