"""`envmgr demo`."""

import json
import shutil
import tempfile
import time
from pathlib import Path

import click

from envmgr.cli.command import pass_invocation, verb
from envmgr.cli.demo.repository import DemoRepository
from envmgr.cli.demo.servers import end_servers, free_ports
from envmgr.cli.demo.stage import Stage
from envmgr.cli.demo.walk import GRACE, Demo
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, say
from envmgr.cli.work import work
from envmgr.domain.errors import NeedsPerson
from envmgr.host.cage.bubblewrap import NoCage, require

_FILE = """\
organization: demo
{cage}
destroy: {{confirmations: 2, grace_period: {grace}}}
polling: {{interval: 1s}}
limits: {{health_networks: [127.0.0.0/8]}}
repositories:
  - name: shop
    url: {repository}
    branches: ["env-*"]
    terraform: {{module: local-environment}}
    variables: {{root: {environments}}}
    deploy:
      - {{name: check, run: python3 -m py_compile app.py}}
      - name: stop          # app.py ends without the file `serve`, and holds `lock` until then
        run: &stop |
          cd "$ENVMGR_OUTPUT_DIRECTORY"
          rm -f serve
          flock lock true
      - name: start
        run: |
          folder=$ENVMGR_OUTPUT_DIRECTORY
          touch "$folder/serve"
          setsid flock -F "$folder/lock" python3 app.py "$folder" >"$folder/app.log" 2>&1 &
    on_destroy:
      - {{name: stop, run: *stop}}
    health: {{url: "{{outputs.url}}", timeout: 20s}}
"""
_NEEDED = {
    "git": "git 2.34",
    "terraform": "Terraform 1.10",
    "python3": "Python 3.11",
    "setsid": "util-linux",
    "flock": "util-linux",
}
_CAGE = """\
cage:                       # what a branch brings sees nothing of this machine but its own
  kind: bwrap
  network: open             # as its application answers at 127.0.0.1
  writable: [{environments}]
  outlive: true             # the application serves on when the step that started it has ended"""
_PATIENCE = 10.0  # seconds for what was told to stop


@verb("demo", example="envmgr demo\nenvmgr demo --keep")
@click.option("--keep", is_flag=True, help="Leave the folder and one environment, to try the verbs on.")
@pass_invocation
def demo_command(invocation: Invocation, keep: bool) -> None:
    """Show the whole life of two environments with a small web application, in under a minute.

    Push, change, code only, a mistake, rollback, delete. Needs git, Terraform and python3, no cloud and no
    network. Everything happens in a temporary folder and at two ports of 127.0.0.1.
    """
    began = time.monotonic()
    _require_programs()
    folder = Path(tempfile.mkdtemp(prefix="envmgr-demo-")).resolve()
    is_kept = False
    try:
        _run(_own(invocation, folder), folder, keep)
        emit(f"\nDone in {time.monotonic() - began:.0f} s.")
        is_kept = keep
    finally:
        if not is_kept:
            _clear(folder, keep)
    if keep:
        _tell_what_is_left(folder)


def _run(invocation: Invocation, folder: Path, keep: bool) -> None:
    emit(f"A git repository, an organization file and envmgr's data, all in {folder}:")
    repository = DemoRepository(folder)
    environments = json.dumps(str(folder / "environments"))
    text = _FILE.format(
        grace=GRACE,
        cage=_cage(environments),
        repository=json.dumps(str(repository.path)),
        environments=environments,
    )
    invocation.config.mkdir()
    (invocation.config / "demo.yaml").write_text(text)
    emit("\n" + "\n".join(f"    {line}" for line in text.splitlines()))
    ports = dict(zip(("alice", "bob"), free_ports(2), strict=True))
    with work(invocation, leaving=lambda: _clear(folder, keep)) as application:
        stage = Stage(application)
        demo = Demo(stage=stage, repository=repository, ports=ports, tell=emit)
        try:
            demo.run(keep_second=keep)
        finally:
            application.stop_terraform()
            application.workers.wait(_PATIENCE)


def _cage(environments: str) -> str:
    """Of the organization file, where a cage can be made on this machine; says which it is."""
    try:
        version = require()
    except NeedsPerson as error:
        why = error.why if isinstance(error, NoCage) else str(error).rstrip(".")
        emit(f"\nNo cage can be made here: {why}. What a branch brings runs as you.")
        return "cage: {kind: none}"
    emit(f"\nWhat a branch brings runs in a cage ({version}).")
    return _CAGE.format(environments=environments)


def _clear(folder: Path, keep: bool) -> None:
    """Leaves no process behind; and no folder, unless it is to be looked at."""
    end_servers(folder)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def _own(invocation: Invocation, folder: Path) -> Invocation:
    """The demo's configuration and data, whatever the person's own ones are."""
    return Invocation(
        invocation.environ, str(folder / "config"), str(folder / "data"), verbose=invocation.verbose
    )


def _require_programs() -> None:
    for program, version in _NEEDED.items():
        if shutil.which(program) is None:
            raise NeedsPerson(
                f"There is no {program} on the PATH: install {version} or newer, then try again."
            )


def _tell_what_is_left(folder: Path) -> None:
    place = f"--config {folder / 'config'} --data-dir {folder / 'data'}"
    say(f"\nKept: {folder}. The environment bob and its application are still up; try")
    for words in ("list --all", "show bob", "history", "logs alice", "events", "plan bob --destroy"):
        say(f"  envmgr {place} {words}")
    say("and at last, which stops the application too:")
    say(f"  envmgr {place} destroy bob --yes && rm -r {folder}")
