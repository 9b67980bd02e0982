"""`envmgr demo`."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from envmgr.cli.command import pass_invocation, verb
from envmgr.cli.demo import files
from envmgr.cli.demo.pipeline import Pipeline
from envmgr.cli.demo.repository import DemoRepository
from envmgr.cli.demo.servers import end_servers, free_ports
from envmgr.cli.demo.stage import Stage
from envmgr.cli.demo.walk import GRACE, Demo
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, say
from envmgr.cli.verbs.run.daemon_process import run_daemon
from envmgr.cli.work import work
from envmgr.commands import tokens
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.asking.person import Role
from envmgr.host.cage.bubblewrap import NoCage, require

_NEEDED = {
    "git": "git 2.34",
    "terraform": "Terraform 1.10",
    "python3": "Python 3.11",
    "setsid": "util-linux",
    "flock": "util-linux",
}
_PATIENCE = 10.0  # seconds for what was told to stop


@verb("demo", example="envmgr demo\nenvmgr demo --page\nenvmgr demo --keep")
@click.option("--keep", is_flag=True, help="Leave the folder and one environment, to try the verbs on.")
@click.option(
    "--pipeline", is_flag=True, help="Show the way to production instead: staging, tests, a tag, an approval."
)
@click.option("--page", is_flag=True, help="Make two environments, and open the page on them until Ctrl-C.")
@pass_invocation
def demo_command(invocation: Invocation, keep: bool, pipeline: bool, page: bool) -> None:
    """Show the whole life of two environments with a small web application, in under a minute.

    Push, change, code only, a mistake, rollback, delete. Needs git, Terraform and python3, no cloud and no
    network. Everything happens in a temporary folder and at ports of 127.0.0.1. With --keep the page is open as well,
    where a person is at a terminal.
    """
    if pipeline and (keep or page):
        raise click.UsageError("--pipeline goes without --keep and --page.")
    began = time.monotonic()
    _require_programs()
    folder = Path(tempfile.mkdtemp(prefix="envmgr-demo-")).resolve()
    is_kept = False
    try:
        own = _own(invocation, folder)
        link = _run_pipeline(own, folder) if pipeline else _run(own, folder, keep, page)
        emit(f"\nDone in {time.monotonic() - began:.0f} s.")
        if page or (keep and sys.stdin.isatty()):
            _open_page(own, link)
        is_kept = keep
    finally:
        if not is_kept:
            _clear(folder, keep)
    if keep:
        _tell_what_is_left(folder)


def _run(invocation: Invocation, folder: Path, keep: bool, page: bool) -> str:
    """Tells the story, or only its beginning for the page; gives the link by which one signs in there."""
    repository, names = DemoRepository(folder), ("alice", "bob")
    listen = _prepare(invocation, folder, repository, files.branches)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with work(invocation, leaving=lambda: _clear(folder, keep)) as application:
        stage = Stage(application)
        demo = Demo(stage=stage, repository=repository, ports=ports, tell=emit)
        try:
            if page:
                demo.pushes()
            else:
                demo.run(keep_second=keep)
            secret, _ = tokens.create(application, tokens.Wish(name="demo", role=Role.ADMIN))
            return f"http://{listen}/sign-in#{secret}"
        finally:
            application.stop_terraform()
            application.workers.wait(_PATIENCE)


def _run_pipeline(invocation: Invocation, folder: Path) -> str:
    """Tells the story of a pipeline; there is no page to lead to."""
    repository = DemoRepository(folder)
    ports = dict(zip(("staging", "production"), free_ports(2), strict=True))
    _prepare(invocation, folder, repository, partial(files.pipeline, **ports))
    with work(invocation, leaving=lambda: _clear(folder, False)) as application:
        try:
            Pipeline(stage=Stage(application), repository=repository, tell=emit).run()
        finally:
            application.stop_terraform()
            application.workers.wait(_PATIENCE)
    return ""


def _prepare(
    invocation: Invocation, folder: Path, repository: DemoRepository, file: Callable[..., str]
) -> str:
    """Writes and shows the organization file; gives where the page is to listen."""
    environments, listen = json.dumps(str(folder / "environments")), f"127.0.0.1:{free_ports(1)[0]}"
    text = file(
        grace=GRACE,
        cage=_cage(environments),
        repository=json.dumps(str(repository.path)),
        environments=environments,
    )
    emit(f"A git repository, envmgr's data and this organization file are in {folder}:")
    invocation.config.mkdir()
    (invocation.config / "demo.yaml").write_text(text)
    (invocation.config / "daemon.yaml").write_text(files.daemon(listen))
    emit("\n" + "\n".join(f"    {line}" for line in text.splitlines()))
    return listen


def _open_page(invocation: Invocation, link: str) -> None:
    """The daemon with its page, until Ctrl-C."""

    def opened() -> None:
        emit(f"\nThe page is open until Ctrl-C. This link signs you in, at this demo alone:\n\n    {link}\n")
        sys.stdout.flush()

    run_daemon(invocation, timedelta(seconds=_PATIENCE), opened=opened)


def _cage(environments: str) -> str:
    """Of the organization file, where a cage can be made on this machine; says which it is."""
    try:
        version = require()
    except NeedsPerson as error:
        why = error.why if isinstance(error, NoCage) else str(error).rstrip(".")
        emit(f"No cage can be made here: {why}. What a branch brings runs as you.")
        return "cage: {kind: none}"
    emit(f"What a branch brings runs in a cage ({version}).")
    return files.cage(environments)


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
