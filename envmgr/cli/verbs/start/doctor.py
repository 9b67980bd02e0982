"""`envmgr doctor`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from envmgr.cli.command import json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.logging import redactor
from envmgr.cli.screen import colored, emit, emit_json_rows, printable
from envmgr.cli.work import work
from envmgr.commands.doctor import CheckResult, Host, of_organizations, of_this_host
from envmgr.commands.forge.checks import of_forges
from envmgr.commands.notices.checks import of_notifications
from envmgr.composition.records import open_records
from envmgr.domain.values.names import counted

if TYPE_CHECKING:
    from envmgr.views import objects


@verb("doctor", example="envmgr doctor\nenvmgr --config ./config doctor --json")
@click.option("--notify", is_flag=True, help="Send a trial message to all that `notifications` name.")
@json_option
@pass_invocation
def doctor_command(invocation: Invocation, notify: bool, as_json: bool) -> int:
    """Check git, Terraform, backends, credentials, remotes, forges, disk and database: each ok, or what to do.

    A backend's container, bucket or folder is created where it does not exist yet.
    """
    results = []
    redact = redactor(invocation)
    for found in _results(invocation, notify):
        result = replace(found, message=redact(found.message))
        results.append(result)
        if not as_json:
            emit(_line(result))
    failed = sum(not result.ok for result in results)
    if as_json:
        rows: list[objects.DoctorObject] = [
            {"check": f.check, "ok": f.ok, "message": f.message} for f in results
        ]
        emit_json_rows(rows)
    else:
        emit(
            f"{failed} of {counted(len(results), 'check')} failed."
            if failed
            else f"All {len(results)} checks are ok."
        )
    return 1 if failed else 0


def _results(invocation: Invocation, sends: bool) -> Iterator[CheckResult]:
    sound, place = True, (invocation.config, invocation.data_dir, invocation.environ)
    for result in of_this_host(Host(*place, lambda: open_records(*place))):
        sound = sound and (result.ok or result.check not in {"configuration", "database"})
        yield result
    if sound:
        with work(invocation) as application:
            yield from of_organizations(application)
            yield from of_forges(application)
            yield from of_notifications(application, sends=sends)


def _line(result: CheckResult) -> str:
    mark = colored("succeeded", "ok  ") if result.ok else colored("failed", "FAIL")
    lines = result.message.splitlines() or [""]
    more = "".join(f"\n       {printable(line)}" for line in lines[1:])
    return f"{mark} {result.check}: {printable(lines[0])}{more}"
