"""One git process at a time: started by GitPython, ended at its time limit with all it started."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from git.cmd import Git as Commands
from git.exc import GitCommandNotFound

from envmgr.domain.errors import NeedsOperator
from envmgr.host.memory import limit_memory

from .conversation import Broken, Conversation

_POLITE = 2.0  # seconds between SIGTERM, on which git removes its lock files, and SIGKILL
_INHERITED = ("GIT_SSL_", "GIT_TRACE", "GIT_EXEC_PATH", "GIT_PYTHON_", "GIT_PROXY_")
# What git, ssh and curl go by. Anything else of our environment may be another organization's secret.
_PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|SSH_AUTH_SOCK|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE"
    r"|XDG_CONFIG_HOME|XDG_RUNTIME_DIR|KRB5.*|((HTTP|HTTPS|ALL|NO)_PROXY)",
    re.IGNORECASE,
)

_NO_MEMORY = re.compile(
    r"^(?!remote:).*(out of memory|cannot allocate memory|unable to create (\w+ )?thread)",
    re.IGNORECASE | re.MULTILINE,
)


def _settings() -> dict[str, str]:
    """Settings of every git process: nobody's own configuration, no prompt, no hook, no housekeeping."""
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",  # set but empty: also keeps SSH_ASKPASS from being asked
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        # Whoever speaks with a remote names the one protocol it takes.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        **configuration(
            {
                "core.hooksPath": "/dev/null",
                "core.attributesFile": "/dev/null",
                "core.fsmonitor": "false",
                # A file from this size on is never in memory as a whole, and packing takes no more for each core.
                "core.bigFileThreshold": "64m",
                "pack.windowMemory": "256m",
                # What is `.git` for another system's file names is none here either.
                "core.protectHFS": "true",
                "core.protectNTFS": "true",
                "credential.helper": "",
                # Git would do that whenever it likes; housekeeping does it under the mirror's lock.
                "gc.auto": "0",
                "maintenance.auto": "false",
                "submodule.recurse": "false",
                # Always packs, which appear as a whole: an object that is there then has all it refers to.
                "fetch.unpackLimit": "1",
            }
        ),
    }


def configuration(values: Mapping[str, str], first: int = 0) -> dict[str, str]:
    """Git configuration as environment variables, numbered from `first`."""
    numbered = enumerate(values.items(), first)
    pairs = {
        f"GIT_CONFIG_{what}_{i}": v
        for i, kv in numbered
        for what, v in zip(("KEY", "VALUE"), kv, strict=True)
    }
    return {**pairs, "GIT_CONFIG_COUNT": str(first + len(values))}


SETTINGS: Mapping[str, str] = _settings()
SETTINGS_COUNT = int(SETTINGS["GIT_CONFIG_COUNT"])


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a git process may take: seconds, memory (each that it starts as much again), and bytes to be read of it."""

    seconds: float
    memory: int = 2 * 1024**3
    output: int = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git process gave: exit status, output, its messages, and whether its time was up.

    `is_cut` says that it printed more than is read, `memory` how much it might take, in bytes.
    """

    status: int
    output: bytes
    messages: str
    timed_out: bool = False
    is_cut: bool = False
    memory: int = 0

    @property
    def failed(self) -> bool:
        """Whether the output must not be believed."""
        return self.timed_out or self.is_cut or self.status != 0

    @property
    def lacked_memory(self) -> bool:
        """Whether it failed by its own limit: what a server says of its memory is another matter."""
        return self.failed and _NO_MEMORY.search(self.messages) is not None


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    bounds: Bounds,
    *,
    stdin: bytes | None = None,
    inherit: Sequence[int] = (),
) -> Answer:
    """Runs `git ARGUMENTS`, in a session of its own, within its bounds.

    `environment` comes on top of SETTINGS; `inherit` are file descriptors that the process and its
    children keep open. Raises NeedsOperator where there is no git.
    """
    settings = {**_withheld(), **SETTINGS, **environment}
    try:
        child: Any = Commands().execute(
            _argv(arguments, settings),
            env=settings,
            istream=None if stdin is None else subprocess.PIPE,
            as_process=True,
            # git's helpers (git-remote-https, ssh) are in its group and end with it.
            start_new_session=True,
            pass_fds=inherit,
        )
    except GitCommandNotFound as error:
        raise NeedsOperator("There is no git on this host's PATH; install git 2.34 or newer.") from error
    limit_memory(child.proc.pid, bounds.memory)
    answer = _finish(Conversation(child.proc, stdin or b"", bounds.output), bounds.seconds)
    return replace(answer, memory=bounds.memory)


def _withheld() -> dict[str, str]:
    """Our environment's other variables, empty: so no further process is needed to unset them."""
    return {n: "" for n in os.environ if not n.startswith("GIT_") and _PASSED_ON.fullmatch(n) is None}


def _argv(arguments: Sequence[str], settings: Mapping[str, str]) -> list[str]:
    """Without what a git around us (a hook, `git -c`) put into our environment for its own repository."""
    foreign = [
        n for n in os.environ if n.startswith("GIT_") and n not in settings and not n.startswith(_INHERITED)
    ]
    unset = ["env", *(f"--unset={name}" for name in sorted(foreign))] if foreign else []
    return [*unset, "git", *arguments]


def _finish(said: Conversation, seconds: float) -> Answer:
    broken: Broken | None = None
    is_whole = False
    try:
        broken = said.hold(seconds)
        is_whole = broken is None
    finally:
        if not is_whole:
            _end(said)
        said.close()
    messages = said.messages.decode("utf-8", "replace")
    is_cut = broken is Broken.TOO_MUCH
    output = b"" if is_cut else bytes(said.output)
    return Answer(said.process.returncode, output, messages, broken is Broken.TIMED_OUT, is_cut)


def _end(said: Conversation) -> None:
    """Ends the process and its children (git-remote-https, ssh): they are one process group."""
    process = said.process
    _signal(process, signal.SIGTERM)
    rest = Conversation(process, b"", said.largest, messages=said.messages)
    with contextlib.suppress(OSError):
        rest.hold(_POLITE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
