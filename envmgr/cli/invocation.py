"""What every verb is told: where the configuration and the data are, and how much to say."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envmgr.composition.records import Overview, Records


@dataclass(slots=True)
class Invocation:
    """One call of the program; the options are None where they were not given."""

    environ: Mapping[str, str]
    config_option: str | None = None
    data_option: str | None = None
    verbose: bool = False
    takes_over: bool = False

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
    def records(self) -> Iterator["Records"]:
        """The store alone, for verbs that only read."""
        from envmgr.composition.records import open_records

        with open_records(self.config, self.data_dir, self.environ) as store:
            yield store

    def overview(self, chosen: str | None, *, destroyed: bool) -> "Overview":
        """What `list` shows, of the repositories called `chosen` or of all."""
        from envmgr.composition.records import read_overview

        return read_overview(self.config, self.data_dir, self.environ, chosen, destroyed)
