"""Site steps as the port asks for them."""

from collections.abc import Mapping

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.step import Site, Step
from envmgr.host.uploads.folder import Folder
from envmgr.host.uploads.frame import uploading
from envmgr.ports import Place, Watch

from .destination import Destination
from .files import SiteFiles
from .synchronisation import Synchronisation

_OWNER = ("ORGANIZATION", "REPOSITORY", "ENVIRONMENT", "APPLICATION")


class SiteUpload:
    """Brings a folder of the checkout to the bucket or container that serves it."""

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """See the port. NeedsPerson also where the folder, or where it goes, needs one."""
        if not isinstance(step.run, Site):
            raise TypeError(f"{type(step.run).__name__} is no site's step")
        site = step.run
        with uploading(step, watch) as (deadline, say):
            folder = Folder(place.checkout, place.directory / site.folder)
            files = SiteFiles(folder, site.cache_control, deadline.check)
            destination = _destination(site, place.environment)
            Synchronisation(destination, _owner(step, place), say, deadline.check).run(files)


def _destination(site: Site, environment: Mapping[str, str]) -> Destination:
    """The cloud's own library is only loaded where it is needed."""
    if site.bucket:
        from .s3 import Bucket

        return Bucket(site.bucket, environment)
    if site.storage_account:
        from .azure_blob import Container

        return Container(site.storage_account, site.container, environment)
    raise NeedsPerson("`bucket` or `storage_account` is empty: check it, and the output it is from.")


def _owner(step: Step, place: Place) -> str:
    return "/".join([*(place.environment.get(f"ENVMGR_{part}", "") for part in _OWNER), step.name])
