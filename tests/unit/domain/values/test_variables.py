"""What a build wrote is read as it is, or refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.values.pipeline.variables import LARGEST, RESERVED, NotUnderstood, parse_variables

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name not in RESERVED
)
VALUES = st.text(st.characters(codec="utf-8"), max_size=12).filter(str.isprintable)


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_what_was_written_is_what_is_read(variables: dict[str, str], end: str) -> None:
    """With whatever is in a value: `=`, quotes, blanks."""
    content = "".join(f"{name}={value}{end}" for name, value in variables.items()).encode()
    assert parse_variables(content) == variables
    assert parse_variables(content.removesuffix(end.encode())) == variables


@given(st.binary(max_size=60))
def test_whatever_it_is_it_is_read_or_refused(content: bytes) -> None:
    """Nothing else becomes of it, and nothing of it reaches a terminal as it is."""
    said = ""
    try:
        found = parse_variables(content)
    except NotUnderstood as error:
        found, said = {}, str(error)
    assert said.isprintable()
    assert not {*found} & {*RESERVED}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"image", "line 1 is not NAME=VALUE: 'image'"),
        (b"\na=1\n=2", "line 3 names ''"),
        (b"my image=1", "line 1 names 'my image'"),
        (b"a=1\na=2", "line 2 gives a a second time"),
        (b"known=1", "line 1 gives known a second time"),
        (b"tags=1", "line 1 gives tags, which envmgr sets itself"),
        (b"a=\x1b[31m", "line 1 gives a characters that cannot be printed"),
        (b"a=\xff", "it is not UTF-8"),
        (b"a=" + b"x" * 9000, "more than 8192 characters"),
        (b"\n" * (LARGEST + 1), "it has more than 64 KiB"),
        (b"".join(b"a%d=1\n" % n for n in range(101)), "it gives more than 100 variables"),
    ],
)
def test_what_is_wrong_with_it_is_said(content: bytes, said: str) -> None:
    """And where."""
    with pytest.raises(NotUnderstood) as error:
        parse_variables(content, {"known"})
    assert said in str(error.value)
