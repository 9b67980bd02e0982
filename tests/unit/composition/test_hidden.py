"""What a sandbox hides: all that is envmgr's own or a secret, and never the system itself."""

from pathlib import Path

from envmgr.composition.hidden import hidden_paths
from envmgr.config.load import load

ACME = """
organization: acme
backend: {local: {path: /srv/states}}
terraform: {cli_config: /etc/terraform.rc}
environment_variables:
  ARM_ACCESS_KEY: {file: /srv/secrets/acme.key}
  TOKEN: {systemd: acme-token}
  OTHER: {env: ACME_OTHER}
repositories:
  - {name: shop, url: /srv/git/shop.git, credentials: {password: {file: /srv/secrets/git}}}
"""


def hidden(folder: Path, **environ: str) -> set[str]:
    """What is hidden with this environment."""
    (folder / "acme.yaml").write_text(ACME)
    environ = {"ACME_OTHER": "x", **environ}
    return {str(p) for p in hidden_paths(load(folder, environ), folder, Path("/srv/data"), environ)}


def test_envmgrs_own_and_every_secret(tmp_path: Path) -> None:
    found = hidden(
        tmp_path,
        HOME="/srv/home",
        CREDENTIALS_DIRECTORY="/run/credentials/envmgr",
        RUNTIME_DIRECTORY="/run/envmgr",
    )
    assert {
        str(tmp_path),
        "/srv/data",
        "/srv/home",
        "/srv/states",
        "/srv/secrets/acme.key",
        "/srv/secrets/git",
        "/etc/terraform.rc",
        "/run/credentials/envmgr",
        "/run/credentials/envmgr/acme-token",
        "/run/envmgr",
    } <= found


def test_the_system_stays(tmp_path: Path) -> None:
    """Some services have `/` as their home."""
    (tmp_path / "link").symlink_to("/")
    assert not {"/", "/usr", str(tmp_path / "link")} & hidden(
        tmp_path, HOME="/", XDG_RUNTIME_DIR="/usr", RUNTIME_DIRECTORY=str(tmp_path / "link")
    )
