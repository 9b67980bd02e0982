"""The page of files and folders: the data folder as `Layout` lays it out, and what lies beside the states."""

import inspect
from pathlib import Path

from envmgr.adapters.state.keys import ARCHIVE
from envmgr.adapters.store.names import FILE_NAME
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.layout import Layout

from .markdown import page, table

_ROOT = Path("/var/lib/envmgr")
_ALICE = EnvironmentId("acme", "shop", "alice")

SEVERAL = """\
## What another host needs of it

Nothing, where several hosts share a database, have the same `daemon.bundle_key`, and have their states where all of them
see them: a host whose disk is gone is a host less.

| of an environment | is for other hosts |
| --- | --- |
| what was applied: commit, code, modules, lock file, variables, Terraform's version | beside the state, before the apply; the record has all but the code |
| a plan that waits for approval | in the database: what it would do, and its digest. Whoever is to apply it plans again, and applies only what has that digest |
| the log of a run | beside the state: in pieces every few seconds, whole at its end |
| a state that Terraform could not write | in the database, encrypted by the bundle key, as soon as Terraform has ended |
| what people set by hand | in the database, and beside the state |
| saved plans, credentials, working folders, mirrors, modules, programs, caches | nowhere: made or fetched again when needed |"""

INTRODUCTION = f"""\
## Where the data folder is

`--data-dir`, else `$ENVMGR_DATA_DIR`, else `$STATE_DIRECTORY` (which systemd sets for a service). Where the configuration
is `/etc/envmgr` and `{_ROOT}` exists, that is the data folder, no matter who asks. Otherwise it is `envmgr` in the data
folder of the user (`$XDG_DATA_HOME`, or `~/.local/share`).

Every folder in it has mode 0700 and every file 0600.

## What is in it

The paths are those of the environment `{_ALICE}` and of a run with the number 1042."""

BESIDE = """\
## Beside each Terraform state

These are in the organization's backend: in the bucket, the container or the folder. They allow a lost data folder to be
rebuilt, and hold no secrets."""

CONFIGURATION = """\
## Configuration

| path | what it is |
| --- | --- |
| `/etc/envmgr/*.yaml` | One [organization file](organization-file.md) each, and perhaps `daemon.yaml` with the [settings](settings.md). |
| `.envmgr.yaml` | The [branch file](branch-file.md), at the root of a branch. |"""

_SPARE = {"cache", "tmp", "plans", "environment-caches"}
"""Folders whose content can be had again."""


def pages() -> dict[str, str]:
    """Each page by its name."""
    return {
        "files-and-folders.md": page(
            "Files and folders",
            INTRODUCTION,
            table(("path", "what it is", "back up"), _data_folder()),
            SEVERAL,
            BESIDE,
            table(
                ("key", "what it is"),
                [
                    (f"`{_ALICE.state_key}`", "The Terraform state."),
                    (
                        f"`{_ALICE.kept_key}`",
                        "What a destroy needs: commit, code and modules (of any size), lock file, variables, versions. Sealed.",
                    ),
                    (
                        f"`{_ALICE.by_hand_key}`",
                        "What people set by hand: a suspension, a rollback, an end of life, an approval. Sealed.",
                    ),
                    (
                        "`acme/envmgr-owner.json`",
                        "Whose records the organization's environments are in: another data folder does nothing there.",
                    ),
                    (
                        "`acme/envmgr-freezes.json`",
                        "What people froze of the organization: a lost data folder thaws nothing.",
                    ),
                    (
                        "`acme/envmgr-logs/5f0c9a1e77b2/1042/whole`",
                        "The log of a run, where several hosts share a database; while it runs in pieces, named by where they begin.",
                    ),
                    (f"`{ARCHIVE}…`", "States of destroyed environments, kept for 30 days."),
                ],
            ),
            CONFIGURATION,
        )
    }


_NO_PLACES = {"root", "records", "new_plan", "log_name", "own_logs", "log_of", "log_copies"}


def _data_folder() -> list[tuple[str, str, str]]:
    layout, rows = (
        Layout(_ROOT).of("5f0c9a1e77b2"),
        [(f"`{FILE_NAME}`", "The database, where it is SQLite.", "yes")],
    )
    given = {EnvironmentId: _ALICE, str: "acme", int: 1042}
    for name, member in vars(Layout).items():
        about = inspect.getdoc(member)
        if name.startswith("_") or about is None or name in _NO_PLACES:
            continue
        if isinstance(member, property):
            path = getattr(layout, name)
        else:
            signature = inspect.signature(member)
            if signature.return_annotation is not Path or name == "private":
                continue
            kinds = [p.annotation for p in list(signature.parameters.values())[1:]]
            path = getattr(layout, name)(*(given[kind] for kind in kinds))
        place = path.relative_to(_ROOT)
        spare = place.parts[0] in _SPARE
        rows.append((f"`{place}`", about.split("\n\n")[0], "no" if spare else "yes"))
    return sorted(rows)
