"""The API's objects as the records that verbs draw from.

Fields that a later release added may be missing: the server may be the older one. What is not as it should be raises LookupError, TypeError or ValueError: a name of another server's making, or a status
that this version does not know, goes no further.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import (
    FROM_BRANCH,
    NO_HOLD,
    Absence,
    Applied,
    Changes,
    Claim,
    Environment,
    Event,
    Failure,
    Guard,
    Hold,
    Lease,
    Life,
    Origin,
    OriginKind,
    Output,
    Pin,
    ProcessId,
    Run,
    RunKind,
    RunStatus,
    Source,
    SourceKind,
    Status,
    Suspended,
    Suspension,
)
from envmgr.domain.values.forge.telling import Untold
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.pipeline.image import SeenImage
from envmgr.domain.values.pipeline.verdict import Outcome, Result, Verdict
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.step import Step
from envmgr.views import proposals
from envmgr.views.asking import HeadObject

Object = Mapping[str, Any]
_NAME = re.compile(r"[a-z0-9-]{1,200}")
_COMMIT = re.compile(r"[0-9A-Za-z]{0,64}")
_NOBODY = ProcessId("", "", 0, 0)
_OWNER = re.compile(r"process (\d{1,9}) on (.+)", re.DOTALL)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Environment):
    """An environment as a server tells of it; what it warns of is not to be had from the rest, so it is told, too."""

    told: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What somebody should know of it though it is as its branch wants it."""
        return self.told


def environment(found: Object) -> Told:
    """An environment or an application of it, in brief or in full."""
    commit, created = _commit(found["commit"]), some_moment(found["created_at"])
    warnings = tuple(map(text, found.get("warnings", ())))
    return Told(
        id=identity(found),
        branch=text(found["branch"]),
        origin=_origin(found["origin"]) if "origin" in found else FROM_BRANCH,
        commit=commit,
        status=Status(found["status"]),
        message=text(found["message"]).removesuffix(" ".join(warnings)).rstrip(),
        told=warnings,
        absence=Absence(since=created) if found["branch_gone"] else None,
        claim=_claim(found),
        applied=_applied(found),
        suspended=_suspended(found),
        hold=Hold(Guard(found["hold"])) if found["hold"] is not None else NO_HOLD,
        failure=Failure(int(found.get("failures") or 0), "", moment(found.get("retry_at"))),
        life=Life(
            created_at=created,
            pushed_at=moment(found["pushed_at"]),
            expires_at=moment(found["expires_at"]),
            warned_at=moment(found["warned_at"]),
        ),
        pin=_pin(found, commit),
        schedule=_schedule(found.get("schedule")),
        drift=drift(found["drift"], created),
        deployment=_deployment(found),
        health=_health(found["health"], created),
        tests=_tests(found.get("tests"), created),
        proposal=proposals.parsed(found["proposal"]) if found.get("proposal") else None,
        updated_at=some_moment(found["updated_at"]),
    )


def freeze(found: Object) -> Freeze:
    """A freeze."""
    repository = found["repository"]
    return Freeze(
        organization=named(found["organization"]),
        repository=None if repository is None else named(repository),
        reason=text(found["reason"]),
        by=text(found["by"]),
        since=some_moment(found["since"]),
        until=moment(found["until"]),
        in_file=bool(found["in_file"]),
    )


def head(found: Object) -> HeadObject:
    """The head of a fork's pull request."""
    approved, by = found["approved_commit"], found["approved_by"]
    return {
        "organization": named(found["organization"]),
        "repository": named(found["repository"]),
        "environment": named(found["environment"]),
        "number": number(found["number"]),
        "url": text(found["url"]),
        "title": text(found["title"]),
        "author": text(found["author"]),
        "base": text(found["base"]),
        "commit": _commit(found["commit"]),
        "approved_commit": None if approved is None else _commit(approved),
        "approved_by": None if by is None else text(by),
    }


def _origin(found: Object) -> Origin:
    pull, url = found["number"], found["url"]
    return Origin(
        OriginKind(found["kind"]),
        is_named=bool(found["named"]),
        number=None if pull is None else number(pull),
        url=None if url is None else text(url),
    )


def identity(found: Object) -> EnvironmentId:
    """What an object is of."""
    application = found["application"]
    return EnvironmentId(
        named(found["organization"]),
        named(found["repository"]),
        named(found["environment"]),
        "" if application is None else named(application),
    )


def run(found: Object) -> Run:
    """A run; who works on it and where its log is stays with the server."""
    changes = found["changes"]
    return Run(
        id=number(found["id"]),
        environment=identity(found),
        kind=RunKind(found["kind"]),
        commit=_commit(found["commit"]),
        status=RunStatus(found["status"]),
        started_at=some_moment(found["started_at"]),
        finished_at=moment(found["finished_at"]),
        owner=_NOBODY,
        actor=text(found["actor"]),
        changes=Changes(*(number(changes[n]) for n in ("add", "change", "destroy"))) if changes else None,
        message=text(found["message"]),
    )


def event(found: Object) -> Event:
    """An event."""
    of = identity(found) if found["environment"] is not None else None
    organization, repository = found["organization"], found["repository"]
    is_whole = of is None and organization is not None
    return Event(
        id=number(found["id"]),
        at=some_moment(found["at"]),
        environment=of,
        place=(named(organization), None if repository is None else named(repository)) if is_whole else None,
        action=text(found["action"]),
        message=text(found["message"]),
        actor=text(found["actor"]),
        commit=None if found["commit"] is None else _commit(found["commit"]),
        run=None if found["run"] is None else number(found["run"]),
    )


def image(repository: RepositoryId, found: Object) -> SeenImage:
    """An image that an environment follows."""
    return SeenImage(
        repository=repository,
        variable=text(found["variable"]),
        asked=text(found["asked"]),
        reference=None if found["reference"] is None else text(found["reference"]),
        tag=text(found["tag"] or ""),
        changed_at=moment(found["changed_at"]),
        error=text(found["error"] or ""),
    )


def untold(found: Object) -> Untold:
    """What a forge could not be told."""
    return Untold(text(found["error"]), some_moment(found["since"]), number(found.get("count", 1)))


def lease(found: Object, of: EnvironmentId) -> Lease:
    """Who works on an environment."""
    owner = _OWNER.fullmatch(text(found["owner"]))
    if owner is None:
        raise ValueError("owner")
    return Lease(
        environment=of,
        generation=number(found["generation"]),
        owner=ProcessId(owner[2], "", int(owner[1]), 0),
        purpose=text(found["purpose"]),
        acquired_at=some_moment(found["acquired_at"]),
        expires_at=some_moment(found["expires_at"]),
    )


def drift(found: Object | str | None, known: datetime) -> Drift | None:
    """What a check found; of an object in brief only the word for it."""
    if found is None:
        return None
    if isinstance(found, str):
        differs = (Difference(address="", action=""),) if found == "drift" else ()
        if found not in ("none", "drift", "unknown"):
            raise ValueError(found)
        return Drift(tried_at=known, checked_at=None if found == "unknown" else known, differences=differs)
    return Drift(
        tried_at=some_moment(found["tried_at"]),
        checked_at=moment(found["checked_at"]),
        differences=tuple(_difference(each) for each in found["differences"]),
        error=text(found["error"] or ""),
        failing_since=moment(found["failing_since"]),
        noise=tuple(map(text, found["noise"])),
        failing_checks=tuple(map(text, found["failing_checks"])),
    )


def named(found: Any) -> str:
    """A name of an organization, a repository, an environment or an application."""
    if not _NAME.fullmatch(text(found)):
        raise ValueError("name")
    return str(found)


def urls(found: Object) -> Sequence[str]:
    """Where an environment answers."""
    return [text(each) for each in found["urls"]]


def moment(found: Any) -> datetime | None:
    """A time, where there is one."""
    return None if found is None else some_moment(found)


def _difference(found: Object) -> Difference:
    names = {text(name): "" for name in found["attributes"]}
    return Difference(address=text(found["address"]), action=text(found["action"]), attributes=names)


def _claim(found: Object) -> Claim | None:
    """What the last plan was made with; the rest stays with the server."""
    version = found.get("terraform_version")
    if version is None:
        return None
    return Claim(
        commit="",
        source=Source(SourceKind.DIRECTORY, "", "", ""),
        variables=dict(found["variables"]),
        tags={text(name): text(value) for name, value in found["tags"].items()},
        terraform_version=text(version),
        backend=("", {}),
        fingerprint="",
        modules=text(found["modules"] or ""),
    )


def _applied(found: Object) -> Applied:
    return Applied(
        commit=None if found["applied_commit"] is None else _commit(found["applied_commit"]),
        url=None if found["url"] is None else text(found["url"]),
        promoted_from=text(found["promoted_from"]) if found.get("promoted_from") else None,
        outputs={
            text(name): Output(each["value"], bool(each["sensitive"]))
            for name, each in found.get("outputs", {}).items()
        },
        resources=tuple(map(text, found.get("resources", ()))),
    )


def _suspended(found: Object) -> Suspended | None:
    by = found["suspended_by"]
    return None if by is None else Suspended("", Suspension(by), at=moment(found["suspended_at"]))


def _pin(found: Object, commit: str) -> Pin | None:
    held = found["pinned_commit"]
    if held is None:
        return None
    ends = bool((found.get("pin") or {}).get("until_push"))
    return Pin(_commit(held), commit if ends else None)


def _schedule(found: Object | None) -> Schedule | None:
    if found is None:
        return None
    return Schedule(
        up=text(found["up"]),
        down=text(found["down"]),
        timezone=text(found["timezone"]),
        down_run=tuple(Step(name=text(name), run="") for name in found["down_run"]),
    )


def _deployment(found: Object) -> Deployment | None:
    deployed, in_full = found["deployed_commit"], found.get("deployment")
    if in_full is not None:
        commit = None if in_full["commit"] is None else _commit(in_full["commit"])
        begun = ("",) if in_full["unfinished"] else ()
        return Deployment(commit=commit, begun=begun, ended=bool(in_full["ended"]))
    return Deployment(commit=_commit(deployed)) if deployed is not None else None


def _health(found: Object | str | None, known: datetime) -> Health | None:
    if found is None:
        return None
    if isinstance(found, str):
        return Health(check=HealthCheck(), condition=Condition(found), since=known)
    return Health(
        check=HealthCheck(url=text(found.get("url") or ""), run=found.get("run") or ""),
        condition=Condition(found["condition"]),
        since=some_moment(found["since"]),
        message=text(found["message"]),
    )


def _tests(found: Object | str | None, known: datetime) -> Verdict | None:
    """What tests said; of an object in brief only the word for it."""
    if found is None:
        return None
    if isinstance(found, str):
        return Verdict(on="", commit="", run=0, at=known, results=(Result("", Outcome(found), 0),))
    return Verdict(
        on="",
        commit=_commit(found["commit"]),
        run=number(found["run"]),
        at=some_moment(found["at"]),
        results=tuple(
            Result(
                text(each["name"]),
                Outcome(each["outcome"]),
                float(each["seconds"]),
                text(each["message"]),
            )
            for each in found["results"]
        ),
    )


def some_moment(found: Any) -> datetime:
    """A time."""
    return datetime.strptime(found, _TIME).replace(tzinfo=UTC)


def text(found: Any) -> str:
    """A text."""
    if not isinstance(found, str):
        raise TypeError(type(found))
    return found


def number(found: Any) -> int:
    """A whole number."""
    if not isinstance(found, int):
        raise TypeError(type(found))
    return found


def _commit(found: Any) -> str:
    if not _COMMIT.fullmatch(text(found)):
        raise ValueError("commit")
    return str(found)
