"""The branch file: what it may ask for, and that nothing hostile comes through it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.branch_file import BranchFile, parse_branch_file
from envmgr.domain.errors import NeedsPerson

FULL = b"""\
variables: {instances: 2}
ttl: 7d
deploy: [{name: build, run: make image}]
health: {url: "{outputs.url}"}
schedule: {up: "0 8 * * 1-5", down: "0 19 * * 1-5", timezone: Europe/Berlin}
"""


def refusal(content: bytes, *, allow_deploy: bool = True) -> str:
    with pytest.raises(NeedsPerson) as raised:
        parse_branch_file(content, allow_deploy=allow_deploy)
    return str(raised.value)


def test_all_of_it() -> None:
    found = parse_branch_file(FULL, allow_deploy=True)
    assert found.variables == {"instances": 2}
    assert found.ttl == timedelta(days=7)
    assert found.deploy[0].run == "make image"
    assert found.health is not None
    assert found.schedule is not None


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"{}", b"\xef\xbb\xbf"])
def test_an_empty_one_asks_for_nothing(content: bytes) -> None:
    assert parse_branch_file(content, allow_deploy=False) == BranchFile()


def test_deploy_only_where_it_is_allowed() -> None:
    assert refusal(FULL, allow_deploy=False).startswith(
        ".envmgr.yaml:3: deploy: this repository takes no commands"
    )
    assert "deploy" in refusal(b"deploy: []", allow_deploy=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: &x [1]\nb: *x", ".envmgr.yaml:1: a: YAML anchors"),
        (b"ttl: !!python/object/apply:os.system ['x']", ".envmgr.yaml:1: ttl: YAML tags"),
        (b"ttl: 7d\n---\nttl: 8d", ".envmgr.yaml:2: only one"),
        (b"[" * 60000, ".envmgr.yaml:1: "),
        (b"#" * 65537, ".envmgr.yaml:1: it is larger than 64 KiB"),
        (b"a: 1\nb: \xff", ".envmgr.yaml:2: it is not UTF-8"),
        (b"- a", ".envmgr.yaml:1: it must be a mapping"),
        (b"variables:\n  environment: prod", ".envmgr.yaml:2: variables.environment: envmgr sets"),
        (b"ttl: 7", ".envmgr.yaml:1: ttl: it must be a duration"),
        (b"variable: {}", ".envmgr.yaml:1: variable: there is no such key; did you mean variables?"),
        (b"terraform: {binary: /tmp/x}", ".envmgr.yaml:1: terraform: there is no such key"),
        (b"environment_variables: {A: {file: /etc/shadow}}", "there is no such key"),
        (b"variables: {a: 1}\nvariables: {a: 2}", ".envmgr.yaml:2: variables: the key is there twice"),
        (b"schedule: {up: '* * * * *', down: x, timezone: ../../etc/passwd}", "time zone"),
        (
            b'ttl: 1d\nvariables: {a: "x\\ud83d"}',
            ".envmgr.yaml:2: variables.a: an escape in it is half a char",
        ),
        (b'variables: {"\\ude00": 1}', ".envmgr.yaml:1: variables: an escape in it is half a character"),
        (b"variables: {application: api}", "envmgr sets the variable application itself"),
    ],
)
def test_refused_with_its_line(content: bytes, words: str) -> None:
    assert words in refusal(content)


def test_two_escapes_that_are_one_character_are_that_character() -> None:
    content = rb'variables: {a: "hi \ud83d\ude00", b: "\ufffd"}'
    found = parse_branch_file(content, allow_deploy=False).variables
    assert found == {"a": "hi \U0001f600", "b": "\ufffd"}


def test_a_reference_is_no_secret_here() -> None:
    content = b"variables: {a: {file: /etc/shadow}}"
    assert parse_branch_file(content, allow_deploy=False).variables == {"a": {"file": "/etc/shadow"}}


def test_messages_stay_short_and_printable() -> None:
    message = refusal(b"\n".join(b'"\\e[31mk%d%s": 1' % (n, b"x" * 500) for n in range(80)))
    assert len(message) < 6000
    assert message.endswith("and 70 more")
    assert "\x1b" not in message


@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "ignore")),
    st.booleans(),
)
def test_anything_is_a_branch_file_or_a_sentence(content: bytes, allow_deploy: bool) -> None:
    try:
        outcome: object = parse_branch_file(content, allow_deploy=allow_deploy)
    except NeedsPerson as error:
        outcome = str(error)
    assert isinstance(outcome, BranchFile) or str(outcome).startswith(".envmgr.yaml:")
