"""What a git process that failed against a remote means, as a sentence for a person."""

import re
from collections.abc import Sequence
from pathlib import Path

from envmgr.config.sections.size import format_size
from envmgr.domain.errors import EnvmgrError, NeedsOperator, NeedsPerson, Transient
from envmgr.domain.values.names import ref_component
from envmgr.domain.values.shown.hidden import without
from envmgr.ports import Remote

from .admission import secrets
from .location import without_userinfo
from .process import Answer

_LONGEST = 300
_GUESS = re.compile(
    r"fatal: could not read from remote|please make sure|and the repository exists", re.IGNORECASE
)
_DECISIVE = re.compile(r"(remote: )?(fatal|error):", re.IGNORECASE)  # a host says `ERROR:` by ssh

# What git or ssh says → what a person has to mend; the first that matches counts.
_FOR_A_PERSON: Sequence[tuple[str, str]] = (
    (
        r"host key verification failed|no \S+ host key is known|host identification has changed",
        "the server's host key is unknown or has changed: check it and add it to `credentials.known_hosts`",
    ),
    (
        r"authentication failed|could not read (username|password)|error: 40[13]\b|http 40[13]\b"
        r"|permission denied \(|too many authentication failures|error in libcrypto|invalid format",
        "the remote refuses the credentials: check `credentials` of this repository (and what they are allowed to read)",
    ),
    (
        r"error: 404\b|repository '.*' not found|repository not found|does not appear to be a git repository"
        r"|not a git repository|does not exist|cannot change to",
        "there is no such repository, or the credentials may not see it: check `url` and `credentials`",
    ),
    (
        r"dubious ownership",
        "the repository's folder belongs to another user: give it to envmgr's user, or name it by ssh or https",
    ),
    (
        r"certificate|ssl: no alternative|unable to get local issuer",
        "the server's TLS certificate is not trusted: install its certificate authority, or correct `url`",
    ),
    (
        r"mismatched algorithms",
        "it uses a different hash function (SHA-1, SHA-256) from the repository that was at this address before: give the new one a different `name`",
    ),
    (r"transport '.*' not allowed", "the remote redirects to a transport that is not allowed: check `url`"),
)

_DAMAGED = re.compile(
    r"possible repository corruption on the remote|remote: .*(unable to read|bad tree object|missing (tree|blob))"
    r"|did not send all necessary objects|pack has bad object|(bad|missing) (tree|blob|commit|object) [0-9a-f]{40}",
    re.IGNORECASE,
)

# What git says of a repository on this host that only a person can mend, and how.
_HERE: Sequence[tuple[str, str]] = (
    (
        r"permission denied|read-only file system|insufficient permission|operation not permitted",
        "envmgr's user may not write there: make it the owner of the folder and everything in it",
    ),
    (
        r"not a git repository|bad config|object file .* is empty|unable to (read|unpack|parse|find)|could not read "
        r"|cannot read|loose object|packfile|pack has|is corrupt|corrupted|inflate|bad (object|tree|signature)"
        r"|index file|missing (blob|tree|commit|object)|did not receive expected object|invalid object|garbage at end"
        r"|non-existent object|not a valid object|expected commit type|unresolved deltas|broken ref",
        "it is damaged: move it away, and it will be fetched again (what was applied is also kept beside the states)",
    ),
)


class Damaged(NeedsOperator):
    """What a remote has is not whole, maybe for one branch only."""


def here(place: Path, said: str) -> NeedsPerson | None:
    """The error for what git says of a repository of ours on this host, where that does not pass by itself."""
    for pattern, advice in _HERE:
        if re.search(pattern, said, re.IGNORECASE):
            return NeedsOperator(
                f"The mirror {place} cannot be used, {advice}. git says: {decisive_line(said)}"
            )
    return None


def without_memory(about: str, answer: Answer) -> NeedsPerson:
    """The error for a git process that met the limit of its memory."""
    return NeedsOperator(
        f"{about}: git needs more memory than the {format_size(answer.memory)} it is allowed; raise limits.git.memory in the organization file if that is justified. git says: {decisive_line(answer.messages)}"
    )


def failure(
    remote: Remote, answer: Answer, seconds: float, doing: str = "listed", mirror: Path | None = None
) -> EnvmgrError:
    """The error for a git process that did not succeed; in doubt it is Transient.

    `mirror` is the repository of ours that it was to write: what is wrong there is no fault of the remote.
    """
    about = f"Repository {remote.repository} could not be {doing}"
    if answer.lacked_memory:
        return without_memory(about, answer)
    if mirror is not None and (error := _ours(mirror, answer)):
        return error
    if answer.timed_out:
        return Transient(f"{about}: no complete answer within {seconds:g} s; it will be tried again.")
    quoted = decisive_line(answer.messages, secrets(remote))
    for pattern, advice in _FOR_A_PERSON:
        if re.search(pattern, answer.messages, re.IGNORECASE):
            return NeedsOperator(f"{about}: {advice}. git says: {quoted}")
    if _DAMAGED.search(answer.messages) and "out of memory" not in answer.messages.lower():
        return Damaged(
            f"{about}: what the remote sends is damaged or incomplete; repair the repository there (git fsck shows the damage). "
            f"git says: {quoted}"
        )
    return Transient(f"{about}; it will be tried again. git says: {quoted}")


def _ours(mirror: Path, answer: Answer) -> NeedsPerson | None:
    """What is wrong with our own repository, by the lines that name it."""
    lines = [line for line in answer.messages.splitlines() if str(mirror) in line]
    return here(mirror, "\n".join(lines))


def decisive_line(messages: str, hidden: Sequence[str] = ()) -> str:
    """Git's line that says what happened, safe to show: no secrets, no control characters, not endless."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    # What git only guesses after ssh or the server said why.
    telling = [line for line in lines if not _GUESS.match(line)]
    decisive = [line for line in telling if _DECISIVE.match(line)]
    # Where there are guesses alone, the first is no advice yet.
    line = (decisive or telling or lines[:1] or ["(nothing)"])[-1]
    return ref_component(without(without_userinfo(line), hidden))[:_LONGEST]
