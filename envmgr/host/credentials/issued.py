"""Credentials that are issued for a run and kept valid while it lasts: files that its programs read again.

The files are outside the folders that the branch's code may write to. Programs are told of them by variables and read
them anew when what they have is about to end. A child that outlives its envmgr goes on with what it has; whoever adopts
it issues anew in the same place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.sign_in import for_backend
from envmgr.domain.values.cage import Credentials
from envmgr.host.leftovers import private, sweep
from envmgr.host.system import sentences, write_private
from envmgr.ports import Holder

FOLDER = "ENVMGR_CREDENTIALS"
"""The variable that names the folder, which a cage has to show."""
_AGAIN = 30.0
"""Seconds from a renewal that failed to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Files by name, what of them is secret, and for how long they are good."""

    files: Mapping[str, str] = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    lasts: timedelta


class Issuer(Protocol):
    """One kind of credentials for one use of one environment."""

    def issue(self, folder: Path) -> Issued:
        """New ones, whose files will be in a folder; raises NeedsPerson, Refused or Transient."""
        ...

    def environment(self, given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """A child's variables, where these are given and the files are in a folder."""
        ...


Issuers = Callable[[Holder, Credentials, Mapping[str, str]], Sequence[Issuer]]


class IssuedForRuns:
    """Signs runs in by what issuers give; `folder` holds the files, a folder for each use of each environment."""

    def __init__(self, folder: Path, issuers: Issuers) -> None:
        """Nothing is asked for yet."""
        self._folder = folder
        self._issuers = issuers

    @contextmanager
    def __call__(
        self, holder: Holder, use: Credentials, environment: Mapping[str, str]
    ) -> Iterator[Mapping[str, str]]:
        """See the port's `SignIn`."""
        if use is Credentials.BACKEND:
            environment = for_backend(environment, holder.backend[0])
        issuers = self._issuers(holder, use, environment)
        if not issuers:
            yield environment
            return
        if use is Credentials.NONE:
            # It asks nobody for anything, so nobody is asked for credentials; what is static stays withheld.
            yield _told(issuers, environment, self._folder)
            return
        folder = self._private(holder, use)
        try:
            with ExitStack() as renewals:
                for issuer in issuers:
                    renewals.enter_context(_renewed(issuer, folder, holder))
                yield {**_told(issuers, environment, folder), FOLDER: str(folder)}
        finally:
            sweep(folder)

    def _private(self, holder: Holder, use: Credentials) -> Path:
        identity = holder.environment
        parts = (identity.organization, identity.repository, identity.component, use.value)
        folder = self._folder
        with sentences("Credentials cannot be kept", folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in parts:
            folder /= part
            private(folder)
        return folder


def _told(issuers: Sequence[Issuer], environment: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    """The variables of a child that is told of files in a folder."""
    for issuer in issuers:
        environment = issuer.environment(environment, folder)
    return environment


@contextmanager
def _renewed(issuer: Issuer, folder: Path, holder: Holder) -> Iterator[None]:
    """Within the block the files are good: they are issued anew when half of their time is over."""

    def issue() -> float:
        issued = issuer.issue(folder)
        holder.learn(issued.secrets)
        for name, content in issued.files.items():
            write_private(folder / name, content, "Credentials cannot be kept")
        return max(issued.lasts.total_seconds() / 2, 1.0)

    ended, pause = Event(), issue()
    thread = Thread(target=_renew, args=(issue, pause, ended, holder), name="renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(issue: Callable[[], float], pause: float, ended: Event, holder: Holder) -> None:
    while not ended.wait(pause):
        try:
            pause = issue()
        except EnvmgrError as error:  # the run may end before they do; if not, its program says so
            pause = _AGAIN
            _warn(str(error), holder)
        except Exception as error:  # noqa: BLE001  a library's text may hold a secret: only its kind is told
            pause = _AGAIN
            _warn(
                f"Unexpected {type(error).__name__}: its credentials are not renewed; it will be tried again.",
                holder,
            )


def _warn(message: str, holder: Holder) -> None:
    import structlog  # only here: the reading verbs answer without it

    log = structlog.get_logger()
    log.warning(message, action="credentials-not-renewed", environment=str(holder.environment))
