"""By what a database is known: its file, how messages name it, and the revisions of its schema."""

from pathlib import Path

FILE_NAME = "envmgr.db"
"""What SQLite's file in the data folder is called."""

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
    "0016",
    "0017",
    "0018",
    "0019",
    "0020",
    "0021",
    "0022",
    "0023",
    "0024",
    "0027",
    "0029",
    "0031",
    "0032",
    "0033",
    "0034",
)
"""Every revision of the schema, the newest last; the same as in `migrations/versions`."""


def place_of_file(file: Path) -> str:
    """How messages name the database in a file of SQLite's."""
    return f"SQLite database {file}"
