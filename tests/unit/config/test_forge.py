"""The forge of a repository in the organization file."""

from pathlib import Path

import pytest

from envmgr.config.expand import redactor_for
from envmgr.config.load import Configuration, ConfigurationError, load

ORGANIZATION = """
organization: acme
repositories:
  - name: shop
    url: {url}
    forge: {forge}
"""


def loaded(folder: Path, forge: str, url: str = "https://github.com/acme/shop.git") -> Configuration:
    """An organization of one repository with a forge."""
    path = folder / "acme.yaml"
    path.write_text(ORGANIZATION.format(url=url, forge=forge))
    path.chmod(0o600)
    return load(path, {"TOKEN": "ghp_secret-from-variable"})


@pytest.mark.parametrize(
    ("forge", "url", "place"),
    [
        (
            "{kind: github, token: x1234567}",
            "git@github.com:acme/shop.git",
            ("https://github.com", "acme/shop"),
        ),
        (
            "{kind: github, token: x1234567, url: 'https://ghe.example.com/', repository: a/b}",
            "/srv/shop.git",
            ("https://ghe.example.com", "a/b"),
        ),
        (
            "{kind: gitlab, token: x1234567, url: 'https://example.com/gitlab'}",
            "https://example.com/acme/shop.git",
            ("https://example.com/gitlab", "acme/shop"),
        ),
    ],
)
def test_where_it_is_follows_from_the_remote_unless_it_is_given(
    tmp_path: Path, forge: str, url: str, place: tuple[str, str]
) -> None:
    """Each part for itself."""
    section = loaded(tmp_path, forge, url).organizations[0].repositories[0]
    assert section.forge is not None
    assert section.forge.place(section.url) == place


@pytest.mark.parametrize(
    ("forge", "url", "sentence"),
    [
        (
            "{kind: github, token: x1234567}",
            "/srv/shop.git",
            "url and repository cannot be told from the repository's url",
        ),
        ("{kind: github, token: x1234567, url: 'https://g.example.com'}", "/srv/a", "give repository"),
        ("{kind: github}", "https://github.com/a/b", "give exactly one of token, app (GitHub) and identity"),
        (
            "{kind: gitlab, app: {id: x, key: y1234567}}",
            "https://gitlab.com/a/b",
            "an app is GitHub's; give a token",
        ),
        ("{kind: github, token: x1234567, url: 'http://g.example.com'}", "/srv/a", "write https://"),
        (
            "{kind: bitbucket, token: x1234567, roles: {approver: [carol]}}",
            "git@bitbucket.org:acme/shop.git",
            "forge.roles.approver: anybody may be called carol on Bitbucket Cloud; write id:{UUID}",
        ),
        ("{kind: sourcehut, token: x1234567}", "https://github.com/a/b", "kind"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, forge: str, url: str, sentence: str) -> None:
    """With the line of it."""
    with pytest.raises(ConfigurationError) as error:
        loaded(tmp_path, forge, url)
    assert sentence in str(error.value)
    assert "acme.yaml:" in str(error.value)


@pytest.mark.parametrize(
    ("roles", "url"),
    [
        ("{approver: ['id:{7b1d3e52}', 'permission:admin']}", "https://bitbucket.org/acme/shop.git"),
        ("{approver: [carol]}", "https://bitbucket.example.com/scm/ACME/shop.git"),
    ],
)
def test_names_count_where_they_are_one_persons(tmp_path: Path, roles: str, url: str) -> None:
    """As in a Data Center; in Bitbucket's cloud IDs do."""
    loaded(tmp_path, f"{{kind: bitbucket, token: x1234567, roles: {roles}}}", url)


def test_its_secrets_are_hidden_everywhere(tmp_path: Path) -> None:
    """The token, the key of an App, an identity's secret, that of the webhooks."""
    for forge, secret in (
        ("{kind: github, token: {env: TOKEN}}", "ghp_secret-from-variable"),
        ("{kind: github, token: literal-token-123}", "literal-token-123"),
        ("{kind: github, token: x1234567, webhook_secret: hook-secret-123}", "hook-secret-123"),
        ("{kind: github, app: {id: a, key: private-key-123}}", "private-key-123"),
    ):
        found = loaded(tmp_path, forge)
        redact = redactor_for(found.organizations, {"TOKEN": "ghp_secret-from-variable"})
        assert redact(f"<{secret}>") == "<[redacted]>", forge
        assert secret not in repr(found)


def test_a_secret_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    """As for any other."""
    file = tmp_path / "token"
    file.write_text("token-of-a-forge")
    file.chmod(0o644)
    warnings = loaded(tmp_path, f"{{kind: github, token: {{file: {file}}}}}").warnings
    assert any("repositories[0].forge.token" in each and "everybody" in each for each in warnings), warnings
