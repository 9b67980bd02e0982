"""The JSON of what only page and API have: requests, tokens, repositories, and who one is."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.person import Person
from envmgr.domain.values.asking.request import Request
from envmgr.domain.values.asking.token import Token
from envmgr.domain.values.environment import RepositoryState
from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.forge.telling import Untold
from envmgr.domain.values.hosts.host import Standing
from envmgr.domain.values.names import EnvironmentId, RepositoryId

from . import documents
from .documents import freeze, time
from .doubt_objects import UntoldObject
from .objects import FreezeObject


class RequestObject(TypedDict):
    """What somebody asked for, and what became of it."""

    id: Annotated[int, "Its number."]
    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str, "The repository's name."]
    environment: Annotated[str, "The environment's name."]
    application: Annotated[str | None, "The application, where only one was meant."]
    action: Annotated[str, "What was asked for: `plan`, `apply`, `destroy` …"]
    options: Annotated[dict[str, Any], "How, as it is done."]
    asked_by: Annotated[str, "Who asked: `person NAME` or `token NAME`."]
    asked_at: Annotated[str | None, "When."]
    commit: Annotated[str, "What the branch pointed at then."]
    status: Annotated[str, "`waiting`, `running`, `succeeded`, `failed` or `refused` (nothing was done)."]
    message: Annotated[str, "Why, in a sentence; empty where there is nothing to say."]
    started_at: Annotated[str | None, "When it was taken up."]
    finished_at: Annotated[str | None, "When it was over; null: it is not."]
    result: Annotated[
        dict[str, Any],
        "What it gave: `planned` (plans, each with Terraform's own words as `text`), `environments` as they were then, or `checked`.",
    ]


class TokenObject(TypedDict):
    """A token, without its secret."""

    name: Annotated[str, "Its name."]
    role: Annotated[str, "`viewer`, `developer`, `approver` or `admin`."]
    organization: Annotated[str | None, "Where the role holds; null: everywhere."]
    repository: Annotated[str | None, "The one repository where it holds; null: in all of the organization."]
    created_at: Annotated[str | None, "When it was made."]
    created_by: Annotated[str, "By whom."]
    expires_at: Annotated[str | None, "Until when it is valid; null: until it is revoked."]
    used_at: Annotated[str | None, "When it was last used, to the minute; null: never."]


class HostWorkObject(TypedDict):
    """What a host works on."""

    environment: Annotated[str, "The environment, as `organization/repository/name`."]
    purpose: Annotated[str, "What is done with it, and by whom."]
    since: Annotated[str | None, "Since when."]


class HostObject(TypedDict):
    """A host that works by these records, as it told of itself last."""

    name: Annotated[str, "What it is called."]
    id: Annotated[str, "By what it is known, whatever it is called."]
    status: Annotated[
        str,
        "`working`, `passive` (it takes no work, see `why`), `draining`, `silent` (nothing was heard of its daemon for 30 seconds) or `stopped` (no daemon works there).",
    ]
    why: Annotated[str | None, "Why it takes no work, in a sentence."]
    version: Annotated[str, "The envmgr that works there."]
    started_at: Annotated[str | None, "When its daemon began, or it was first heard of."]
    heard_at: Annotated[str | None, "When it was last heard of."]
    silence: Annotated[int, "How long ago that was (seconds), by the database's clock."]
    works_on: Annotated[
        list[HostWorkObject],
        "What it works on now; of a silent one what it had begun and nobody has taken up.",
    ]


class NewTokenObject(TokenObject):
    """A token that was just made."""

    secret: Annotated[str, "The secret. It is shown this once, and kept nowhere."]


class VersionObject(TypedDict):
    """A version of Terraform or OpenTofu that is kept here."""

    tool: Annotated[str, "`terraform` or `opentofu`."]
    version: Annotated[str, "The version."]
    path: Annotated[str, "Where its program is."]
    size: Annotated[int, "Bytes of the program."]
    environments: Annotated[
        list[str], "The environments that were applied with it, and are destroyed with it."
    ]


class RepositoryObject(TypedDict):
    """A repository whose branches get environments."""

    organization: Annotated[str, "The organization's name."]
    name: Annotated[str, "Its name."]
    branches: Annotated[list[str], "Which branches get an environment, as patterns."]
    protected: Annotated[list[str], "Which branches are protected: their environments end only by a person."]
    environments: Annotated[
        list[str], "Which named environments it has, whether there is anything of them yet or not."
    ]
    default_branch: Annotated[str | None, "The remote's default branch; null: it was not read yet."]
    polled_at: Annotated[str | None, "When the remote was last looked at."]
    succeeded_at: Annotated[str | None, "When that last succeeded."]
    failures: Annotated[int, "How many looks in a row failed."]
    error: Annotated[str | None, "Why the last look failed."]
    untold: Annotated[list[UntoldObject], "What its forge could not be told."]
    frozen: Annotated[FreezeObject | None, "What freezes it; null: nothing does."]


class HeadObject(TypedDict):
    """The head of a pull request from a fork, which is run only after somebody approved just its commit."""

    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str, "The repository's name."]
    environment: Annotated[str, "The environment that it is for, whether there is one yet or not."]
    number: Annotated[int, "The pull request's number."]
    url: Annotated[str, "The pull request's address."]
    title: Annotated[str, "Its title, as somebody typed it."]
    author: Annotated[str, "Who opened it, as the forge calls her."]
    base: Annotated[str, "The branch that it is to be merged into."]
    commit: Annotated[str, "The commit that waits for a yes, or got one."]
    approved_commit: Annotated[str | None, "The one that may be run; null: none may."]
    approved_by: Annotated[str | None, "Who approved that."]


class OrganizationObject(TypedDict):
    """An organization, and what one may do there."""

    name: Annotated[str, "Its name."]
    role: Annotated[str | None, "One's role in it; null: one has a role in some of its repositories only."]
    frozen: Annotated[FreezeObject | None, "What freezes all of it; null: nothing does."]


class MeObject(TypedDict):
    """Who one is to envmgr."""

    name: Annotated[str, "One's name."]
    kind: Annotated[str, "`person` or `token`."]
    groups: Annotated[list[str], "The groups that the sign-in named."]
    organizations: Annotated[list[OrganizationObject], "The organizations of which one may see anything."]
    version: Annotated[str, "The version of envmgr that answers."]


def request(found: Request) -> RequestObject:
    """A request; what only stands for a plan that was seen is left out."""
    identity = found.environment
    return {
        "id": found.id,
        "organization": identity.organization,
        "repository": identity.repository,
        "environment": identity.name,
        "application": identity.application or None,
        "action": found.action.value,
        "options": _without_marks(found.options),
        "asked_by": str(found.asker),
        "asked_at": time(found.asked_at),
        "commit": found.commit,
        "status": found.status.value,
        "message": found.message,
        "started_at": time(found.started_at),
        "finished_at": time(found.finished_at),
        "result": _without_marks(found.result),
    }


def _without_marks(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "plans"}


def token(found: Token) -> TokenObject:
    """A token."""
    return {
        "name": found.name,
        "role": found.role.value,
        "organization": found.organization,
        "repository": found.repository,
        "created_at": time(found.created_at),
        "created_by": found.created_by,
        "expires_at": time(found.expires_at),
        "used_at": time(found.used_at),
    }


def host(found: Standing) -> HostObject:
    """A host, and what it works on."""
    return {
        "name": found.host.name,
        "id": found.host.id,
        "status": found.status.value,
        "why": found.why or None,
        "version": found.host.version,
        "started_at": time(found.host.started_at),
        "heard_at": time(found.host.beat_at),
        "silence": max(0, round(found.host.silence.total_seconds())),
        "works_on": [
            {
                "environment": str(lease.environment),
                "purpose": lease.purpose,
                "since": time(lease.acquired_at),
            }
            for lease in found.works_on
        ],
    }


def repository(
    found: RepositoryId,
    state: RepositoryState,
    frozen: Freeze | None,
    *,
    branches: Sequence[str],
    protected: Sequence[str],
    environments: Sequence[str],
    untold: Sequence[Untold] = (),
) -> RepositoryObject:
    """A repository with its named environments, what polling knows of it, what its forge was not told, and what freezes it."""
    return {
        "organization": found.organization,
        "name": found.name,
        "branches": list(branches),
        "protected": list(protected),
        "environments": list(environments),
        "default_branch": state.default_branch,
        "polled_at": time(state.polled_at),
        "succeeded_at": time(state.succeeded_at),
        "failures": state.failures,
        "error": state.error or None,
        "untold": documents.untold(untold),
        "frozen": freeze(frozen) if frozen is not None else None,
    }


def head(environment: EnvironmentId, pull: KnownPullRequest, commit: str) -> HeadObject:
    """The head of a fork's pull request, and what was approved of it."""
    told, approved = pull.told, pull.approved
    return {
        "organization": environment.organization,
        "repository": environment.repository,
        "environment": environment.name,
        "number": told.number,
        "url": told.url,
        "title": told.title,
        "author": told.author.login,
        "base": told.base,
        "commit": commit,
        "approved_commit": approved.commit if approved is not None else None,
        "approved_by": approved.by if approved is not None else None,
    }


def organization(name: str, person: Person, frozen: Freeze | None) -> OrganizationObject:
    """An organization as somebody has it, and what freezes all of it."""
    role = person.role(name)
    return {
        "name": name,
        "role": role.value if role is not None else None,
        "frozen": freeze(frozen) if frozen is not None else None,
    }


def me(person: Person, organizations: Mapping[str, Freeze | None], version: str) -> MeObject:
    """Who somebody is."""
    return {
        "name": person.name,
        "kind": person.asker.kind.value,
        "groups": list(person.groups),
        "organizations": [organization(name, person, frozen) for name, frozen in organizations.items()],
        "version": version,
    }
