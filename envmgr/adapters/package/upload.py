"""Zip steps as the port asks for them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from envmgr.domain.values.step import Step, Zip
from envmgr.host.leftovers import private
from envmgr.host.uploads.deadline import Deadline
from envmgr.host.uploads.folder import Folder
from envmgr.host.uploads.frame import Say, uploading
from envmgr.ports import Place, Watch

from .archive import packed

if TYPE_CHECKING:
    from .app_service import AppService
    from .function import LambdaFunction


class ZipUpload:
    """Packs a folder of the checkout and sends it to the Lambda function or the App Service that runs it."""

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """See the port. NeedsPerson also where what is to be packed, or where it goes, needs one."""
        if not isinstance(step.run, Zip):
            raise TypeError(f"{type(step.run).__name__} is no zip file's step")
        with uploading(step, watch) as (deadline, say):
            _send(step.run, place, deadline, say)


def _target(zipped: Zip, environment: Mapping[str, str]) -> "LambdaFunction | AppService":
    """Where it goes; the cloud's own library is only loaded where it is needed."""
    if zipped.function:
        from .function import LambdaFunction

        return LambdaFunction(zipped.function, environment)
    from .app_service import AppService

    return AppService(zipped.app_service, environment)


def _send(zipped: Zip, place: Place, deadline: Deadline, say: Say) -> None:
    target = _target(zipped, place.environment)
    private(place.temporary)
    folder = Folder(place.checkout, place.directory / zipped.folder)
    with packed(folder, place.temporary, target.sizes, target.date, deadline.check) as archive:
        target.send(archive, deadline, say)
