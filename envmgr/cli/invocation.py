"""What every verb is told: where the configuration and the data are, and how much to say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from envmgr.composition.records import Overview, Records
    from envmgr.domain.values.hosts.host import Standing

    from .remote.connection import Connection
    from .remote.records import RemoteRecords


@dataclass(slots=True)
class Invocation:
    """One call of the program; the options are None where they were not given."""

    environ: Mapping[str, str]
    config_option: str | None = None
    data_option: str | None = None
    server_option: str | None = None
    token_option: str | None = None
    authority_option: str | None = None
    verbose: bool = False
    takes_over: bool = False

    @property
    def server(self) -> str:
        """The API that does what is asked for; empty where that is done here."""
        return self.server_option or self.environ.get("ENVMGR_SERVER", "")

    @property
    def config(self) -> Path:
        """The file or folder of the organization files; it need not exist."""
        from envmgr.config.locate import find_config

        return find_config(self.config_option, self.environ)

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute; it need not exist."""
        from envmgr.config.locate import data_dir

        return data_dir(self.data_option, self.environ, self.config)

    @contextmanager
    def connected(self) -> Iterator["Connection"]:
        """The API, for a block. Raises UsageError where the options or the token will not do."""
        from .remote.address import address
        from .remote.connection import Connection

        authority = self.authority_option or self.environ.get("ENVMGR_CA")
        connection = Connection(address(self.server, self.token_option, authority, self.environ))
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def records(self) -> Iterator["Records"]:
        """The store alone, for verbs that only read."""
        from envmgr.composition.records import open_records

        with open_records(self.config, self.data_dir, self.environ) as store:
            yield store

    @contextmanager
    def shown_records(self) -> Iterator["Records | RemoteRecords"]:
        """The store; with a server what that shows in its place."""
        if self.server:
            with self.remote_records() as elsewhere:
                yield elsewhere
        else:
            with self.records() as store:
                yield store

    @contextmanager
    def remote_records(self) -> Iterator["RemoteRecords"]:
        """What a server shows."""
        from .remote.records import RemoteRecords

        with self.connected() as connection:
            yield RemoteRecords(connection)

    def standings(self, records: "Records | RemoteRecords") -> "Sequence[Standing]":
        """How the hosts stand, of the records that are shown; of a server's those that work on what was sought."""
        if self.server:
            return cast("RemoteRecords", records).standings
        from envmgr.composition.records import standings

        return standings(cast("Records", records))

    def expected(self, text: str) -> str:
        """What an environment of the configuration waits for of which there is no record yet; empty where none is called so."""
        from envmgr.config.expand import named_of
        from envmgr.config.load import load
        from envmgr.domain.errors import EnvmgrError
        from envmgr.domain.rules.origins.following import not_yet

        if self.server:  # it has said so
            return ""
        try:
            sections = load(self.config, self.environ).repositories()
        except EnvmgrError:
            return ""
        return not_yet(
            text, [(name, named_of(e)) for name, _, section in sections for e in section.environments]
        )

    def overview(self, chosen: str | None, *, destroyed: bool) -> "Overview":
        """What `list` shows, of the repositories called `chosen` or of all."""
        from envmgr.composition.records import read_overview

        return read_overview(self.config, self.data_dir, self.environ, chosen, destroyed)
