"""Packages of other releases of envmgr: one from the history of git, and a stand-in for the next one, which needs none."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import envmgr
from envmgr.adapters.store.names import REVISIONS

_OURS = Path(envmgr.__file__).parent
_NEWEST = f'    "{REVISIONS[-1]}",\n)'
_NEXT = f"{int(REVISIONS[-1]) + 1:04}"
_MIGRATION = f'''"""The next release's change: a column and a table that no older one knows."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{_NEXT}", "{REVISIONS[-1]}"


def upgrade() -> None:
    with op.batch_alter_table("environments") as batch:
        batch.add_column(sa.Column("mood", sa.Text, nullable=False, server_default=sa.text("'calm'")))
    op.create_table("moods", sa.Column("name", sa.Text, primary_key=True))
'''


@dataclass(frozen=True, slots=True)
class Release:
    """The folder of a release's package, and the newest revision of the schema that it knows."""

    package: Path
    revision: str


OURS = Release(_OURS, REVISIONS[-1])
"""What is in the working tree."""


def of_commit(commit: str, folder: Path) -> Release:
    """The package as it was in a commit of this repository, below a folder."""
    folder.mkdir(parents=True)
    archive = ["git", "-C", str(_OURS.parent), "archive", commit, _OURS.name]
    packed = subprocess.run(archive, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    package = folder / _OURS.name
    names = (package / "adapters/store/names.py").read_text()
    return Release(package, re.findall(r'^    "(\d{4})",$', names, re.MULTILINE)[-1])


def next_one(folder: Path) -> Release:
    """A stand-in for the next release: the package of the working tree with a higher version and one more migration."""
    package = folder / _OURS.name
    shutil.copytree(_OURS, package, ignore=shutil.ignore_patterns("__pycache__"))
    store = package / "adapters/store"
    (store / f"migrations/versions/r{_NEXT}_moods.py").write_text(_MIGRATION)
    _replace(store / "names.py", _NEWEST, _NEWEST.replace(")", f'    "{_NEXT}",\n)'))
    _replace(package / "__init__.py", f'"{envmgr.__version__}"', f'"{envmgr.__version__}.1"')
    return Release(package, _NEXT)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old} is in {file.name} {text.count(old)} times"
    file.write_text(text.replace(old, new))
