"""The tables of what is known of forges."""

from sqlalchemy import Boolean, Column, Integer, MetaData, PrimaryKeyConstraint, Table

from envmgr.adapters.store import codec
from envmgr.adapters.store.columns import KEY, encoded, free_text, moment, word
from envmgr.domain.values.forge import Permission, PullRequestState

from .codec import dump_approved, dump_author, dump_commands, load_approved, load_author, load_commands


def pull_requests_table(metadata: MetaData) -> Table:
    """Pull requests as they were told of last; titles, names and labels are whatever somebody typed."""
    return Table(
        "pull_requests",
        metadata,
        Column("organization", KEY, nullable=False),
        Column("repository", KEY, nullable=False),
        Column("number", Integer, nullable=False),
        Column("url", free_text(), nullable=False),
        Column("title", free_text(), nullable=False),
        Column("author", encoded(dump_author, load_author), nullable=False),
        Column("state", word(PullRequestState), nullable=False),
        Column("head", free_text(), nullable=False),
        Column("base", free_text(), nullable=False),
        Column("commit", free_text()),
        Column("is_from_fork", Boolean, nullable=False),
        Column("is_draft", Boolean, nullable=False),
        Column("labels", encoded(codec.dump_resources, codec.load_resources), nullable=False),
        Column("updated_at", moment()),
        Column("first_seen_at", moment(), nullable=False),
        Column("seen_at", moment(), nullable=False),
        Column("permission", word(Permission)),
        Column("closed", Integer, nullable=False),
        Column("closed_at", moment()),
        Column("is_lost", Boolean, nullable=False),
        Column("approved", encoded(dump_approved, load_approved)),
        Column("read_until", moment()),
        Column("read", encoded(codec.dump_resources, codec.load_resources), nullable=False),
        Column("commands", encoded(dump_commands, load_commands), nullable=False),
        PrimaryKeyConstraint("organization", "repository", "number", name="pull_requests_pkey"),
    )
