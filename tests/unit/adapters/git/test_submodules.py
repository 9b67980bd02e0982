"""From where submodules may come: the URL is a branch's to write, the credentials are not."""

from pathlib import Path

import pytest

from envmgr.adapters.git.completion import _empty, _surroundings
from envmgr.adapters.git.location import locate
from envmgr.adapters.git.submodules import Submodule, remote_of
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote

SHOP = RepositoryId("acme", "shop")
HTTPS = Remote(
    repository=SHOP, url="https://git.example.com/acme/shop.git", username="bot", password="s3cr3t"
)
SSH = Remote(repository=SHOP, url="git@git.example.com:acme/shop.git", ssh_key="key")


def found(url: str, root: Remote = HTTPS, parent: Remote | None = None) -> Remote:
    """The remote of a submodule with this URL."""
    return remote_of(Submodule("lib", url, "0" * 40), parent or root, root)[0]


@pytest.mark.parametrize(
    ("root", "url", "absolute"),
    [
        (HTTPS, "../lib.git", "https://git.example.com/acme/lib.git"),
        (HTTPS, "../../other/lib.git", "https://git.example.com/other/lib.git"),
        (HTTPS, "./lib", "https://git.example.com/acme/shop.git/lib"),
        (HTTPS, "https://GIT.example.com:443/x/y.git", "https://GIT.example.com:443/x/y.git"),
        (SSH, "../lib.git", "git@git.example.com:acme/lib.git"),
        (SSH, "../../lib.git", "git@git.example.com:lib.git"),
        (SSH, "ssh://git@git.example.com/acme/lib.git", "ssh://git@git.example.com/acme/lib.git"),
    ],
)
def test_the_same_host_gets_the_credentials(root: Remote, url: str, absolute: str) -> None:
    remote = found(url, root)
    assert remote.url == absolute
    assert (remote.username, remote.password, remote.ssh_key) == (root.username, root.password, root.ssh_key)
    assert _surroundings(locate(remote), locate(root)) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.com/lib.git",
        "https://git.example.com:8443/lib.git",
        "https://git.example.com.evil.example/lib.git",
    ],
)
def test_another_host_is_asked_without_credentials(url: str) -> None:
    """Neither the repository's nor those of envmgr's own user."""
    remote = found(url)
    assert (remote.url, remote.username, remote.password, remote.ssh_key) == (url, None, None, None)
    assert _surroundings(locate(remote), locate(HTTPS)) == {"HOME": "/dev/null"}


def test_credentials_in_the_repositorys_url_count_too() -> None:
    root = Remote(repository=SHOP, url="https://bot:s3%40cr3t@git.example.com/acme/shop.git")
    remote = found("../lib.git", root)
    assert (remote.url, remote.username, remote.password) == (
        "https://git.example.com/acme/lib.git",
        "bot",
        "s3@cr3t",
    )


def test_a_relative_url_begins_at_its_own_parent() -> None:
    parent = Remote(repository=SHOP, url="https://elsewhere.example.com/a/b.git")
    remote = found("../c.git", parent=parent)
    assert (remote.url, remote.password) == ("https://elsewhere.example.com/a/c.git", None)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x",
        "-u./payload",
        "--upload-pack=touch /tmp/x",
        "ssh://-oProxyCommand=touch/x",
        "-oProxyCommand=touch:x",
        "ssh://git@git.example.com/lib.git",
        "git@git.example.com:lib.git",
        "http://git.example.com/lib.git",
        "http://127.0.0.1/lib.git",
        "git://git.example.com/lib.git",
        "file:///srv/git/lib.git",
        "/srv/git/lib.git",
        "lib.git",
        "../../../evil.example.com/lib.git",
        "https://git.example.com/a\nb",
        "https://git.example.com/a\r",
        "https://git.example.com:port/x",
        "",
    ],
)
def test_what_is_no_https_url_is_refused(url: str) -> None:
    with pytest.raises(
        NeedsPerson, match=r"^Submodule lib of acme/shop: url .* change it in \.gitmodules\.$"
    ):
        found(url)


@pytest.mark.parametrize("url", ["git@other.example.com:x.git", "ssh://git@git.example.com:2222/x.git"])
def test_our_users_ssh_keys_are_for_no_other_host(url: str) -> None:
    with pytest.raises(NeedsPerson, match="not on the repository's own host"):
        found(url, SSH)


def test_a_url_is_no_option() -> None:
    with pytest.raises(NeedsPerson, match="not one that envmgr fetches"):
        found("-Fx@git.example.com:lib.git", SSH)


def test_a_refusal_shows_no_password() -> None:
    with pytest.raises(NeedsPerson) as caught:
        found("http://me:t0psecret@git.example.com/x.git")
    assert "t0psecret" not in str(caught.value)


class TestLocal:
    """Where the repository is a folder of this host, its submodules lie beside it."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Remote:
        for name in ("acme/shop.git", "acme/lib.git", "other/lib.git"):
            (tmp_path / name).mkdir(parents=True)
        return Remote(repository=SHOP, url=str(tmp_path / "acme/shop.git"))

    def test_beside_it(self, root: Remote, tmp_path: Path) -> None:
        beside = str(tmp_path / "acme/lib.git")
        for url in ("../lib.git", beside, f"file://{beside}"):
            assert locate(found(url, root)).path == Path(beside)

    def test_not_elsewhere(self, root: Remote, tmp_path: Path) -> None:
        """Not another organization's repository, nor envmgr's own mirror of it."""
        (tmp_path / "acme/link.git").symlink_to(tmp_path / "other/lib.git")
        for url in ("../../other/lib.git", str(tmp_path / "other/lib.git"), "../link.git", str(tmp_path)):
            with pytest.raises(NeedsPerson, match="own host"):
                found(url, root)


def test_a_submodules_folder_is_real_and_empty(tmp_path: Path) -> None:
    (tmp_path / "checkout/a/b").mkdir(parents=True)
    (tmp_path / "outside/b").mkdir(parents=True)
    (tmp_path / "checkout/link").symlink_to(tmp_path / "outside")
    (tmp_path / "checkout/last").symlink_to(tmp_path / "outside/b")
    assert _empty(tmp_path / "checkout", "a/b") == tmp_path / "checkout/a/b"
    for path in ("link/b", "last", "gone"):
        with pytest.raises(NeedsPerson, match="no folder for it"):
            _empty(tmp_path / "checkout", path)
    with pytest.raises(NeedsPerson, match="holds files"):
        _empty(tmp_path / "checkout", "a")
