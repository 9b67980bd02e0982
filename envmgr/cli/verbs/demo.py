"""`envmgr demo`."""

import json
import shutil
import tempfile
import time
from pathlib import Path

import click

from envmgr.cli.command import pass_invocation, verb
from envmgr.cli.demo import GRACE, Demo
from envmgr.cli.demo_repository import DemoRepository
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, say
from envmgr.cli.work import work
from envmgr.domain.errors import NeedsPerson

_FILE = """\
organization: demo
destroy: {{confirmations: 2, grace_period: {grace}}}
polling: {{interval: 1s}}
repositories:
  - name: shop
    url: {repository}
    branches: ["env-*"]
    terraform: {{module: local-environment}}
    variables: {{root: {environments}}}
"""


@verb("demo", example="envmgr demo\nenvmgr demo --keep")
@click.option("--keep", is_flag=True, help="Leave the folder and one environment, to try the verbs on.")
@pass_invocation
def demo_command(invocation: Invocation, keep: bool) -> None:
    """Show the whole life of two environments: push, change, code only, delete; in under a minute.

    Needs git and Terraform, no cloud and no network. Everything happens in a temporary folder.
    """
    began = time.monotonic()
    _require_terraform()
    folder = Path(tempfile.mkdtemp(prefix="envmgr-demo-"))
    try:
        _run(_own(invocation, folder), folder, keep)
        emit(f"\nDone in {time.monotonic() - began:.0f} s.")
        if keep:
            _tell_what_is_left(folder)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _run(invocation: Invocation, folder: Path, keep: bool) -> None:
    emit(f"A git repository, an organization file and envmgr's data, all in {folder}:")
    repository = DemoRepository(folder)
    text = _FILE.format(
        grace=GRACE,
        repository=json.dumps(str(repository.path)),
        environments=json.dumps(str(folder / "environments")),
    )
    invocation.config.mkdir()
    (invocation.config / "demo.yaml").write_text(text)
    emit("\n" + "\n".join(f"    {line}" for line in text.splitlines()))
    with work(invocation) as application:
        Demo(application=application, repository=repository, tell=emit).run(keep_second=keep)


def _own(invocation: Invocation, folder: Path) -> Invocation:
    """The demo's configuration and data, whatever the person's own ones are."""
    return Invocation(
        invocation.environ, str(folder / "config"), str(folder / "data"), verbose=invocation.verbose
    )


def _require_terraform() -> None:
    if shutil.which("terraform") is None:
        raise NeedsPerson(
            "There is no terraform on the PATH: install Terraform 1.10 or newer, then try again."
        )


def _tell_what_is_left(folder: Path) -> None:
    place = f"--config {folder / 'config'} --data-dir {folder / 'data'}"
    say(f"\nKept: {folder}. The environment bob is still up; try")
    for words in ("list --all", "show bob", "history", "logs alice", "events", "plan bob --destroy"):
        say(f"  envmgr {place} {words}")
    say(f"and at last: rm -r {folder}")
