"""Terraform backends of a test's own, and the real Terraform that keeps state in them."""

import json
import os
import shlex
import signal
import subprocess
import traceback
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from envmgr.adapters.state.connect import open_state_store
from envmgr.domain.values.backend import with_key
from envmgr.ports import StateStore

KEY = "acme/shop/alice/terraform.tfstate"
PATIENCE = 20


@dataclass(frozen=True)
class Backend:
    """A Terraform backend of a test's own: nothing is in it, not even its bucket, container or folder."""

    kind: str
    settings: Mapping[str, object]
    environment: Mapping[str, str]

    def store(self) -> StateStore:
        """A store over it, new each time."""
        return open_state_store(self.kind, self.settings, self.environment)

    def workspace(self, folder: Path, binary: str, key: str = KEY) -> "Code":
        """One environment's code, and the Terraform that keeps its state here."""
        return Workspace(folder, binary, self, key)

    def __str__(self) -> str:
        return self.kind


class Applying(Protocol):
    """An apply under way."""

    def kill(self) -> None:
        """It dies where it is."""


class Code(Protocol):
    """One environment's code, and the Terraform that runs it."""

    folder: Path

    def write(self, code: str) -> None:
        """Replace the code."""

    def apply(self) -> None:
        """Apply it."""

    def destroy(self) -> None:
        """Destroy all of it."""

    def pulled(self) -> dict[str, Any]:
        """The state as Terraform sees it."""

    def force_unlock(self, lock_id: str) -> None:
        """Break a lock."""

    def has_changes(self) -> bool:
        """Whether a plan of the code would change anything."""

    def applying(self) -> AbstractContextManager[Applying]:
        """An apply that does not end before the block does."""


class Workspace:
    """One environment's code, run by the real Terraform with its real backend."""

    def __init__(self, folder: Path, binary: str, backend: Backend, key: str = KEY) -> None:
        self.folder, self.binary = folder, binary
        self.go_on = folder / "go-on"
        kind, settings = with_key((backend.kind, backend.settings), key)
        folder.mkdir()
        (folder / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": {kind: settings}}}))
        self.write('resource "terraform_data" "one" {}\noutput "url" { value = "http://alice" }\n')
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = {**own, **backend.environment, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self.run("init", "-input=false")

    def write(self, code: str) -> None:
        (self.folder / "main.tf").write_text(code)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.binary, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def apply(self) -> None:
        self.run("apply", "-auto-approve", "-input=false")

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve", "-input=false")

    def pulled(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("state", "pull"))
        return found

    def force_unlock(self, lock_id: str) -> None:
        self.run("force-unlock", "-force", lock_id)

    def has_changes(self) -> bool:
        return "No changes" not in self.run("plan", "-input=false")

    @contextmanager
    def applying(self) -> Iterator["_Child"]:
        """An apply that does not end before the file `go-on` is there."""
        wait = f"until [ -e {shlex.quote(str(self.go_on))} ]; do sleep 0.05; done"
        self.write(
            'resource "terraform_data" "slow" {\n'
            f'  provisioner "local-exec" {{ command = {json.dumps(wait)} }}\n}}\n'
        )
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [self.binary, "apply", "-auto-approve", "-input=false"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield _Child(process)
        finally:
            self.go_on.touch()
            process.wait(PATIENCE)


class _Child:
    """A Terraform in a process group of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number, and its group's."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """With all it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)


def shown(error: BaseException) -> str:
    """All that a traceback would print of an error and its causes."""
    return "".join(traceback.format_exception(error))


def set_known_keys_only(moto_url: str, free_calls: str) -> None:
    """Let moto refuse keys that it does not know after so many calls (`0`, `inf`)."""
    request = urllib.request.Request(
        f"{moto_url}/moto-api/reset-auth",
        data=free_calls.encode(),
        headers={"Content-Type": "text/plain"},
        method="POST",
    )
    urllib.request.urlopen(request, timeout=200).close()
