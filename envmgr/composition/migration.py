"""All records to another database: where that is, and that nobody writes meanwhile."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.config.sections.secrets import KINDS, Secret, parse_secret, resolve
from envmgr.domain.errors import NeedsPerson, UsageError

_WANTED = "give a URL without a password, such as postgresql://user@host/name, or file:/path, env:NAME or systemd:NAME for where it is"


def target_of(text: str) -> Secret:
    """Where the other database is: a URL without a password, or a reference to one. UsageError for anything else."""
    kind, separator, name = text.partition(":")
    if separator and kind in KINDS:
        try:
            return parse_secret({kind: name})
        except ValueError as error:
            raise UsageError(f"--to: {error}.") from error
    try:
        parts = urlsplit(text)
        has_password = parts.password is not None or "password=" in parts.query
    except ValueError:
        raise UsageError(f"--to: the URL cannot be read; {_WANTED}.") from None
    if parts.scheme not in ("postgresql", "sqlite"):
        raise UsageError(f"--to: {_WANTED}.")
    if has_password:
        raise UsageError(
            "--to: everybody on this host can read a password on the command line; write the URL to a file and give file:/path."
        )
    return text


def migrate(
    store: SqlStore, target: Secret, data_dir: Path, environ: Mapping[str, str]
) -> tuple[str, Mapping[str, int]]:
    """Copies all records to the other database, which must be empty; gives what it is, and the rows by table.

    Raises NeedsPerson where somebody works on an environment, or where the copy is not surely the same: then nothing
    was kept.
    """
    for identity, lease in store.leases(datetime.now(UTC)).items():
        raise NeedsPerson(
            f"{identity} is being worked on ({lease.purpose}, {lease.owner}): stop the daemon and wait for what runs, then try again."
        )
    with open_store(resolve(target, environ), data_dir) as other:
        return other.place, store.copy_to(other)
