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
            BESIDE,
            table(
                ("key", "what it is"),
                [
                    (f"`{_ALICE.state_key}`", "The Terraform state."),
                    (
                        f"`{_ALICE.kept_key}`",
                        "What a destroy needs: commit, code and modules (up to 50 MB each), variables, versions. Sealed.",
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
                    (f"`{ARCHIVE}…`", "States of destroyed environments, kept for 30 days."),
                ],
            ),
            CONFIGURATION,
        )
    }


_NO_PLACES = {"root", "records", "new_plan", "log_name", "own_logs", "log_of"}


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
