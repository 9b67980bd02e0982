"""The tables of what is known of forges."""

from sqlalchemy import Boolean, Column, Integer, MetaData, PrimaryKeyConstraint, Table

from envmgr.adapters.store import codec
from envmgr.adapters.store.columns import KEY, encoded, free_text, moment, word
from envmgr.domain.values.forge import Permission, PullRequestState
from envmgr.domain.values.forge.telling import TellingKind

from .codec import dump_approved, dump_author, dump_commands, load_approved, load_author, load_commands
from .telling_codec import dump_document, load_document


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


def tellings_table(metadata: MetaData) -> Table:
    """What forges are to be told: what is still to be said is found by the digests of what is wanted, was said, and was refused."""
    return Table(
        "tellings",
        metadata,
        Column("organization", KEY, nullable=False),
        Column("repository", KEY, nullable=False),
        Column("kind", word(TellingKind), nullable=False),
        Column("name", KEY, nullable=False),
        Column("commit", KEY, nullable=False),
        Column("document", encoded(dump_document, load_document), nullable=False),
        Column("digest", KEY, nullable=False),
        Column("since", moment(), nullable=False),
        Column("is_last", Boolean, nullable=False),
        Column("said", KEY, nullable=False),
        Column("began", Boolean, nullable=False),
        Column("remote", free_text(), nullable=False),
        Column("tries", Integer, nullable=False),
        Column("next_try", moment()),
        Column("refused", KEY, nullable=False),
        Column("error", free_text(), nullable=False),
        Column("owner", encoded(codec.dump_process, codec.load_process)),
        Column("taken_until", moment()),
        PrimaryKeyConstraint("organization", "repository", "kind", "name", "commit", name="tellings_pkey"),
    )
