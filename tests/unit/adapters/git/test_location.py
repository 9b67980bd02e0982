"""URLs of remotes: which are taken, and how they are shown."""

from pathlib import Path

import pytest

from envmgr.adapters.git.location import locate
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote


def remote(url: str) -> Remote:
    return Remote(repository=RepositoryId("acme", "shop"), url=url)


@pytest.mark.parametrize(
    ("url", "transport", "shown"),
    [
        ("https://git.example.com/a/b.git", "https", "https://git.example.com/a/b.git"),
        ("https://bot:s3cret@git.example.com/b.git", "https", "https://git.example.com/b.git"),
        ("http://127.0.0.1:8080/b.git", "http", "http://127.0.0.1:8080/b.git"),
        ("http://localhost/b.git", "http", "http://localhost/b.git"),
        ("ssh://git@git.example.com:22/b.git", "ssh", "ssh://git@git.example.com:22/b.git"),
        ("ssh://git:s3cret@git.example.com/b.git", "ssh", "ssh://git@git.example.com/b.git"),
        ("git@git.example.com:acme/b.git", "ssh", "git@git.example.com:acme/b.git"),
        ("/srv/git/b:c.git", "file", "/srv/git/b:c.git"),
        ("file:///srv/git/b%20c.git", "file", "/srv/git/b c.git"),
        ("./b.git", "file", str(Path("b.git").absolute())),
    ],
)
def test_transports(url: str, transport: str, shown: str) -> None:
    location = locate(remote(url))
    assert location.transport == transport
    assert location.url == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.com/b.git",
        "http://127.0.0.1.example.com/b.git",
        "https://bot:s3/s3cret@git.example.com/b.git",
        "https://bot:s3cret@[git.example.com/b.git",
        "git://git.example.com/b.git",
        "ftp://bot:s3cret@git.example.com/b.git",
        "ext::sh -c 'touch /tmp/x'",
        "fd::17/foo",
        "file://other.example.com/srv/b.git",
        "/",
        "///",
        "file:///",
        "file://",
        "file://localhost",
        "",
    ],
)
def test_other_transports_are_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(NeedsPerson, match=r"Repository acme/shop: url .* change `url`") as caught:
        locate(remote(url))
    assert "s3cret" not in str(caught.value)
