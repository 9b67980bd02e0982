"""Where a repository is on its forge, by the address of its git remote."""

import pytest

from envmgr.domain.rules.forge.place import place_on_forge
from envmgr.domain.values.forge import ForgeKind

GITHUB, GITLAB, GITEA = ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA
BITBUCKET, AZURE = ForgeKind.BITBUCKET, ForgeKind.AZURE_DEVOPS


@pytest.mark.parametrize(
    ("kind", "remote", "place"),
    [
        (GITHUB, "https://github.com/acme/shop.git", ("https://github.com", "acme/shop")),
        (GITHUB, "https://github.com/acme/shop", ("https://github.com", "acme/shop")),
        (GITHUB, "https://github.com/acme/shop/", ("https://github.com", "acme/shop")),
        (GITHUB, "git@github.com:acme/shop.git", ("https://github.com", "acme/shop")),
        (GITHUB, "ssh://git@ssh.github.com:443/acme/shop.git", ("https://github.com", "acme/shop")),
        (GITHUB, "https://git.example.com:8443/acme/shop.git", ("https://git.example.com:8443", "acme/shop")),
        (GITHUB, "http://127.0.0.1:1234/acme/shop.git", ("http://127.0.0.1:1234", "acme/shop")),
        (GITHUB, "https://[::1]:1/acme/shop", ("https://[::1]:1", "acme/shop")),
        (GITLAB, "https://gitlab.com/a/b/c/shop.git", ("https://gitlab.com", "a/b/c/shop")),
        (GITLAB, "git@gitlab.example.com:a/b/shop.git", ("https://gitlab.example.com", "a/b/shop")),
        (GITEA, "ssh://git@gitea.example.com:2222/acme/shop", ("https://gitea.example.com", "acme/shop")),
        (BITBUCKET, "git@bitbucket.org:acme/shop.git", ("https://bitbucket.org", "acme/shop")),
        (BITBUCKET, "https://bb.example.com/scm/ACME/shop.git", ("https://bb.example.com", "ACME/shop")),
        (BITBUCKET, "ssh://git@bb.example.com:7999/~al/shop.git", ("https://bb.example.com", "~al/shop")),
        (
            AZURE,
            "https://dev.azure.com/acme/My%20Shop/_git/web",
            ("https://dev.azure.com", "acme/My Shop/web"),
        ),
        (AZURE, "https://dev.azure.com/acme/_git/shop", ("https://dev.azure.com", "acme/shop/shop")),
        (AZURE, "git@ssh.dev.azure.com:v3/acme/shop/web", ("https://dev.azure.com", "acme/shop/web")),
        (AZURE, "https://acme.visualstudio.com/shop/_git/web", ("https://acme.visualstudio.com", "shop/web")),
        (
            AZURE,
            "https://acme.visualstudio.com/DefaultCollection/shop/_git/web",
            ("https://acme.visualstudio.com", "shop/web"),
        ),
        (
            AZURE,
            "acme@vs-ssh.visualstudio.com:v3/acme/shop/web",
            ("https://acme.visualstudio.com", "shop/web"),
        ),
        (AZURE, "https://tfs.example.com/coll/shop/_git/web", ("https://tfs.example.com", "coll/shop/web")),
    ],
)
def test_the_remote_tells(kind: ForgeKind, remote: str, place: tuple[str, str]) -> None:
    """By https, ssh, and as scp writes it."""
    assert place_on_forge(kind, remote) == place


@pytest.mark.parametrize(
    ("kind", "remote"),
    [
        (GITHUB, "/srv/git/shop.git"),
        (GITHUB, "file:///srv/git/shop.git"),
        (GITHUB, "https://github.com/shop"),
        (GITHUB, "https://github.com/a/b/shop.git"),
        (GITHUB, "https://github.com/acme/.git"),
        (GITHUB, "https://github.com/acme/.."),
        (GITHUB, "https://github.com/acme/%2e%2e"),
        (GITHUB, "https://github.com/acme/%00"),
        (GITHUB, "https://github.com:port/acme/shop"),
        (GITHUB, "https:///acme/shop"),
        (AZURE, "https://dev.azure.com/acme/shop/web"),
        (AZURE, "https://dev.azure.com/_git/shop"),
        (AZURE, "https://dev.azure.com/acme/shop/_git"),
        (AZURE, "https://dev.azure.com/a/b/c/d/_git/shop"),
    ],
)
def test_a_remote_that_does_not_tell(kind: ForgeKind, remote: str) -> None:
    """Nothing is guessed."""
    assert place_on_forge(kind, remote) is None


@pytest.mark.parametrize(
    ("kind", "remote", "repository"),
    [
        (GITEA, "https://example.com/git/acme/shop.git", "acme/shop"),
        (GITLAB, "https://example.com/git/a/b/shop.git", "a/b/shop"),
        (GITLAB, "https://example.com/github/b/shop.git", "github/b/shop"),
        (GITLAB, "https://other.example.com/git/b/shop.git", "git/b/shop"),
        # By ssh a forge has no path, so that this is a group.
        (GITLAB, "ssh://git@example.com/git/b/shop.git", "git/b/shop"),
        (GITLAB, "git@example.com:git/b/shop.git", "git/b/shop"),
    ],
)
def test_a_forge_below_a_path(kind: ForgeKind, remote: str, repository: str) -> None:
    """Its path is no part of the repository's name."""
    found = place_on_forge(kind, remote, "https://example.com/git")
    assert found is not None
    assert found[1] == repository
