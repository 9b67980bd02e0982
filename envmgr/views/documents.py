"""The JSON that verbs print; the names are the contract's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from envmgr.domain.values.address import shown
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.combined import combined, urls
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import Changes, Environment, Event, Lease, Output, Pin, Run
from envmgr.domain.values.health import Health
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.verdict import Verdict
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.template import fill, named

from .proposals import proposal

if TYPE_CHECKING:
    from envmgr.domain.audit.compare import Finding
    from envmgr.domain.values.forge.telling import Untold
    from envmgr.domain.values.hosts.host import Standing
    from envmgr.domain.values.pipeline.image import SeenImage

    from . import (  # what every function gives; nothing that runs needs it
        doubt_objects,
        image_objects,
        objects,
        proposal_objects,
        tested,
    )


def time(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    # A third of what strftime takes, for thousands of times that are in UTC already, as records have them.
    return f"{(at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()[:19]}Z" if at else None


def finding(found: "Finding", fixed: bool) -> "objects.FindingObject":
    """One element of `audit --json`."""
    repository = found.environment.repository_id if found.environment else found.repository
    return {
        "organization": found.organization,
        "repository": repository.name if repository else None,
        "environment": found.environment.name if found.environment else None,
        "application": _application(found.environment),
        "kind": found.kind.value,
        "subject": found.subject,
        "what": found.what,
        "remedy": found.remedy,
        "fixable": found.fix is not None,
        "fixed": fixed,
    }


def _application(identity: EnvironmentId | None) -> str | None:
    return (identity.application or None) if identity else None


def environment(found: Environment) -> "objects.EnvironmentObject":
    """One environment, as all verbs give it."""
    return {
        "organization": found.id.organization,
        "repository": found.id.repository,
        "branch": found.branch,
        "origin": origin(found),
        "environment": found.id.name,
        "application": _application(found.id),
        "status": found.status.value,
        "commit": found.commit,
        "applied_commit": found.applied.commit,
        "promoted_from": found.applied.promoted_from,
        "deployed_commit": found.deployment.known_commit if found.deployment else None,
        "message": found.said,
        "url": found.applied.url,
        "expires_at": time(found.life.expires_at),
        "updated_at": time(found.updated_at),
        "created_at": time(found.life.created_at),
        "pushed_at": time(found.life.pushed_at),
        "warned_at": time(found.life.warned_at),
        "branch_gone": found.is_missing,
        "hold": found.hold.guard.value if found.hold.guard else None,
        "drift": found.drift.status if found.drift else None,
        "health": found.health.condition.value if found.health else None,
        "tests": found.tests.outcome.value if found.tests else None,
        "suspended_by": found.suspended_by.value if found.suspended_by else None,
        "suspended_at": time(found.suspended.at) if found.suspended else None,
        "pinned_commit": found.pinned_commit,
        "proposal": proposal(found.proposal) if found.proposal else None,
    }


def origin(found: Environment) -> "objects.OriginObject":
    """What an environment comes from."""
    known = found.origin
    return {
        "kind": known.kind.value,
        "name": found.branch,
        "number": known.number,
        "url": known.url,
        "named": known.is_named,
    }


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of an environment's repository: why it could not be read (empty: it was), and what freezes it.

    `images` are those that the environment follows, `untold` what its forge could not be told, and `hosts` all hosts.
    """

    remote_error: str = ""
    frozen: Freeze | None = None
    images: "Sequence[SeenImage]" = ()
    untold: "Sequence[Untold]" = ()
    hosts: "Sequence[Standing]" = ()


def holding(
    hosts: "Sequence[Standing]", records: Sequence[Environment]
) -> "doubt_objects.HoldingHost | None":
    """The host that works on an environment, or on one of its applications."""
    if not hosts:
        return None
    names = {record.id for record in records}
    found = (each for each in hosts if any(lease.environment in names for lease in each.works_on))
    working = next(found, None)
    if working is None:
        return None
    host = working.host
    return {"name": host.name, "id": host.id, "status": working.status.value, "heard_at": time(host.beat_at)}


def untold(found: "Sequence[Untold]") -> "list[doubt_objects.UntoldObject]":
    """What a forge could not be told, by reason."""
    return [{"since": time(each.since), "error": each.error, "count": each.count} for each in found]


def freeze(found: Freeze) -> "objects.FreezeObject":
    """A freeze."""
    return {
        "organization": found.organization,
        "repository": found.repository,
        "reason": found.reason,
        "by": found.by,
        "since": time(found.since),
        "until": time(found.until),
        "in_file": found.in_file,
    }


def listed(found: Environment, records: Sequence[Environment], beside: Beside) -> "objects.ListedObject":
    """One element of `list --json`: an environment as one, and its applications, if it has any."""
    row = cast("objects.ListedObject", environment(found))
    row["urls"] = urls(records)  # in place: there may be thousands
    row["applications"] = [application(each) for each in records if each.id.application]
    row["remote_error"] = beside.remote_error or None
    row["frozen"] = freeze(beside.frozen) if beside.frozen is not None else None
    row["host"] = holding(beside.hosts, records) if beside.hosts else None
    row["untold"] = untold(beside.untold) if beside.untold else []
    return row


def application(found: Environment) -> "objects.ApplicationObject":
    """One application of an environment, as `list --json` has it."""
    return {
        "name": found.id.application,
        "status": found.status.value,
        "message": found.said,
        "applied_commit": found.applied.commit,
        "url": found.applied.url,
    }


def environment_in_full(
    found: Environment,
    held: Lease | None,
    last_run: Run | None,
    beside: Beside = Beside(),
) -> "objects.EnvironmentInFull":
    """`show --json`."""
    claim = found.claim
    return {
        **listed(found, [found], beside),
        "warnings": list(found.warnings),
        "outputs": outputs(found.applied.outputs),
        "variables": dict(claim.variables) if claim else {},
        "tags": dict(claim.tags) if claim else {},
        "images": [image(each) for each in beside.images],
        "state_key": found.id.state_key,
        "resources": list(found.applied.resources),
        "lease": lease(held) if held else None,
        "drift": drift(found.drift) if found.drift else None,
        "health": health(found.health, found.applied.outputs) if found.health else None,
        "tests": tests(found.tests) if found.tests else None,
        "pin": pin(found.pin) if found.pin and found.pinned_commit else None,
        "deployment": deployment(found.deployment) if found.deployment else None,
        "schedule": schedule(found.schedule) if found.schedule else None,
        "last_run": run(last_run) if last_run else None,
        "failures": found.failure.count,
        "retry_at": time(found.retry_at),
        "terraform_version": claim.terraform_version if claim else None,
        "modules": (claim.modules or None) if claim else None,
    }


Facts = tuple[Environment, Lease | None, Run | None]
"""A record, who works on it, and its newest run."""


def whole(facts: Sequence[Facts], beside: Beside) -> "objects.EnvironmentInFull | objects.ListedObject":
    """An environment in full; one of several applications as in the list, with each of them in full."""
    each = [environment_in_full(*one, beside) for one in facts]
    if len(each) == 1:
        return each[0]
    records = [record for record, _, _ in facts]
    return {**listed(combined(records), records, beside), "applications": list(each)}


def drift(found: Drift) -> "objects.DriftObject":
    """What the last check for drift found; attributes by name alone, never with a value."""
    return {
        "status": found.status,
        "checked_at": time(found.checked_at),
        "tried_at": time(found.tried_at),
        "differences": [
            {"address": d.address, "action": d.action, "attributes": sorted(d.attributes)}
            for d in found.differences
        ],
        "noise": list(found.noise),
        "failing_checks": list(found.failing_checks),
        "error": found.error or None,
        "failing_since": time(found.failing_since),
    }


def health(found: Health, outputs: Mapping[str, Output]) -> "objects.HealthObject":
    """How an environment answers, and what is asked: the `url`, or what is `run`."""
    check = found.check
    given = {name for name, output in outputs.items() if not output.sensitive}
    url = fill(check.url, outputs) if named(check.url) <= given else check.url
    answer: objects.HealthObject = {
        "condition": found.condition.value,
        "since": time(found.since),
        "message": found.message,
    }
    if check.run:
        answer["run"] = check.run
    else:
        answer["url"] = shown(url)
    return answer


def image(found: "SeenImage") -> "image_objects.ImageObject":
    """An image that an environment follows."""
    return {
        "variable": found.variable,
        "asked": found.asked,
        "reference": found.reference,
        "tag": found.tag or None,
        "changed_at": time(found.changed_at),
        "error": found.error or None,
    }


def tests(found: Verdict) -> "tested.TestsObject":
    """What tests said."""
    return {
        "outcome": found.outcome.value,
        "commit": found.commit,
        "run": found.run,
        "at": time(found.at),
        "results": [
            {
                "name": each.name,
                "outcome": each.outcome.value,
                "seconds": round(each.seconds, 3),
                "message": each.message,
            }
            for each in found.results
        ],
    }


def pin(found: Pin) -> "objects.PinObject":
    """What a rollback holds an environment at, and whether the next push ends that."""
    return {"commit": found.commit, "until_push": found.over is not None}


def deployment(found: Deployment) -> "objects.DeploymentObject":
    """What of an environment's code runs."""
    return {"commit": found.commit, "unfinished": bool(found.begun), "ended": found.ended}


def schedule(found: Schedule) -> "objects.ScheduleObject":
    """A schedule; the commands of `down_run` by their names."""
    return {
        "up": found.up,
        "down": found.down,
        "timezone": found.timezone,
        "down_run": [step.name for step in found.down_run],
    }


def outputs(
    found: Mapping[str, Output], *, show_sensitive: bool = False
) -> dict[str, "objects.OutputObject"]:
    """Outputs by name, as Terraform has them; a sensitive value is null."""
    return {
        name: {
            "value": output.value if show_sensitive or not output.sensitive else None,
            "sensitive": output.sensitive,
        }
        for name, output in sorted(found.items())
    }


def lease(held: Lease) -> "objects.LeaseObject":
    """Who works on an environment."""
    return {
        "owner": str(held.owner),
        "purpose": held.purpose,
        "generation": held.generation,
        "acquired_at": time(held.acquired_at),
        "expires_at": time(held.expires_at),
    }


def run(found: Run) -> "objects.RunObject":
    """One element of `history --json`."""
    return {
        "id": found.id,
        "organization": found.environment.organization,
        "repository": found.environment.repository,
        "environment": found.environment.name,
        "application": _application(found.environment),
        "kind": found.kind.value,
        "commit": found.commit,
        "status": found.status.value,
        "started_at": time(found.started_at),
        "finished_at": time(found.finished_at),
        "changes": changes(found.changes),
        "message": found.message,
        "actor": found.actor,
    }


def changes(found: Changes | None) -> "proposal_objects.ChangesObject | None":
    """Counts of a plan; null where none was made."""
    return {"add": found.add, "change": found.change, "destroy": found.destroy} if found else None


def event(found: Event) -> "objects.EventObject":
    """One element of `events --json`."""
    identity = found.environment
    organization, repository = found.place or (None, None)
    return {
        "id": found.id,
        "at": time(found.at),
        "organization": identity.organization if identity else organization,
        "repository": identity.repository if identity else repository,
        "environment": identity.name if identity else None,
        "application": _application(identity),
        "action": found.action,
        "message": found.message,
        "actor": found.actor,
        "commit": found.commit,
        "run": found.run,
    }
