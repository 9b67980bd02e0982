"""Zip steps as the port asks for them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from envmgr.adapters.children.run_log import RunLog, printable
from envmgr.domain.errors import NeedsPerson, StepFailed, Transient
from envmgr.domain.step import Step, Zip
from envmgr.ports import Place, Progress, Watch

from .archive import packed
from .deadline import Deadline

if TYPE_CHECKING:
    from .app_service import AppService
    from .function import LambdaFunction


class ZipUpload:
    """Packs a folder of the checkout and sends it to the Lambda function or the App Service that runs it."""

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """See the port. NeedsPerson also where what is to be packed, or where it goes, needs one."""
        if not isinstance(step.run, Zip):
            raise TypeError(f"{type(step.run).__name__} is no zip file's step")
        watch.progress(Progress(phase="step_start", text=f"Step {step.name}", address=step.name))
        with RunLog(watch.log, watch.redact) as log:
            log.write(f"step {step.name}")
            try:
                _send(step.run, place, Deadline(step, watch), log.write)
            except (NeedsPerson, Transient, OSError) as error:
                raise _failure(step, error, watch, log) from error
        watch.progress(Progress(phase="step_complete", text=f"Step {step.name} is done", address=step.name))


def _target(zipped: Zip, environment: Mapping[str, str]) -> "LambdaFunction | AppService":
    """Where it goes; the cloud's own library is only loaded where it is needed."""
    if zipped.function:
        from .function import LambdaFunction

        return LambdaFunction(zipped.function, environment)
    from .app_service import AppService

    return AppService(zipped.app_service, environment)


def _send(zipped: Zip, place: Place, deadline: Deadline, say: Callable[[str], None]) -> None:
    target = _target(zipped, place.environment)
    place.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = place.checkout / zipped.folder
    with packed(
        folder, place.checkout, place.temporary, target.sizes, target.date, deadline.check
    ) as archive:
        target.send(archive, deadline, say)


def _failure(step: Step, error: Exception, watch: Watch, log: RunLog) -> NeedsPerson | StepFailed:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    told = printable(watch.redact(f"Step {step.name} failed: {why.rstrip('.')}."))
    log.write(told)
    return NeedsPerson(told) if isinstance(error, NeedsPerson) else StepFailed(told)
