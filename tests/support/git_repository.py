"""Bare git repositories, built quickly by fast-import, for tests and benchmarks."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

Content = str | bytes | None


class Gitlink(str):
    """In place of a file's content: the commit of a submodule."""

    __slots__ = ()


class Symlink(str):
    """In place of a file's content: where a symbolic link leads."""

    __slots__ = ()


_QUOTED = {ord('"'): b'\\"', ord("\\"): b"\\\\", ord("\n"): b"\\n"}


def git_environment() -> dict[str, str]:
    """This process's environment without anybody's own git settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


class GitRepository:
    """A bare repository whose branches a test pushes to, rewrites and deletes."""

    def __init__(self, path: Path, default_branch: str = "main") -> None:
        """Wrap the bare repository at `path`."""
        self.path = path
        self.default_branch = default_branch
        self._clock = int(time.time())

    @classmethod
    def create(cls, path: Path, default_branch: str = "main") -> Self:
        """Make an empty bare repository at `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["git", "init", "--quiet", "--bare", f"--initial-branch={default_branch}", str(path)],
            check=True,
            env=git_environment(),
        )
        return cls(path, default_branch)

    @property
    def url(self) -> str:
        """The path, which is a URL to git."""
        return str(self.path)

    def git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Run git in the repository and return what it printed."""
        command = ["git", "-C", str(self.path), *arguments]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            env={**git_environment(), **(environment or {})},
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{command} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode().strip()

    def head(self, branch: str) -> str | None:
        """The commit that the branch points at, or None where there is no such branch."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def branches(self) -> dict[str, str]:
        """Every branch and its commit."""
        listing = self.git("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads")
        return {name: sha for sha, name in (line.split(" ", 1) for line in listing.splitlines())}

    def commit(self, branch: str, files: Mapping[str, Content], message: str = "Change") -> str:
        """Push one commit; None takes a file away. A new branch starts at the default branch."""
        parent = self.head(branch) or self.head(self.default_branch)
        return self._import(branch, files, message, parent)

    def force_push(self, branch: str, files: Mapping[str, Content], message: str = "Rewrite") -> str:
        """Replace the branch by one commit without history that holds only these files."""
        return self._import(branch, files, message, None)

    def point(self, branches: Iterable[str], commit: str) -> None:
        """Let many branches point at one commit, in one process."""
        lines = "".join(f"update refs/heads/{branch}\0{commit}\0\0" for branch in branches)
        self.git("update-ref", "-z", "--stdin", stdin=lines.encode())

    def tag(self, name: str, commit: str, message: str | None = None, at: int | None = None) -> None:
        """Push a tag, or move it: an annotated one with a message, made at a Unix time; else a light one."""
        made = ["-m", message] if message is not None else []
        when = {"GIT_COMMITTER_DATE": f"{at} +0000"} if at is not None else {}
        who = {"GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com"}
        self.git("tag", "--force", *made, name, commit, environment={**who, **when})

    def delete_tag(self, *names: str) -> None:
        """Delete tags that exist."""
        self.git("tag", "--delete", *names)

    def delete(self, *branches: str) -> None:
        """Delete branches that exist."""
        lines = "".join(f"delete refs/heads/{branch}\0\0" for branch in branches)
        self.git("update-ref", "-z", "--stdin", stdin=lines.encode())

    def set_default_branch(self, branch: str) -> None:
        """Let HEAD name another branch."""
        self.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        self.default_branch = branch

    def _import(self, branch: str, files: Mapping[str, Content], message: str, parent: str | None) -> str:
        self._clock += 1  # so that equal content never gives an equal commit
        text = message.encode()
        parts = [
            f"commit refs/heads/{branch}\nmark :1\n".encode(),
            f"committer Test <test@example.com> {self._clock} +0000\n".encode(),
            b"data %d\n%s\n" % (len(text), text),
            f"from {parent}\n".encode() if parent else b"",
            *(_file_change(path, content) for path, content in files.items()),
            b"get-mark :1\n",
        ]
        return self.git(
            "-c",
            "core.compression=0",
            "fast-import",
            "--quiet",
            "--force",
            "--cat-blob-fd=1",
            stdin=b"".join(parts),
        )


def _file_change(path: str, content: Content) -> bytes:
    """One line of fast-import; a script (`#!`) is made executable."""
    quoted = b'"%s"' % b"".join(_QUOTED.get(byte, bytes([byte])) for byte in path.encode())
    if content is None:
        return b"D %s\n" % quoted
    if isinstance(content, Gitlink):
        return b"M 160000 %s %s\n" % (content.encode(), quoted)
    data = content.encode() if isinstance(content, str) else content
    if isinstance(content, Symlink):
        return b"M 120000 inline %s\ndata %d\n%s\n" % (quoted, len(data), data)
    mode = b"100755" if data.startswith(b"#!") else b"100644"
    return b"M %s inline %s\ndata %d\n%s\n" % (mode, quoted, len(data), data)
