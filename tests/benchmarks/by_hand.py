"""The same work as a person does it: bare Terraform in a folder, by one line of shell."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envmgr.adapters.modules import packaged_folder
from envmgr.domain.values.backend import with_key
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import tags_for

APPLY = "terraform init -input=false && terraform plan -input=false -out=plan && terraform apply -input=false plan"
_OWN = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True)
class ByHand:
    """A person with a Terraform on the PATH, its CLI configuration and credentials."""

    terraform: str
    credentials: Mapping[str, str]
    cli_config: Path | None = None

    def environment(self, name: str, **variables: str) -> dict[str, str]:
        """The environment variables for an environment of this name, its input variables among them."""
        identity = EnvironmentId("acme", "shop", name)
        given = {
            "environment": name,
            "project": "shop",
            "organization": "acme",
            "branch": f"env-{name}",
            "tags": json.dumps(tags_for(identity, f"env-{name}")),
            **variables,
        }
        own = {key: os.environ[key] for key in _OWN if key in os.environ}
        config = {"TF_CLI_CONFIG_FILE": str(self.cli_config)} if self.cli_config else {}
        # No question for a newer version, no hints for people: envmgr's Terraform runs without these too.
        return {
            **own,
            **config,
            **self.credentials,
            **{f"TF_VAR_{key}": value for key, value in given.items()},
            "PATH": f"{Path(self.terraform).parent}:{own['PATH']}",
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        }


def run(command: str, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
    """Runs a line of shell in a folder, its output into a file; raises RuntimeError with it on failure."""
    log = folder / "output.log"
    with log.open("wb") as output:
        done = subprocess.run(
            ["sh", "-c", command, "sh", *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{command}: {log.read_text(errors='replace')[-2000:]}")


def backend_file(kind: str, settings: Mapping[str, object], name: str) -> str:
    """The text of a backend file for the state of an environment done by hand."""
    chosen, complete = with_key((kind, settings), f"by-hand/{name}/terraform.tfstate")
    return json.dumps({"terraform": {"backend": {chosen: complete}}})


def module_files(module: str, prefix: str = "") -> dict[str, str]:
    """The files of a packaged module, its tests left out, by path."""
    folder = packaged_folder() / module
    files: Sequence[Path] = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return {f"{prefix}{path.name}": path.read_text() for path in files}


def lay_out(folder: Path, files: Mapping[str, str]) -> Path:
    """A fresh folder with these files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder
