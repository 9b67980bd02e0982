"""The demo's git repository: a bare one, as a server has it, and a clone to push from."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from envmgr.domain.errors import NeedsPerson

_SECONDS = 30


class DemoRepository:
    """A bare repository and a working clone below a folder; nobody's own git settings count."""

    def __init__(self, folder: Path) -> None:
        """Makes both, with one commit on `main`."""
        self.path = folder / "shop.git"
        self._clone = folder / "clone"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path), folder=folder)
        self._git("init", "--quiet", "--initial-branch=main", str(self._clone), folder=folder)
        self._git("remote", "add", "origin", str(self.path))
        self._commit("main", {"README.md": "A shop.\n"}, "First commit")

    def push(self, branch: str, files: Mapping[str, str], message: str) -> str:
        """Pushes one commit to a branch, a new one from `main`; gives the commit."""
        is_known = bool(self._git("branch", "--list", branch))
        self._git("checkout", "--quiet", *([branch] if is_known else ["-b", branch, "main"]))
        return self._commit(branch, files, message)

    def tag(self, name: str, *, moves: bool = False) -> str:
        """Tags the newest commit of `main` and pushes the tag; gives the commit."""
        force = ["--force"] if moves else []
        self._git("tag", *force, name, "main")
        self._git("push", "--quiet", *force, "origin", f"refs/tags/{name}")
        return self._git("rev-parse", "main")

    def delete(self, branch: str) -> None:
        """Deletes a branch on the remote."""
        self._git("push", "--quiet", "origin", "--delete", branch)

    def _commit(self, branch: str, files: Mapping[str, str], message: str) -> str:
        for name, content in files.items():
            (self._clone / name).write_text(content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", "origin", branch)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str, folder: Path | None = None) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=folder or self._clone,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=True,
            )
        except FileNotFoundError as error:
            raise NeedsPerson("There is no git on the PATH: install git 2.34 or newer.") from error
        except subprocess.SubprocessError as error:
            said = str(getattr(error, "stderr", "") or error).strip()
            raise NeedsPerson(f"git {arguments[0]} failed in the demo: {said}.") from error
        return done.stdout.strip()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    person = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Demo"), ("EMAIL", "demo@example.com"))
    }
    return {**kept, **person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
