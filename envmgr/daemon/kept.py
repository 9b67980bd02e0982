"""What is kept beside an environment's state: all that its destroy needs, should our own records and files be lost.

One object holds manifest and code, so that neither is ever there without the other that it was written with.
"""

import io
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from envmgr.domain.environment import Claim, Source, SourceKind
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.manifest import Manifest
from envmgr.domain.names import EnvironmentId
from envmgr.ports import StateStore

from . import workspaces
from .job import Job
from .services import Services

log = structlog.get_logger()

LIMIT = 50 * 1024 * 1024
"""Bytes of code in one environment's scope above which it is not kept beside the state."""

_MANIFEST, _CODE = "manifest.json", "code"
_UNREADABLE = (ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found beside a state; `code` is None where it was too large to keep."""

    manifest: Manifest
    code: bytes | None


def keep(job: Job, claim: Claim) -> None:
    """Keeps a claim and its code beside the state; durable when this returns."""
    identity = job.environment.id
    code = _export(job.services, identity, claim)
    if code is None:
        message = (
            f"Code of more than {LIMIT // 1024**2} MB in {claim.source.scope!r} is not kept beside the state."
        )
        job.services.record(identity, "code-not-kept", message, commit=claim.commit)
    job.state().put(identity.kept_key, _packed(Manifest.of(job.environment, claim), code))


def forget(state: StateStore, identity: EnvironmentId) -> None:
    """Deletes what was kept of a closed environment; what stays behind because of a failure harms nothing."""
    try:
        state.delete(identity.kept_key)
    except EnvmgrError as error:
        log.warning(str(error), action="not-forgotten", environment=str(identity))


def read(state: StateStore, identity: EnvironmentId) -> Kept | None:
    """What is kept of an environment; NeedsPerson where it is unsound or another's."""
    content = state.get(identity.kept_key)
    if content is None:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {each.filename: each.file_size for each in archive.infolist()}
            if sum(sizes.values()) > 2 * LIMIT:
                raise NeedsPerson(f"{identity.kept_key} is larger than anything that envmgr keeps.")
            code = archive.read(_CODE) if _CODE in sizes else None
            return Kept(Manifest.from_json(archive.read(_MANIFEST), identity), code)
    except _UNREADABLE as error:
        raise NeedsPerson(
            f"{identity.kept_key} is not what envmgr keeps there: it cannot be read."
        ) from error


def unpack(services: Services, kept: Kept, source: Source, destination: Path) -> None:
    """Makes `destination` hold the kept code; NeedsPerson where it is not surely the source's."""
    if kept.code is None:
        raise NeedsPerson(f"The code of {kept.manifest.environment} was too large to be kept.")
    if source.kind is SourceKind.MODULE:
        services.modules.unpack(kept.code, source.tree, destination)
    else:
        services.git.unpack(kept.code, kept.manifest.claim.commit, source, destination)


def checkout_applied(job: Job, claim: Claim) -> None:
    """Puts the files of what was applied in the working folder: from here, from beside the state, from the remote."""
    services, environment = job.services, job.environment
    try:
        workspaces.checkout(services, environment, claim)
    except (Transient, NeedsPerson) as missing:
        if _unpacked(job, claim):
            message = f"The code of {claim.commit[:10]} was missing here ({missing}) and came from beside the state."
            services.record(environment.id, "code-restored", message, commit=claim.commit)
        elif claim.source.kind is SourceKind.DIRECTORY and fetched(job, claim.commit):
            workspaces.checkout(services, environment, claim)
        else:
            raise


def fetched(job: Job, commit: str) -> bool:
    """Whether a commit could be had from the branch at the remote."""
    with suppress(EnvmgrError):
        job.services.git.fetch(job.project.remote(), {job.environment.branch: commit})
        return True
    return False


def _unpacked(job: Job, claim: Claim) -> bool:
    """Whether the very code was beside the state and is in the working folder now (of any commit that had it)."""
    with suppress(EnvmgrError):
        kept = read(job.state(), job.environment.id)
        if kept is not None and kept.manifest.claim.source == claim.source:
            folder = job.services.layout.private(job.services.layout.workspace(job.environment.id))
            unpack(job.services, kept, claim.source, folder / "source")
            return True
    return False


def _export(services: Services, identity: EnvironmentId, claim: Claim) -> bytes | None:
    source = claim.source
    if source.kind is SourceKind.MODULE:
        return services.modules.export(source.path, source.tree, LIMIT)
    return services.git.export(identity.repository_id, claim.commit, source.scope, LIMIT)


def _packed(manifest: Manifest, code: bytes | None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MANIFEST, manifest.to_json())
        if code is not None:
            archive.writestr(_CODE, code)
    return buffer.getvalue()
