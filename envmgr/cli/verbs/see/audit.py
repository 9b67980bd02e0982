"""`envmgr audit`."""

from collections.abc import Sequence

import click

from envmgr.cli import table
from envmgr.cli.command import json_option, pass_invocation, verb, yes_option
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import (
    ask,
    colored,
    emit,
    emit_json_rows,
    printable,
    require_consent,
    say,
    width,
)
from envmgr.cli.work import interruptible, work
from envmgr.commands.audit import Audit
from envmgr.commands.audit_fixes import mend
from envmgr.commands.runtime import Runtime
from envmgr.domain.audit import unmanaged
from envmgr.domain.audit.compare import Finding, Fix
from envmgr.domain.errors import EnvmgrError, Interrupted
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import counted
from envmgr.views import documents

_FINDINGS = 2
_QUESTIONS = {
    Fix.ADOPT: "Restore its record?",
    Fix.ARCHIVE: "Archive it?",
    Fix.CLOSE: "Close the record?",
    Fix.PRUNE: "Delete these?",
}


def _paint(_: str, text: str) -> str:
    return colored(Status.WAITING, text)


_COLUMNS = (
    table.Column("FINDING", paint=_paint),
    table.Column("ABOUT", least=20),
    table.Column("FIXED BY", drop=1),
)


@verb("audit", example="envmgr audit\nenvmgr audit --fix\nenvmgr audit --fix --yes --json")
@click.option(
    "--fix", "fixing", is_flag=True, help="Fix what can be fixed without destroying anything; asks first."
)
@yes_option
@json_option
@pass_invocation
def audit_command(invocation: Invocation, fixing: bool, yes: bool, as_json: bool) -> int:
    """Compare branches, state objects and resources with envmgr's tags, three ways, in every repository.

    What could not be read is a finding, too. Exit code 0: nothing found, or all of it fixed, 2: findings (or
    the command line is wrong), 1: an error.
    """
    with work(invocation) as runtime:
        if fixing:
            require_consent(yes, "audit --fix")
        found = [each for audit in _audits(runtime) for each in _of(audit)]
        lost = _of_no_organization(runtime)
        mended = [_mended(audit, finding, yes) if fixing else False for audit, finding in found]
    every = [*(finding for _, finding in found), *lost]
    mended += [False] * len(lost)
    if as_json:
        emit_json_rows(documents.finding(f, done) for f, done in zip(every, mended, strict=True))
    elif fixing:
        emit(f"{counted(len(every), 'finding')}, {sum(mended)} fixed.")
    else:
        _print(every)
    return 0 if all(mended) else _FINDINGS


def _audits(runtime: Runtime) -> list[Audit]:
    return [Audit(runtime, organization) for organization in runtime.services.organizations.values()]


def _of(audit: Audit) -> list[tuple[Audit, Finding]]:
    return [(audit, finding) for finding in audit.findings()]


def _of_no_organization(runtime: Runtime) -> list[Finding]:
    services = runtime.services
    return list(unmanaged.findings(services.store.environments(), services.organizations))


def _mended(audit: Audit, finding: Finding, yes: bool) -> bool:
    """Shows a finding and mends it if that may be; whether it did."""
    say(f"{finding.kind}: {printable(finding.subject)}")
    say(f"  {printable(finding.what)}")
    say(f"  {printable(finding.remedy)}")
    if finding.fix is None or not (yes or _agrees(finding.fix)):
        return False
    try:
        say(f"  {mend(audit, finding)}")
    except Interrupted:
        raise
    except EnvmgrError as error:
        say(f"  Error: {printable(str(error))}")
        return False
    return True


def _agrees(fix: Fix) -> bool:
    with interruptible():
        return ask(_QUESTIONS[fix])


def _print(found: Sequence[Finding]) -> None:
    if not found:
        emit("Nothing found: branches, states and tagged resources agree.")
        return
    title, *lines = table.render(_COLUMNS, [_row(finding) for finding in found], width())
    emit(title)
    for line, finding in zip(lines, found, strict=True):
        emit(f"{line}\n    {printable(finding.what)}\n    → {printable(finding.remedy)}")


def _row(finding: Finding) -> tuple[str, ...]:
    return finding.kind.value, printable(finding.subject), "--fix" if finding.fix else "a person"
