"""What several files of real parts share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
