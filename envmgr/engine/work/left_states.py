"""A state that Terraform could not write to its backend, where the next host finds it.

It is the only record of what an apply made. Where several hosts share a database it goes there as soon as it exists,
encrypted by the key that seals what is kept beside the states; else it stays in the working folder.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from envmgr.domain.documents.seal import Seal
from envmgr.domain.documents.state import LARGEST, State
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.values.environment import Lease, Run
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.services import Services
from envmgr.host.leftovers import clear
from envmgr.host.strange import content
from envmgr.host.system import write_private
from envmgr.ports import Workspace
from envmgr.ports.hosts import LeftState

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = structlog.get_logger()

_NAME, _MARK = "errored.tfstate", "errored.tfstate.put-away"
_NONCE, _DIGEST = 12, 64
# The key seals bundles, too: what encrypts is derived from it for this purpose alone.
_DOMAIN = b"envmgr-left-state/1"


@contextmanager
def kept(services: Services, run: Run, workspace: Workspace) -> Iterator[None]:
    """Puts away what the block's Terraform leaves of its state, whatever ends it."""
    try:
        yield
    except BaseException:
        put_away(services, run, workspace)
        raise


def put_away(services: Services, run: Run, workspace: Workspace) -> None:
    """Puts away what a run's Terraform left of its state, if anything; where that cannot be, it is only where it is.

    It stays in the working folder, too: whoever loses the database still has it, and a person can look at it. A host that
    has the lease no more does so, too, and says so: nothing else knows what its Terraform made.
    """
    file, identity = workspace.data / _NAME, run.environment
    text = content(file, LARGEST) if services.fleet.is_shared else None
    if not text:
        return
    try:
        here, sealed = services.owner.machine, _closed(services.seal, identity, text)
        _note(workspace, text)  # before it is there: who has no note of it would be in doubt of it for ever
        if not services.store.left_states.keep(LeftState(identity, run.id, services.clock(), sealed, here)):
            return
        said = (
            "Its state could not be written to its backend: it is in the database, encrypted, until it can."
        )
        services.record(identity, "state-put-away", said, commit=run.commit, run=run.id)
    except EnvmgrError as error:
        log.warning(str(error), action="state-not-put-away", environment=str(identity), run=run.id)


def bring_back(
    services: Services, lease: Lease, workspace: Workspace, read: Callable[[], State | None]
) -> LeftState | None:
    """What was put away of an environment's state, in the working folder of this host again; None where nothing is.

    Where it was here before and is there no more, a person has seen to it: it is forgotten. What is still here though it
    is in the database no more is taken away where another host has pushed it: where the state, which is `read` for that, has come so
    far. Else the database was lost, and it is all that there is.
    """
    identity = lease.environment
    left = services.store.left_states.get(identity) if services.fleet.is_shared else None
    file, mark, here = workspace.data / _NAME, workspace.data / _MARK, services.owner.machine
    text = content(file, LARGEST) or b""
    if left is None:
        if text and content(mark, _DIGEST) == _digest(text) and _is_pushed(text, read()):
            clear(file)
        return None
    if left.host == here and not text:
        said = (
            f"The state that run {left.run} could not write was taken from {file} by hand: it counts no more."
        )
        # First what is refused to a host that has the lease no more: another may have brought it there by then.
        services.record(identity, "state-taken-by-hand", said, run=left.run, lease=lease)
        services.store.left_states.forget(left)
        return None
    if not text:
        text = _opened(services.seal, left)
        services.layout.private(services.layout.terraform_data(identity))
        _replace(file, text)
        _note(workspace, text)
    if left.host != here:
        services.store.left_states.brought_to(left, here)
    return left


def _is_pushed(text: bytes, now: State | None) -> bool:
    try:
        left = State.from_bytes(text, _NAME)
    except NeedsPerson:
        return False
    return now is not None and now.lineage == left.lineage and now.serial >= left.serial


def _note(workspace: Workspace, text: bytes) -> None:
    """Notes in the working folder that just this is in the database, too."""
    _replace(workspace.data / _MARK, _digest(text))


def _replace(file: Path, text: bytes) -> None:
    with suppress(FileNotFoundError):
        clear(file)  # code of a branch may have put anything there
    write_private(file, text, durable=True)


def _digest(text: bytes) -> bytes:
    return sha256(text).hexdigest().encode()


def _closed(seal: Seal, identity: EnvironmentId, text: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    # Bound to its environment: put in the place of another's, it does not open.
    return base64.b64encode(nonce + _cipher(seal).encrypt(nonce, text, str(identity).encode())).decode()


def _opened(seal: Seal, left: LeftState) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        found = base64.b64decode(left.content, validate=True)
        return _cipher(seal).decrypt(found[:_NONCE], found[_NONCE:], str(left.environment).encode())
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise NeedsPerson(
            f"The state of {left.environment} that run {left.run} could not write is in the database, but was encrypted by "
            "another key: give all hosts the same daemon.bundle_key. Nothing is done there until then."
        ) from error


def _cipher(seal: Seal) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(seal.key, _DOMAIN, "sha256"))
