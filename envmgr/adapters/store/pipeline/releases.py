"""The ports `Releases` and `Images` on a SQL database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Row, and_, bindparam, delete, exists, select

from envmgr.adapters.store import rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import environments, images, releases
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.pipeline.image import SeenImage
from envmgr.domain.values.pipeline.release import Release


class SqlReleases:
    """What was ready where; see `envmgr.ports.Releases`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def note(self, release: Release) -> None:
        """Records a release; the time since when it was ready stays."""
        statement = self._database.upsert(releases).values(
            **rows.identity_values(release.environment),
            commit=release.commit,
            ready_at=release.ready_at,
            tested_at=release.tested_at,
        )
        statement = statement.on_conflict_do_update(
            index_elements=[*rows.IDENTITY, "commit"], set_={"tested_at": release.tested_at}
        )
        with self._database.write() as connection:
            connection.execute(statement)

    def get(self, environment: EnvironmentId, commit: str) -> Release | None:
        """Whether a commit was ready."""
        query = select(releases).where(
            rows.of_environment(releases, environment), releases.c.commit == commit
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _release(row)


class SqlImages:
    """What the registries had; see `envmgr.ports.Images`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def seen(self, repository: RepositoryId) -> Sequence[SeenImage]:
        """Of a repository and its named environments."""
        named = {"organization": repository.organization, "repository": repository.name}
        with self._database.read() as connection:
            found = connection.execute(_OF_REPOSITORY, named).all()
        return [_image(row) for row in found]

    def note(self, image: SeenImage) -> None:
        """Records what was seen."""
        values, key = {name: getattr(image, name) for name in _SEEN}, _key(image)
        statement = self._database.upsert(images).values(**key, **values)
        statement = statement.on_conflict_do_update(index_elements=[*key], set_=values)
        with self._database.write() as connection:
            connection.execute(statement)

    def forget(self, image: SeenImage) -> None:
        """Takes away what nobody follows any more."""
        gone = delete(images).where(*(images.c[name] == value for name, value in _key(image).items()))
        with self._database.write() as connection:
            connection.execute(gone)


def old_releases(before: datetime) -> Delete:
    """Deletes those from before a time whose environment is open no more."""
    same = (environments.c[name] == releases.c[name] for name in rows.IDENTITY)
    is_open = exists().where(and_(*same, environments.c.status != Status.DESTROYED))
    return delete(releases).where(releases.c.ready_at < before, ~is_open)


_SEEN = tuple(images.c.keys())[4:]
_OF_REPOSITORY = select(images).where(
    images.c.organization == bindparam("organization"), images.c.repository == bindparam("repository")
)


def _key(image: SeenImage) -> dict[str, str]:
    of = image.repository
    return {
        "organization": of.organization,
        "repository": of.name,
        "name": image.name,
        "variable": image.variable,
    }


def _release(row: Row[*tuple[Any, ...]]) -> Release:
    return Release(
        environment=EnvironmentId(*row[:4]),
        commit=row.commit,
        ready_at=row.ready_at,
        tested_at=row.tested_at,
    )


def _image(row: Row[*tuple[Any, ...]]) -> SeenImage:
    values = dict(zip(_SEEN, row[4:], strict=True))
    return SeenImage(repository=RepositoryId(*row[:2]), name=row[2], variable=row[3], **values)
