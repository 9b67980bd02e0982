"""A state that Terraform could not write to its backend, where the next host finds it.

It is the only record of what an apply made. Where several hosts share a database it goes there as soon as it exists,
encrypted by the key that seals what is kept beside the states; else it stays in the working folder.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from envmgr.domain.documents.seal import Seal
from envmgr.domain.documents.state import LARGEST
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.values.environment import Run
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

_NAME, _NONCE = "errored.tfstate", 12
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
    """Puts away what a run's Terraform left of its state, if anything; where that cannot be, it stays where it is."""
    file, identity = workspace.data / _NAME, run.environment
    text = content(file, LARGEST) if services.fleet.is_shared else None
    if not text:
        return
    try:
        left = LeftState(identity, run.id, services.clock(), _closed(services.seal, identity, text))
        if services.store.left_states.keep(left):
            said = "Its state could not be written to its backend: it is in the database, encrypted, until it can."
            services.record(identity, "state-put-away", said, commit=run.commit, run=run.id)
            clear(file)  # not before: and from here on one host after the other has it
    except EnvmgrError as error:
        log.warning(str(error), action="state-not-put-away", environment=str(identity), run=run.id)


def bring_back(services: Services, identity: EnvironmentId, workspace: Workspace) -> LeftState | None:
    """What was put away of an environment's state, in the working folder of this host again; None where nothing is.

    Where it was brought here before and is there no more, a person has seen to it: it is forgotten.
    """
    left = services.store.left_states.get(identity) if services.fleet.is_shared else None
    if left is None:
        return None
    file, here = workspace.data / _NAME, services.owner.machine
    is_there = bool(content(file, LARGEST))
    if left.host == here and not is_there:
        services.store.left_states.forget(left)
        said = (
            f"The state that run {left.run} could not write was taken from {file} by hand: it counts no more."
        )
        services.record(identity, "state-taken-by-hand", said, run=left.run)
        return None
    if not is_there:
        text = _opened(services.seal, left)
        services.layout.private(services.layout.terraform_data(identity))
        with suppress(FileNotFoundError):
            clear(file)
        write_private(file, text, durable=True)
    if left.host != here:
        services.store.left_states.brought_to(left, here)
    return left


def _closed(seal: Seal, identity: EnvironmentId, text: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
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
