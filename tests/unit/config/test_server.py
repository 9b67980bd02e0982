"""Where page and API are served: what is taken, what is refused, and what deserves a look."""

from pathlib import Path

import pytest

from envmgr.config.load import ConfigurationError, load
from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.settings_file import read_settings

ORGANIZATION = "organization: acme\nrepositories: [{name: shop, url: /srv/shop.git}]\n"


def loaded(tmp_path: Path, server: str) -> tuple[str, ...]:
    """The warnings of a folder with this server."""
    (tmp_path / "acme.yaml").write_text(ORGANIZATION)
    (tmp_path / "daemon.yaml").write_text(f"server: {server}\n")
    return load(tmp_path).warnings


@pytest.mark.parametrize(
    ("server", "warns"),
    [
        ("{}", False),
        ("{listen: 'unix:/run/envmgr.sock'}", False),
        ("{listen: '0.0.0.0:8420'}", True),
        ("{listen: '[::]:8420'}", True),
        ("{listen: '10.0.0.1:8420', public_url: 'https://e.example.com'}", False),
        ("{listen: '10.0.0.1:8420', tls: {certificate: /a, key: /b}}", False),
        ("{listen: '[::1]:8420'}", False),
    ],
)
def test_what_others_can_read_along_is_warned_of(tmp_path: Path, server: str, warns: bool) -> None:
    """Unless a certificate, or a proxy that has one, is in front."""
    found = loaded(tmp_path, server)
    assert any("daemon.yaml:1: server.listen: others on the network" in w for w in found) is warns


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("{listen: 8420}", "server.listen"),
        ("{listen: 'host:99999'}", "ADDRESS:PORT or unix:/path"),
        ("{listen: 'unix:relative'}", "ADDRESS:PORT or unix:/path"),
        ("{socket_mode: 660}", "three octal digits in quotes"),
        ("{public_url: 'http://e.example.com'}", "write https://"),
        ("{public_url: 'https://u:p@e.example.com'}", "https address"),
        ("{sign_in: {oidc: {issuer: 'https://i.example.com', client_id: e}}}", "public_url"),
        ("{sign_in: {proxy: {user_header: X-User, from: [here]}}}", "it must be a network"),
        ("{sign_in: {proxy: {user_header: X-User}}}", "from"),
        ("{sign_in: {proxy: {user_header: X-User, networks: []}}}", "networks: there is no such key"),
    ],
)
def test_a_mistake_says_where_it_is(tmp_path: Path, server: str, said: str) -> None:
    """And how it is written right."""
    with pytest.raises(ConfigurationError) as error:
        loaded(tmp_path, server)
    assert said in str(error.value)


def test_all_of_it_is_read(tmp_path: Path) -> None:
    """Also with the reading verbs' short way, and without a `daemon` key."""
    (tmp_path / "daemon.yaml").write_text(
        "server:\n  public_url: https://e.example.com/\n  socket_mode: '600'\n  sign_in:\n"
        "    oidc: {issuer: 'https://i.example.com', client_id: e, client_secret: hush}\n"
        "    proxy: {user_header: X-User, from: [127.0.0.1/32]}\n"
    )
    settings = read_settings(tmp_path)
    assert settings.server is not None
    assert settings.server.oidc is not None
    assert settings.server.proxy is not None
    assert (settings.server.public_url, settings.server.socket_mode) == ("https://e.example.com", 0o600)
    assert settings.server.proxy.networks == ("127.0.0.1/32",)
    assert settings.secrets == ["hush"], "it is hidden in logs"
    assert DaemonFile().settings().server is None, "without it nothing listens"


def test_who_may_do_what_stands_in_the_organization_file(tmp_path: Path) -> None:
    """A repository's own says it in the organization's place."""
    from envmgr.config.expand import access_of
    from envmgr.domain.rules.access.roles import signed_in

    (tmp_path / "acme.yaml").write_text(
        "organization: acme\naccess: {roles: {viewer: ['*'], admin: [carol]}}\n"
        "repositories:\n- {name: shop, url: /srv/shop.git}\n"
        "- {name: vault, url: /srv/vault.git, access: {roles: {viewer: ['group:security']}}}\n"
    )
    rules = {"acme": access_of(load(tmp_path).organizations[0])}
    carol = signed_in("carol", (), rules)
    assert (carol.role("acme", "shop"), carol.role("acme", "vault")) == ("admin", None)
    assert signed_in("dan", ("security",), rules).role("acme", "vault") == "viewer"
