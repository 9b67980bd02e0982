"""What is kept beside an environment's state: all that its destroy needs, should our own records and files be lost.

One object holds manifest and code, so that neither is ever there without the other that it was written with.
A seal stands before it: others may write to the store too, and what is kept here says what a destroy runs.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, NeedsPerson, Transient
from envmgr.domain.values.environment import Claim, Environment, Source, SourceKind
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.seals import opened
from envmgr.engine.context.services import Services
from envmgr.engine.work.job import Job
from envmgr.host.system import write_private
from envmgr.ports import KeptModules, StateStore

from . import workspaces

log = structlog.get_logger()

LIMIT = 50 * 1024 * 1024
"""Bytes of code in one environment's scope above which it is not kept beside the state."""

_MANIFEST, _CODE, _MODULES = "manifest.json", "code", "modules"
_UNREADABLE = (ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found beside a state; `code` is None where it was too large to keep, as `modules` are."""

    manifest: Manifest
    code: bytes | None
    modules: bytes | None = None


def keep(job: Job, claim: Claim) -> None:
    """Keeps a claim and its code beside the state; durable when this returns."""
    _keep(job.services, job.state(), job.environment, claim)


def seal_anew(services: Services, environments: Iterable[Environment]) -> None:
    """Keeps anew, from our own records, what was last sealed by another key or by none; what fails is tried again."""
    for environment in environments:
        identity, claim = environment.id, environment.claim
        organization = services.organizations.get(identity.organization)
        if claim is None or organization is None or _is_sealed(services, identity):
            continue
        with suppress(EnvironmentBusy):  # its own apply will seal it, or the next round
            try:
                with services.leases.hold(identity, "housekeeping"):
                    now = services.store.environment(identity)
                    if now is not None and now.claim is not None:
                        _keep(services, organization.state(now.claim.backend), now, now.claim)
            except (Transient, NeedsPerson) as error:
                log.warning(str(error), action="not-sealed", environment=str(identity))


def _is_sealed(services: Services, identity: EnvironmentId) -> bool:
    path = services.layout.sealed(identity)
    return path.is_file() and path.read_text(errors="replace") == services.seal.mark


def _keep(services: Services, state: StateStore, environment: Environment, claim: Claim) -> None:
    identity = environment.id
    code, modules = _export(services, identity, claim), _modules(services, identity, claim)
    too_large = [f"code in {claim.source.scope!r}"] if code is None else []
    too_large += ["modules from elsewhere"] if claim.modules and modules is None else []
    for what in too_large:
        message = f"More than {LIMIT // 1024**2} MB of {what} are not kept beside the state."
        services.record(identity, "code-not-kept", message, commit=claim.commit)
    known = services.store.repository(identity.repository_id).known_commit
    content = _packed(Manifest.of(environment, claim, known), code, modules)
    state.put(identity.kept_key, services.seal.close(identity.kept_key, content))
    _note_sealed(services, identity)


def _note_sealed(services: Services, identity: EnvironmentId) -> None:
    services.layout.private(services.layout.workspace(identity))
    path = services.layout.sealed(identity)
    write_private(path, services.seal.mark)


def _modules(services: Services, identity: EnvironmentId, claim: Claim) -> bytes | None:
    """The modules from elsewhere that a claim was planned with, as the working folder has them."""
    if not claim.modules:
        return None
    terraform = services.organizations[identity.organization].terraform
    return terraform.pack_modules(services.layout.terraform_data(identity), claim.modules, LIMIT)


def modules(job: Job, claim: Claim) -> KeptModules:
    """The modules from elsewhere that a claim was applied with, looked for beside the state when they are asked for."""

    def archive() -> bytes | None:
        with suppress(EnvmgrError):
            found = read(job.services, job.state(), job.environment.id)
            if found is not None and found.manifest.claim.modules == claim.modules:
                return found.modules
        return None

    return KeptModules(claim.modules, archive)


def forget(state: StateStore, identity: EnvironmentId) -> None:
    """Deletes what was kept of a closed environment; what stays behind because of a failure harms nothing."""
    try:
        state.delete(identity.kept_key)
    except EnvmgrError as error:
        log.warning(str(error), action="not-forgotten", environment=str(identity))


def read(services: Services, state: StateStore, identity: EnvironmentId) -> Kept | None:
    """What is kept of an environment; NeedsPerson where it is unsound, another's, or not surely kept by us."""
    sealed = state.get(identity.kept_key)
    if sealed is None:
        return None
    content = opened(services, identity.kept_key, sealed)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {each.filename: each.file_size for each in archive.infolist()}
            if sum(sizes.values()) > 3 * LIMIT:
                raise NeedsPerson(f"{identity.kept_key} is larger than anything that envmgr keeps.")
            code = archive.read(_CODE) if _CODE in sizes else None
            found = archive.read(_MODULES) if _MODULES in sizes else None
            return Kept(Manifest.from_json(archive.read(_MANIFEST), identity), code, found)
    except _UNREADABLE as error:
        raise NeedsPerson(
            f"{identity.kept_key} is not something envmgr wrote there: it cannot be read."
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
            message = f"The code of {claim.commit[:10]} was missing here ({missing}) and was fetched from beside the state."
            services.record(environment.id, "code-restored", message, commit=claim.commit)
        elif claim.source.kind is SourceKind.DIRECTORY and fetched(job, claim.commit):
            workspaces.checkout(services, environment, claim)
        else:
            raise


def fetched(job: Job, commit: str) -> bool:
    """Whether a commit could be had from the branch at the remote."""
    with suppress(EnvmgrError):
        job.services.git.fetch(job.repository.remote(), {job.environment.ref: commit})
        return True
    return False


def _unpacked(job: Job, claim: Claim) -> bool:
    """Whether the very code was beside the state and is in the working folder now (of any commit that had it)."""
    with suppress(EnvmgrError):
        kept = read(job.services, job.state(), job.environment.id)
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


def _packed(manifest: Manifest, code: bytes | None, modules: bytes | None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            zipfile.ZipInfo(_MANIFEST), manifest.to_json(), zipfile.ZIP_DEFLATED
        )  # without a time: the same gives the same
        if code is not None:
            archive.writestr(zipfile.ZipInfo(_CODE), code, zipfile.ZIP_DEFLATED)
        if modules is not None:
            archive.writestr(_MODULES, modules)
    return buffer.getvalue()
