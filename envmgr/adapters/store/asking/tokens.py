"""The ports `Tokens` and `Sessions` on a SQL database."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import sessions, tokens
from envmgr.domain.values.asking.token import Session, Token

_TOKEN = tuple(field.name for field in fields(Token))
_SESSION = tuple(field.name for field in fields(Session))
# Once, as they are asked for with each request: to build one takes longer than to ask it.
_BY_DIGEST = select(tokens).where(tokens.c.digest == bindparam("digest"))
_SESSION_BY_DIGEST = select(sessions).where(sessions.c.digest == bindparam("digest"))


class SqlTokens:
    """Tokens; see `envmgr.ports.Tokens`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def add(self, token: Token) -> bool:
        """Records a token; False where there is one of that name."""
        values = {name: getattr(token, name) for name in _TOKEN}
        # In one statement: of two who look for a name before they give it neither would find the other's.
        added = self._database.upsert(tokens).values(**values).on_conflict_do_nothing(index_elements=["name"])
        with self._database.write() as connection:
            return connection.execute(added.returning(tokens.c.name)).first() is not None

    def find(self, digest: str) -> Token | None:
        """The token of a secret with this digest."""
        with self._database.read() as connection:
            row = connection.execute(_BY_DIGEST, {"digest": digest}).mappings().one_or_none()
        return None if row is None else Token(**dict(row))

    def all(self) -> Sequence[Token]:
        """All tokens, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.name)).mappings().all()
        return [Token(**dict(row)) for row in rows]

    def remove(self, name: str) -> bool:
        """Forgets a token."""
        with self._database.write() as connection:
            return connection.execute(delete(tokens).where(tokens.c.name == name)).rowcount == 1

    def note_use(self, name: str, at: datetime) -> None:
        """Records when a token was last used."""
        with self._database.write() as connection:
            connection.execute(update(tokens).where(tokens.c.name == name).values(used_at=at))


class SqlSessions:
    """Sessions; see `envmgr.ports.Sessions`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def begin(self, session: Session) -> None:
        """Records a session."""
        values = {name: getattr(session, name) for name in _SESSION}
        with self._database.write() as connection:
            connection.execute(insert(sessions).values(**values))

    def find(self, digest: str) -> Session | None:
        """The session of what a browser keeps."""
        with self._database.read() as connection:
            row = connection.execute(_SESSION_BY_DIGEST, {"digest": digest}).mappings().one_or_none()
        return None if row is None else Session(**dict(row))

    def end(self, digest: str) -> None:
        """Forgets a session."""
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == digest))
