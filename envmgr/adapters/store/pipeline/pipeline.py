"""The port `Pipeline` on a SQL database."""

from datetime import datetime

from sqlalchemy import Delete

from envmgr.adapters.store.database import Database

from .builds import SqlBuilds, old_builds
from .releases import SqlImages, SqlReleases, old_releases


class SqlPipeline:
    """What lies between a commit and production."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self.releases = SqlReleases(database)
        self.builds = SqlBuilds(database)
        self.images = SqlImages(database)


def outdated(before: datetime) -> tuple[Delete, ...]:
    """Deletes what is older than a time and that no open environment has to do with."""
    return old_builds(before), old_releases(before)
