"""The file of daemon settings, as it is written."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from envmgr.config.settings import LogLevel, QueueKind, Settings, Unsealed

from .secrets import Secret
from .section import Section
from .server import Server
from .values import Count, Period, SecretValue, Size

_DEFAULTS = Settings()


def _database(value: Secret) -> Secret:
    if isinstance(value, str) and not value.startswith("postgresql://"):
        raise ValueError(
            "it must be postgresql://user@host/name, or a reference to one, such as {systemd: envmgr-db}"
        )
    return value


class Daemon(Section):
    """Settings of the daemon."""

    database: Annotated[SecretValue, AfterValidator(_database)] | None = Field(
        default=_DEFAULTS.database,
        repr=False,
        description="The database; without it SQLite in the data folder. PostgreSQL where one is at hand and backed up anyway. A change takes a restart.",
        examples=[{"systemd": "envmgr-database"}, "postgresql://envmgr@db.example.com/envmgr"],
    )
    queue: QueueKind = Field(
        default=_DEFAULTS.queue,
        description="How work is handed out: threads, each host by itself; procrastinate, all hosts from one queue in PostgreSQL. A change takes a restart.",
        examples=["threads"],
    )
    poll_workers: Count = Field(
        default=_DEFAULTS.poll_workers,
        description="How many remotes are asked at once.",
        examples=[8],
    )
    log_level: LogLevel = Field(
        default=_DEFAULTS.log_level,
        description="What is logged: debug, info, warning or error and above. A change takes a restart.",
        examples=["info"],
    )
    retention: Period = Field(
        default=_DEFAULTS.retention,
        description="How long runs, logs, events and destroyed environments are kept.",
        examples=["30d"],
    )
    disk_reserve: Size = Field(
        default=_DEFAULTS.disk_reserve,
        description="With less free space than this in the data folder no new run starts.",
        examples=["500MB"],
    )
    bundle_key: SecretValue | None = Field(
        default=_DEFAULTS.bundle_key,
        repr=False,
        description="Seals what is kept beside each state (at least 32 characters); without it a key in the data folder, lost with it.",
        examples=[{"systemd": "envmgr-bundle-key"}],
    )
    unsealed_bundles: Unsealed = Field(
        default=_DEFAULTS.unsealed_bundles,
        description="refuse, or accept: also rebuild from what lies beside a state without a valid seal, for as long as this is set.",
        examples=["refuse"],
    )

    @model_validator(mode="after")
    def _has_a_database(self) -> Self:
        if self.queue == "procrastinate" and self.database is None:
            raise ValueError(
                "queue: procrastinate needs PostgreSQL, so `database` must name one; threads do without"
            )
        return self


class DaemonFile(Section):
    """The whole file: two top keys, of which either may be left out."""

    daemon: Daemon = Field(
        default=Daemon(), description="Settings of the daemon itself.", examples=[{"log_level": "info"}]
    )

    server: Server | None = Field(
        default=None,
        description="Page and API; without it nothing listens.",
        examples=[{"listen": "127.0.0.1:8420"}],
    )

    def settings(self) -> Settings:
        """The settings as the rest of envmgr takes them."""
        server = self.server.settings() if self.server is not None else None
        return Settings(**dict(self.daemon), server=server)
