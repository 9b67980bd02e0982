"""`envmgr show`."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from envmgr.cli import differences, table
from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.lookup import known_records
from envmgr.cli.proposals import proposal_lines
from envmgr.cli.screen import colored, commits, emit, emit_json, moment, printable, say, unseen, width
from envmgr.config.sections.duration import rounded_duration
from envmgr.domain.rules.access.freezing import in_force
from envmgr.domain.values.combined import combined
from envmgr.domain.values.environment import Environment, Lease, Run
from envmgr.domain.values.health import Condition
from envmgr.domain.values.hosts.host import HostStatus, Standing
from envmgr.domain.values.pipeline.image import SeenImage, images_for
from envmgr.views import documents

_INDENT = 13
_APPLICATIONS = (
    table.Column("APPLICATION"),
    table.Column("STATUS", paint=colored),
    table.Column("COMMIT"),
    table.Column("URL", drop=1),
    table.Column("MESSAGE", least=20),
)


@verb("show", example="envmgr show alice\nenvmgr show acme/shop/alice --json", remote=True)
@environment_argument
@json_option
@pass_invocation
def show_command(invocation: Invocation, environment: str, as_json: bool) -> None:
    """One environment in full: commits, drift, outputs, variables, tags, resources, who works on it, its last run."""
    now = datetime.now(UTC)
    with invocation.shown_records() as store:
        records = known_records(store, environment, invocation.expected)
        leases = store.leases(now)
        last = {e.id: next(iter(store.runs(e.id, limit=1)), None) for e in records}
        repository = records[0].id.repository_id
        polled = store.repository(repository)
        frozen = in_force(store.freezes.all(), repository, now)
        images = images_for(records[0].id.name, store.pipeline.images.seen(repository))
        untold = store.outbox.unsaid(repository)
        hosts = invocation.standings(store)
    in_full = [(e, leases.get(e.id), last[e.id]) for e in records]
    if as_json:
        emit_json(documents.whole(in_full, documents.Beside(polled.error, frozen, images, untold, hosts)))
        return
    if polled.error:
        say(unseen(repository, polled))
    if frozen is not None:
        say(f"{printable(str(frozen))}: nothing is applied or destroyed there.")
    for name, value in _facts(*in_full[0], now) if len(records) == 1 else _common_facts(records, now):
        if value:
            emit(f"{name:<{_INDENT}}{value}")
    if doubt := _doubt(records, hosts):
        emit(f"{'host':<{_INDENT}}{doubt}")
    if untold:
        emit(f"{'forge':<{_INDENT}}{_block(tuple(map(str, untold)))}")
    if images:
        emit(f"{'images':<{_INDENT}}{_block(tuple(map(_image, images)))}")
    if len(records) > 1:
        emit()
        emit("\n".join(table.render(_APPLICATIONS, [_application(e) for e in records], width())))


def _common_facts(records: Sequence[Environment], now: datetime) -> Iterator[tuple[str, str]]:
    """What all applications of an environment share."""
    found = combined(records)
    yield "environment", found.label
    yield "status", colored(found.status)
    yield _origin(found)
    yield "commit", found.commit
    yield "held at", _hold(found)
    yield "created", f"{moment(found.life.created_at)} ({rounded_duration(now - found.life.created_at)} ago)"
    yield "expires", moment(found.life.expires_at)
    yield "schedule", _schedule(found)


def _origin(found: Environment) -> tuple[str, str]:
    """What it comes from; of a pull request its number, its head, and where it is."""
    origin = found.origin
    gone = " (gone)" if found.is_missing else ""
    said = f"{found.branch}{gone}"
    if origin.number is not None:
        said = " ".join(filter(None, (f"#{origin.number}", said, origin.url)))
    return origin.kind.replace("_", " "), printable(said)


def _application(found: Environment) -> tuple[str, ...]:
    name, message = found.id.application or "(before)", printable(found.said)
    return name, found.status.value, commits(found), printable(found.applied.url or ""), message


def _facts(
    found: Environment, held: Lease | None, last: Run | None, now: datetime
) -> Iterator[tuple[str, str]]:
    yield "environment", found.label
    yield "status", colored(found.status)
    yield "message", printable(" ".join(filter(None, (found.message, found.silence, found.way_back))))
    yield "warnings", _block(found.warnings)
    yield _origin(found)
    yield "commit", found.commit
    yield "applied", (found.applied.commit or "nothing yet")
    yield "promoted", f"from {found.applied.promoted_from}" if found.applied.promoted_from else ""
    yield "deployed", _deployed(found)
    yield "held at", _hold(found)
    yield "proposal", _block(tuple(proposal_lines(found.proposed)) if found.proposed else ())
    yield "drift", _drift(found)
    yield "health", _health(found)
    yield "tests", _tests(found)
    yield "url", printable(found.applied.url or "")
    yield "created", f"{moment(found.life.created_at)} ({rounded_duration(now - found.life.created_at)} ago)"
    yield "expires", moment(found.life.expires_at)
    yield "schedule", _schedule(found)
    yield "suspended by", _suspended(found)
    yield "next try", moment(found.retry_at)
    yield "lease", _lease(held)
    yield "last run", _run(last)
    yield "state", found.id.state_key
    yield (
        "outputs",
        _block(
            f"{name} = {_value(o.value, o.sensitive)}" for name, o in sorted(found.applied.outputs.items())
        ),
    )
    claim = found.claim
    if claim is not None:
        yield "terraform", claim.terraform_version
        yield "variables", _block(f"{name} = {_value(v)}" for name, v in claim.variables.items())
        yield "tags", _block(f"{name} = {value}" for name, value in claim.tags.items())
    yield "resources", _block(found.applied.resources)


def _deployed(found: Environment) -> str:
    """The commit whose code runs, where that is known; nothing where no code is deployed."""
    deployment = found.deployment
    if deployment is None:
        return ""
    if deployment.begun:
        last = f"; before that {deployment.commit}" if deployment.commit else ""
        return f"not known: some steps began and did not finish; they run again{last}"
    if deployment.ended:
        return "nothing: its destroy has begun"  # with or without steps before it
    return deployment.commit or "nothing yet"


def _hold(found: Environment) -> str:
    commit, pin = found.pinned_commit, found.pin
    or_push = " or the next push" if pin is not None and pin.over is not None else ""
    by = f"promoted from {pin.source}" if pin is not None and pin.source else "by a rollback"
    return f"{commit}, {by}, until `envmgr resume {found.label}`{or_push}" if commit else ""


def _drift(found: Environment) -> str:
    if found.drift is None:
        return ""
    drift = found.drift
    return _block((differences.summary(drift), *differences.lines(drift), *differences.noise(drift)))


def _health(found: Environment) -> str:
    health = found.health
    if health is None:
        return ""
    said = f": {health.message}" if health.message else ""
    condition = "not healthy" if health.condition is Condition.UNHEALTHY else health.condition
    return printable(f"{condition} since {moment(health.since)}{said}")


def _schedule(found: Environment) -> str:
    """The branch's own; the organization's and the repository's are in their files."""
    own = found.schedule
    if own is None:
        return ""
    steps = f", by {', '.join(step.name for step in own.down_run)}" if own.down_run else ""
    return printable(f"up {own.up}, down {own.down}{steps} ({own.timezone})")


def _suspended(found: Environment) -> str:
    if found.suspended is None or found.suspended.by is None:
        return ""
    return (
        f"{found.suspended.by}, since {moment(found.suspended.at)}"
        if found.suspended.at
        else found.suspended.by
    )


def _tests(found: Environment) -> str:
    """How each test ended, by the newest run of them."""
    verdict = found.tests
    if verdict is None:
        return ""
    said = f"{verdict.outcome} at {moment(verdict.at)}, of {verdict.commit[:10]}, in run {verdict.run}"
    return _block((said, *(f"{each.name} {each.outcome} ({each.seconds:.0f} s)" for each in verdict.results)))


def _image(found: SeenImage) -> str:
    """Which one its variable gets, and by which tag; where its registry is away, why."""
    since = f" since {moment(found.changed_at)}" if found.changed_at else ""
    newest = f"{found.reference} ({found.tag}{since})" if found.reference else f"{found.asked}: not seen yet"
    return f"{found.variable} = {newest}{f'; {found.error}' if found.error else ''}"


def _lease(held: Lease | None) -> str:
    return f"{held.owner}: {held.purpose}, since {moment(held.acquired_at)}" if held else ""


def _doubt(records: Sequence[Environment], hosts: Sequence[Standing]) -> str:
    """Why it is not known how far the work on it has come; empty where nothing is silent that had begun any."""
    host = documents.holding(hosts, records)
    if host is None or host["status"] != HostStatus.SILENT:
        return ""
    return (
        f"nothing is heard of {printable(host['name'])}, which had begun work on it, since {host['heard_at']}"
    )


def _run(last: Run | None) -> str:
    if last is None:
        return ""
    message = f": {printable(last.message)}" if last.message else ""
    return f"{last.id} {last.kind} {last.status}, {moment(last.started_at)}{message}"


def _block(lines: Iterator[str] | tuple[str, ...]) -> str:
    return f"\n{'':<{_INDENT}}".join(printable(line) for line in lines)


def _value(value: object, sensitive: bool = False) -> str:
    return "(sensitive)" if sensitive else json.dumps(value, ensure_ascii=False)
