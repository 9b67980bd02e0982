"""What git says when it fails, as a sentence that holds no secret."""

from dataclasses import replace

import pytest

from envmgr.adapters.git.failure import failure
from envmgr.adapters.git.process import Answer
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.names import RepositoryId
from envmgr.ports import Remote

SHOP = Remote(repository=RepositoryId("acme", "shop"), url="https://x/y", username="bot", password="hunter2")


def told(messages: str, *, timed_out: bool = False) -> EnvmgrError:
    return failure(SHOP, Answer(128, b"", messages, timed_out), 60)


@pytest.mark.parametrize(
    ("messages", "kind", "says"),
    [
        ("fatal: Authentication failed for 'https://x/y/'", NeedsPerson, "`credentials`"),
        (
            "fatal: unable to access 'https://x/y/': The requested URL returned error: 403",
            NeedsPerson,
            "credentials",
        ),
        ("remote: Not found\nfatal: repository 'https://x/y/' not found", NeedsPerson, "`url`"),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            NeedsPerson,
            "known_hosts",
        ),
        (
            "bot@x: Permission denied (publickey).\nfatal: Could not read from remote",
            NeedsPerson,
            "publickey",
        ),
        ("fatal: detected dubious ownership in repository at '/srv/x'", NeedsPerson, "another user"),
        (
            "fatal: detected dubious ownership in repository at '/srv/x'\nTo add an exception, call:\n\n"
            "\tgit config --global\nfatal: Could not read from remote repository.",
            NeedsPerson,
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
            NeedsPerson,
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
