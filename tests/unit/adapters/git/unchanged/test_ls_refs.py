"""Answers to `ls-refs`: what is whole is read as git prints it, and nothing else is read at all."""

from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from envmgr.adapters.git.unchanged.ls_refs import as_listed, question
from tests.support.examples import examples

A = "a" * 40
KEPT_OUT = "\x7f~^:?*[\\ " + "".join(map(chr, range(0x20)))


@dataclass(frozen=True)
class Ref:
    """One, as a server tells of it."""

    name: bytes
    at: str
    target: bytes | None = None
    peeled: str | None = None


def packet(line: bytes) -> bytes:
    return b"%04x" % (4 + len(line)) + line


def answer(refs: list[Ref]) -> bytes:
    """As git's server writes it."""
    lines = []
    for ref in refs:
        target = b"" if ref.target is None else b" symref-target:" + ref.target
        peeled = b"" if ref.peeled is None else b" peeled:" + ref.peeled.encode()
        lines.append(ref.at.encode() + b" " + ref.name + target + peeled + b"\n")
    return b"".join(map(packet, lines)) + b"0000"


def printed(refs: list[Ref]) -> bytes:
    """As `git ls-remote --symref` does."""
    lines = []
    for ref in refs:
        lines += [] if ref.target is None else [b"ref: " + ref.target + b"\t" + ref.name]
        lines.append(ref.at.encode() + b"\t" + ref.name)
        lines += [] if ref.peeled is None else [ref.peeled.encode() + b"\t" + ref.name + b"^{}"]
    return b"".join(line + b"\n" for line in lines)


names = st.one_of(
    st.just(b"HEAD"),
    st.text(st.characters(codec="utf-8", exclude_characters=KEPT_OUT), min_size=1, max_size=6).map(
        lambda text: b"refs/" + text.encode()
    ),
    st.just(b"refs/heads/" + b"x" * 4000),
)


def some_refs(digits: int) -> st.SearchStrategy[list[Ref]]:
    commits = st.integers(0, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")
    refs = st.builds(Ref, names, commits, st.none() | names, st.none() | commits)
    return st.lists(refs, min_size=1, max_size=4, unique_by=lambda ref: ref.name)


refs = st.sampled_from([40, 64]).flatmap(some_refs)


@given(refs)
def test_what_a_server_tells_is_what_git_prints(told: list[Ref]) -> None:
    assert as_listed(answer(told)) == printed(told)


@given(refs, st.data())
def test_what_is_cut_anywhere_is_nothing(told: list[Ref], data: st.DataObject) -> None:
    whole = answer(told)
    assert as_listed(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(refs, st.binary(min_size=1, max_size=80))
def test_after_the_end_there_is_nothing(told: list[Ref], more: bytes) -> None:
    assert as_listed(answer(told) + more) is None
    assert as_listed(answer(told) + answer(told)) is None


@given(refs, st.data())
def test_what_is_changed_anywhere_is_never_taken_for_the_same(told: list[Ref], data: st.DataObject) -> None:
    """It is nothing, or another listing: that is not what git said, so git is asked."""
    whole = bytearray(answer(told))
    at, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    assume(whole[at] != byte)
    whole[at] = byte
    assert as_listed(bytes(whole)) != printed(told)


@given(refs, st.data())
def test_a_ref_that_is_left_out_or_told_twice_is_never_taken_for_the_same(
    told: list[Ref], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(told) - 1))
    assert as_listed(answer(told[:at] + told[at + 1 :])) != printed(told)
    assert as_listed(answer([*told, told[at]])) is None


@settings(max_examples=examples(30))
@given(refs, refs)
def test_two_listings_are_never_taken_for_the_same(one: list[Ref], other: list[Ref]) -> None:
    assert (as_listed(answer(one)) == as_listed(answer(other))) == (one == other)


MAIN = f"{A} refs/heads/main\n".encode()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"0000",
        b"0001" + packet(MAIN) + b"0000",
        packet(MAIN) + b"0001",
        packet(MAIN) + b"0002",
        packet(MAIN) + b"0004" + b"0000",
        packet(MAIN) + b"0003" + b"0000",
        packet(MAIN),
        packet(MAIN) + b"000",
        packet(MAIN[:-1]) + b"0000",
        packet(MAIN + MAIN.replace(b"main", b"x")) + b"0000",
        packet(b"ERR access denied\n") + b"0000",
        packet(MAIN) + packet(b"ERR upload-pack: not our ref\n") + b"0000",
        packet(MAIN) + packet(b"unborn HEAD symref-target:refs/heads/x\n") + b"0000",
        packet(MAIN.upper()) + b"0000",
        packet(MAIN[1:]) + b"0000",
        packet(b"a" + MAIN) + b"0000",
        packet(MAIN) + packet(b"%b refs/heads/x\n" % (b"b" * 64)) + b"0000",
        packet(MAIN.replace(b"main", b"ma\0in")) + b"0000",
        packet(MAIN.replace(b"main", b"ma\nin")) + b"0000",
        packet(MAIN.replace(b"main", b"ma\tin")) + b"0000",
        packet(MAIN.replace(b"main", b"ma in")) + b"0000",
        packet(MAIN.replace(b"main", b"main^{}")) + b"0000",
        packet(MAIN.replace(b"refs/heads/", b"")) + b"0000",
        packet(MAIN[:-1] + b" peeled:" + b"c" * 39 + b"\n") + b"0000",
        packet(MAIN[:-1] + b" note:x\n") + b"0000",
        packet(b"version 2\n") + packet(b"ls-refs\n") + b"0000",
        packet(b"# service=git-upload-pack\n") + b"0000" + packet(MAIN) + b"0000",
        b"003D" + MAIN + b"0000",
        b"+03d" + MAIN + b"0000",
        b"<html><body>Sign in</body></html>",
    ],
    ids=str,
)
def test_anything_else_is_nothing(said: bytes) -> None:
    assert as_listed(packet(MAIN) + b"0000") == f"{A}\trefs/heads/main\n".encode()
    assert as_listed(said) is None


def test_the_question_is_git_s_own() -> None:
    assert question(40) == b"0014command=ls-refs\n0001" + b"0009peel\n" + b"000csymrefs\n" + b"0000"
    assert b"0019object-format=sha256\n" + b"0001" in question(64)
