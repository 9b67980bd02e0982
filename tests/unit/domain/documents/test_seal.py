"""Seals: only the key, the name and the very content make one."""

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.documents.seal import Proof, Seal

OURS, OTHERS = Seal(b"k" * 32), Seal(b"o" * 32)


@given(st.binary(max_size=200))
def test_what_was_closed_is_opened_and_proven(content: bytes) -> None:
    assert OURS.open("acme/a", OURS.close("acme/a", content)) == (content, Proof.OURS)


@given(st.binary(max_size=50), st.data())
def test_no_bit_of_it_may_differ(content: bytes, data: st.DataObject) -> None:
    sealed = bytearray(OURS.close("acme/a", content))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    assert OURS.open("acme/a", bytes(sealed))[1] is not Proof.OURS


def test_another_name_another_key_and_none_are_told_apart() -> None:
    sealed = OURS.close("acme/a", b"x")
    assert OURS.open("acme/b", sealed) == (b"x", Proof.WRONG)
    assert OTHERS.open("acme/a", sealed) == (b"x", Proof.OTHER_KEY)
    assert OURS.open("acme/a", b"x") == (b"x", Proof.NONE)


def test_the_key_shows_nowhere() -> None:
    assert "kkkk" not in repr(OURS) + OURS.mark


def test_a_zip_file_with_a_seal_is_still_one() -> None:
    """So an older release reads what this one keeps."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "b")
    with zipfile.ZipFile(io.BytesIO(OURS.close("n", buffer.getvalue()))) as archive:
        assert archive.read("a") == b"b"
