"""What is kept beside an environment's state: all that its destroy needs, should our own records and files be lost.

One object holds manifest and code, so that neither is ever there without the other that it was written with.
A seal stands before it: others may write to the store too, and what is kept here says what a destroy runs.
It is made and read as a file, since code may be of any size.
"""

import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.documents.seal import LENGTH
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.values.environment import Claim, Environment, Source, SourceKind
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.layout import free_bytes
from envmgr.engine.context.seals import check_sealed, close_file
from envmgr.engine.context.services import Services
from envmgr.engine.work.job import Job
from envmgr.host.leftovers import clear, temporary
from envmgr.host.system import sentences, write_private
from envmgr.ports import KeptModules, StateStore

from . import workspaces

log = structlog.get_logger()

_CHUNK = 1024 * 1024
# Seconds: what is younger may be in use by another process.
_PREFIX, _LEFT = "kept-", 24 * 3600.0
_MANIFEST, _CODE, _MODULES = "manifest.json", "code", "modules"
# What zipfile and json make of bytes that anybody may have written; RuntimeError is that of an encrypted
# entry.
_UNREADABLE = (ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found beside a state, as files for a while.

    `code` is None where an earlier release found it too large to keep, as `modules` are, and where there are none.
    """

    manifest: Manifest
    code: Path | None
    modules: Path | None = None


def keep(job: Job, claim: Claim) -> None:
    """Keeps a claim and its code beside the state; durable when this returns. Raises where that cannot be."""
    keep_claim(job.services, job.state(), job.environment, claim)


def keep_claim(services: Services, state: StateStore, environment: Environment, claim: Claim) -> None:
    """The same under a lease of whoever asks."""
    identity = environment.id
    known = services.store.repository(identity.repository_id).known_commit
    with _folder(services) as folder:
        code, modules, bundle = folder / _CODE, folder / _MODULES, folder / "bundle"
        _export(services, identity, claim, code)
        if claim.modules:
            _find_modules(services, state, identity, claim, modules)
        with sentences(f"What a destroy of {identity} needs cannot be written"):
            _pack(bundle, Manifest.of(environment, claim, known), code, modules)
            close_file(services.seal, identity.kept_key, bundle)
        state.upload(identity.kept_key, bundle)
    note_sealed(services, identity)


@contextmanager
def _folder(services: Services) -> Iterator[Path]:
    with sentences("A folder for what is kept cannot be made", services.layout.root):
        parent = services.layout.private(services.layout.temporaries)
        made = temporary(parent, _PREFIX)
    with made as folder:
        yield folder


def clear_left(services: Services) -> None:
    """Clears what was made to be kept, or read, by a process that died."""
    old = time.time() - _LEFT
    for path in services.layout.temporaries.glob(f"{_PREFIX}*"):
        if path.lstat().st_mtime < old:
            clear(path)


def note_sealed(services: Services, identity: EnvironmentId) -> None:
    """Notes on this host by which key an environment's bundle is sealed: by ours."""
    services.layout.private(services.layout.workspace(identity))
    path = services.layout.sealed(identity)
    write_private(path, services.seal.mark)


def _find_modules(
    services: Services, state: StateStore, identity: EnvironmentId, claim: Claim, archive: Path
) -> None:
    """The modules from elsewhere that a claim was planned with, as the working folder has them, or what is kept of them."""
    terraform = services.organizations[identity.organization].terraform
    if terraform.pack_modules(services.layout.terraform_data(identity), claim.modules, archive):
        return
    if not _kept_modules(services, state, identity, claim, archive):
        raise Transient(
            f"The modules from elsewhere that {identity} was planned with ({claim.modules[:10]}) are neither in its working "
            "folder nor kept beside its state: they are read again by the next plan."
        )


def _kept_modules(
    services: Services, state: StateStore, identity: EnvironmentId, claim: Claim, archive: Path
) -> bool:
    with suppress(EnvmgrError), read(services, state, identity) as found:
        if found is not None and found.modules is not None and found.manifest.claim.modules == claim.modules:
            found.modules.replace(archive)
            return True
    return False


def modules(job: Job, claim: Claim) -> KeptModules:
    """The modules from elsewhere that a claim was applied with, looked for beside the state when they are asked for."""
    services, identity = job.services, job.environment.id
    return KeptModules(
        claim.modules, lambda archive: _kept_modules(services, job.state(), identity, claim, archive)
    )


def forget(state: StateStore, identity: EnvironmentId) -> None:
    """Deletes what was kept of a closed environment; what stays behind because of a failure harms nothing."""
    try:
        state.delete(identity.kept_key)
    except EnvmgrError as error:
        log.warning(str(error), action="not-forgotten", environment=str(identity))


@contextmanager
def read(services: Services, state: StateStore, identity: EnvironmentId) -> Iterator[Kept | None]:
    """What is kept of an environment, for a block; None where nothing is.

    NeedsPerson where it is unsound, another's, or not surely kept by us.
    """
    with _folder(services) as folder:
        bundle = folder / "bundle"
        if not state.download(identity.kept_key, bundle):
            yield None
            return
        check_sealed(services, identity.kept_key, bundle)
        yield _opened(services, identity, bundle, folder)


def _opened(services: Services, identity: EnvironmentId, bundle: Path, folder: Path) -> Kept:
    try:
        with zipfile.ZipFile(bundle) as archive:
            sizes = {each.filename: each.file_size for each in archive.infolist()}
            room = free_bytes(folder) - services.disk_reserve
            if sum(sizes.values()) > room:
                raise NeedsPerson(
                    f"{identity.kept_key} needs {sum(sizes.values()) // 10**6} MB in {folder.parent}, and "
                    f"{max(room, 0) // 10**6} MB are to be had there: make room."
                )
            manifest = Manifest.from_json(archive.read(_MANIFEST), identity)
            found = {name: _extracted(archive, name, folder) for name in (_CODE, _MODULES) if name in sizes}
            return Kept(manifest, found.get(_CODE), found.get(_MODULES))
    except _UNREADABLE as error:
        raise NeedsPerson(
            f"{identity.kept_key} is not something envmgr wrote there: it cannot be read."
        ) from error


def _extracted(archive: zipfile.ZipFile, name: str, folder: Path) -> Path:
    with archive.open(name) as content, (folder / name).open("xb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
    return folder / name


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
            services.record(environment.id, "code-restored", message, commit=claim.commit, lease=job.lease)
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
    services, identity = job.services, job.environment.id
    with suppress(EnvmgrError), read(services, job.state(), identity) as found:
        if found is not None and found.manifest.claim.source == claim.source:
            folder = services.layout.private(services.layout.workspace(identity))
            unpack(services, found, claim.source, folder / "source")
            return True
    return False


def _export(services: Services, identity: EnvironmentId, claim: Claim, code: Path) -> None:
    source = claim.source
    if source.kind is SourceKind.MODULE:
        services.modules.export(source.path, source.tree, code)
    else:
        services.git.export(identity.repository_id, claim.commit, source.scope, code)


def _pack(bundle: Path, manifest: Manifest, *parts: Path) -> None:
    """The bundle, with room for a seal before it; its parts are compressed already, as far as they can be."""
    with bundle.open("xb") as file:
        file.write(bytes(LENGTH))
        with zipfile.ZipFile(file, "w") as archive:
            # Without times: the same gives the same.
            archive.writestr(zipfile.ZipInfo(_MANIFEST), manifest.to_json(), zipfile.ZIP_DEFLATED)
            for part in filter(Path.exists, parts):
                entry = zipfile.ZipInfo(part.name)
                # Told beforehand, since zipfile decides by it whether the entry needs ZIP64.
                entry.file_size = part.stat().st_size
                with part.open("rb") as content, archive.open(entry, "w") as copy:
                    shutil.copyfileobj(content, copy, _CHUNK)
