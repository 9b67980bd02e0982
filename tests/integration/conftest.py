"""What several files of real parts share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from envmgr.domain.errors import NeedsPerson
from envmgr.host.cage.bubblewrap import require


@pytest.fixture(scope="module")
def bubblewrap() -> None:
    """A cage can be made here."""
    try:
        require()
    except NeedsPerson as error:
        pytest.skip(str(error))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that is not below /tmp, which a cage hides anyway."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="envmgr-test-") as made:
        yield Path(made)


@pytest.fixture(scope="session")
def rsa_key() -> tuple[str, str]:
    """A private key and its public one, in PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
