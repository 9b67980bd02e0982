"""Settings of the daemon itself: one optional file with the top keys `daemon` and `server`, beside the organization files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from envmgr.config.sections.secrets import Secret

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""How an address names this host itself, with which nothing crosses the network."""

SOCKET = "unix"
"""Where one comes from over a unix socket, which has no address."""

LogLevel = Literal["debug", "info", "warning", "error"]
Unsealed = Literal["refuse", "accept"]
QueueKind = Literal["threads", "procrastinate"]

_NAMES = ("daemon.yaml", "daemon.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """An OpenID Connect provider; `client_secret` None is a public client."""

    issuer: str
    client_id: str
    client_secret: Secret | None = None
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid", "profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """A proxy in front: its headers are believed from some `networks`, and from nowhere else.

    `SOCKET` among them is whoever may connect to a unix socket. Without a `user_header` it signs nobody in.
    """

    user_header: str | None = None
    groups_header: str | None = None
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How page and API are served.

    `listen` is ADDRESS:PORT or `unix:/path`, `certificate` a file with its key's. `session` is how long a sign-in
    holds, `requests` how many are answered a minute of one caller. `metrics` may be for tokens alone.
    """

    listen: str = "127.0.0.1:8420"
    socket_mode: int = 0o660
    public_url: str | None = None
    certificate: tuple[str, str] | None = None
    oidc: OidcSettings | None = None
    proxy: ProxySettings | None = None
    session: timedelta = timedelta(hours=12)
    requests: int = 600
    metrics: bool | Literal["token"] = False

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network may read along: it is reached from elsewhere, and nothing protects that."""
        host = self.listen.rpartition(":")[0].strip("[]")
        is_local = self.listen.startswith("unix:") or host in LOOPBACK
        is_protected = self.certificate is not None or (self.public_url or "").startswith("https:")
        return not is_local and not is_protected


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How envmgr itself runs. `database` None is SQLite in the data folder; `disk_reserve` is in bytes, `queue` is what hands out work.

    `bundle_key` seals what is kept beside the states, None is a key in the data folder; `unsealed_bundles` says
    whether one without a right seal is taken all the same. Without a `server` nothing listens.
    """

    database: Secret | None = None
    queue: QueueKind = "threads"
    poll_workers: int = 8
    log_level: LogLevel = "info"
    retention: timedelta = timedelta(days=30)
    disk_reserve: int = 500_000_000
    bundle_key: Secret | None = None
    unsealed_bundles: Unsealed = "refuse"
    server: ServerSettings | None = None

    @property
    def secrets(self) -> Sequence[Secret]:
        """All that is to be hidden wherever people look."""
        oidc = self.server.oidc if self.server is not None else None
        found = (self.database, self.bundle_key, oidc.client_secret if oidc is not None else None)
        return [secret for secret in found if secret is not None]


def config_files(path: Path) -> Sequence[Path]:
    """The files that a configuration path stands for, in order of name.

    A folder stands for its `*.yaml` and `*.yml`; a file for itself and a `daemon.yaml` beside it.
    Raises OSError where the folder cannot be listed.
    """
    if not path.is_dir():
        beside = [path.parent / name for name in _NAMES if (path.parent / name).is_file()]
        return [path, *(file for file in beside if file.name != path.name)]
    return sorted(
        file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and not file.name.startswith(".")
    )
