"""What git says when it fails, as a sentence that holds no secret."""

from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.adapters.git.failure import Damaged, failure
from envmgr.adapters.git.process import Answer
from envmgr.domain.errors import EnvmgrError, NeedsOperator, Transient
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote

SHOP = Remote(repository=RepositoryId("acme", "shop"), url="https://x/y", username="bot", password="hunter2")


def told(messages: str, *, timed_out: bool = False) -> EnvmgrError:
    return failure(SHOP, Answer(128, b"", messages, timed_out), 60)


@pytest.mark.parametrize(
    ("messages", "kind", "says"),
    [
        ("fatal: Authentication failed for 'https://x/y/'", NeedsOperator, "`credentials`"),
        (
            "fatal: unable to access 'https://x/y/': The requested URL returned error: 403",
            NeedsOperator,
            "credentials",
        ),
        ("remote: Not found\nfatal: repository 'https://x/y/' not found", NeedsOperator, "`url`"),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            NeedsOperator,
            "known_hosts",
        ),
        (
            "bot@x: Permission denied (publickey).\nfatal: Could not read from remote",
            NeedsOperator,
            "publickey",
        ),
        ("fatal: detected dubious ownership in repository at '/srv/x'", NeedsOperator, "another user"),
        (
            "fatal: detected dubious ownership in repository at '/srv/x'\nTo add an exception, call:\n\n"
            "\tgit config --global\nfatal: Could not read from remote repository.",
            NeedsOperator,
            "git says: fatal: detected",
        ),
        (
            "fatal: unable to access 'https://x/': The requested URL returned error: 500",
            Transient,
            "error: 500",
        ),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Transient, "resolve host"),
        ("fatal: the remote end hung up unexpectedly", Transient, "hung up"),
        ("", Transient, "(nothing)"),
        (
            "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
            "and the repository exists.\n",
            Transient,
            "git says: fatal: Could not read from remote repository.",
        ),
        (
            "ERROR: Repository not found.\nConnection to x closed by remote host.\n"
            "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
            "and the repository exists.\n",
            NeedsOperator,
            "git says: ERROR: Repository not found.",
        ),
    ],
)
def test_who_has_to_act(messages: str, kind: type[EnvmgrError], says: str) -> None:
    error = told(messages)
    assert type(error) is kind
    assert says in str(error)


def test_a_time_out_says_the_limit() -> None:
    assert "within 60 s" in str(told("fatal: whatever", timed_out=True))


def test_secrets_and_control_characters_are_taken_out() -> None:
    said = str(told("fatal: no \x1b[31mhttps://bot:hunter2@x/y\x1b[0m nor hunter2 " + "x" * 9000))
    assert "hunter2" not in said
    assert "\x1b" not in said
    assert len(said) < 600


@pytest.mark.parametrize("password", ["tps", "a", "x"])
def test_a_short_password_mangles_no_word(password: str) -> None:
    remote = replace(SHOP, password=password)
    said = str(failure(remote, Answer(128, b"", f"fatal: https://x.y/ refuses '{password}' at last"), 60))
    assert "https://" in said
    assert "refuses '***' at last" in said


MIRROR = Path("/srv/envmgr/mirrors/acme/shop.git")


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (
            f"fatal: Unable to create temporary file '{MIRROR}/objects/pack/tmp_pack_XXXXXX': Permission denied\n"
            "fatal: fetch-pack: invalid index-pack output",
            "envmgr's user may not write there",
        ),
        (
            f"error: cannot lock ref 'refs/heads/b': Unable to create '{MIRROR}/refs/heads/b.lock': Read-only file system",
            "envmgr's user may not write there",
        ),
        (
            f"error: index file {MIRROR}/objects/pack/pack-f3.idx is too small\n"
            "fatal: bad object ce95783ced5b06791e4f0442de3e3cd4bee57b72\n"
            "error: https://x/y did not send all necessary objects",
            "move it away, and it will be fetched again",
        ),
        (f"fatal: not a git repository: '{MIRROR}'", "move it away, and it will be fetched again"),
    ],
)
def test_what_is_wrong_with_our_own_mirror_is_no_fault_of_the_remote(messages: str, says: str) -> None:
    error = failure(SHOP, Answer(128, b"", messages), 60, "fetched", MIRROR)
    assert type(error) is NeedsOperator
    assert f"The mirror {MIRROR} cannot be used" in str(error)
    assert says in str(error)


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        ("fatal: Out of memory, malloc failed (tried to allocate 1048576 bytes)", NeedsOperator),
        (
            "fatal: unable to create threaded lstat: x\nerror: unable to create thread: Resource unavailable",
            NeedsOperator,
        ),
        (
            "remote: fatal: Out of memory, malloc failed\nfatal: the remote end hung up unexpectedly",
            Transient,
        ),
        (
            "remote: fatal: Out of memory\nremote: aborting due to possible repository corruption on the remote side.",
            Transient,
        ),
    ],
)
def test_too_little_memory_is_said_with_its_limit(messages: str, kind: type[EnvmgrError]) -> None:
    """The server's own is no matter of ours."""
    error = failure(SHOP, Answer(128, b"", messages, memory=2 * 1024**3), 60)
    assert type(error) is kind
    assert ("limits.git.memory" in str(error) and "2GiB" in str(error)) is (kind is NeedsOperator)


@pytest.mark.parametrize(
    "messages",
    [
        "remote: fatal: unable to read ab4d312da96d516e17d05724228bf0447385df16\n"
        "remote: aborting due to possible repository corruption on the remote side.\nfatal: protocol error: bad pack header",
        "fatal: bad object ce95783ced5b06791e4f0442de3e3cd4bee57b72\nerror: https://x/y did not send all necessary objects",
    ],
)
def test_what_is_not_whole_at_the_remote_is_mended_there(messages: str) -> None:
    error = failure(SHOP, Answer(128, b"", messages), 60)
    assert type(error) is Damaged
    assert "repair the repository there" in str(error)
    assert "tried again" not in str(error)
