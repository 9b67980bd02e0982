"""The JSON objects that doors to envmgr share: every field with its type and its meaning.

`documents` makes them, so the type checker holds each against what is said here, and the reference is written from here.
Times are ISO 8601 in UTC, to the second.
"""

from typing import Annotated, Any, NotRequired, TypedDict

from .doubt_objects import HoldingHost, UntoldObject
from .image_objects import ImageObject
from .proposal_objects import ChangesObject, PlannedResource, ProposalObject
from .tested import TestsObject


class OriginObject(TypedDict):
    """What an environment comes from."""

    kind: Annotated[str, "`branch`, `tag` or `pull_request`."]
    name: Annotated[str, "Its name: the branch, the tag, or a pull request's head."]
    number: Annotated[int | None, "A pull request's number."]
    url: Annotated[str | None, "A pull request's address."]
    named: Annotated[bool, "Whether the configuration gives the environment its name, so that it stays."]


class _Environment(TypedDict):
    """What all objects of an environment have."""

    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str, "The repository's name."]
    branch: Annotated[str, "The branch it belongs to; the tag where it comes from tags."]
    origin: Annotated[OriginObject, "What it comes from."]
    environment: Annotated[str, "The environment's name, as in `alice`."]
    application: Annotated[str | None, "The application; null where the repository lists none."]
    status: Annotated[str, "One of the [statuses](events-and-statuses.md#environments)."]
    commit: Annotated[str, "What the branch points at."]
    applied_commit: Annotated[str | None, "What the cloud has; null where nothing is applied."]
    promoted_from: Annotated[
        str | None, "The environment that had the applied commit before; null where it came by itself."
    ]
    deployed_commit: Annotated[
        str | None, "Whose code runs; null where nothing was deployed, or that is not known."
    ]
    message: Annotated[str, "Why it is as it is, in a sentence; empty where there is nothing to say."]
    url: Annotated[str | None, "Where it answers: the Terraform output `url`."]
    expires_at: Annotated[str | None, "When its life ends; null: it lives as long as its branch."]
    updated_at: Annotated[str | None, "When anything about it last changed."]
    created_at: Annotated[str | None, "When its branch was first seen."]
    pushed_at: Annotated[str | None, "When a push was last seen."]
    warned_at: Annotated[str | None, "The warning time of its end that was last told of; null: none was."]
    branch_gone: Annotated[bool, "Whether the last complete look at the remote did not show its branch."]
    hold: Annotated[str | None, "The [guard](events-and-statuses.md#guards) that waits for `envmgr approve`."]
    suspended_by: Annotated[
        str | None, "Who or what [suspended](events-and-statuses.md#suspended-by) it; null: it is not."
    ]
    suspended_at: Annotated[str | None, "Since when; null: it is not, or an early release did not say."]
    pinned_commit: Annotated[str | None, "The commit at which a rollback holds it."]
    proposal: Annotated[ProposalObject | None, "The plan that waits for approval; null where none does."]


class FreezeObject(TypedDict):
    """That nothing is applied or destroyed in an organization, or in one of its repositories."""

    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str | None, "The one repository that is frozen; null: all of the organization."]
    reason: Annotated[str, "Why."]
    by: Annotated[str, "Who froze it."]
    since: Annotated[str | None, "Since when."]
    until: Annotated[str | None, "When it ends by itself; null: it does not."]
    in_file: Annotated[bool, "Whether the organization file says it, so that it is ended there."]


class _Together(TypedDict):
    """What the applications of an environment come to together."""

    urls: Annotated[list[str], "Where it answers, the addresses of its applications included."]
    applications: Annotated[list[Any], "Its applications, in brief; in full in `show --json`."]
    remote_error: Annotated[
        str | None, "Why the remote could not be read, so that this is how it was last seen."
    ]
    frozen: Annotated[
        FreezeObject | None, "What keeps it from being applied or destroyed; null: nothing is frozen."
    ]
    host: Annotated[HoldingHost | None, "The host that works on it, and how that stands; null: none does."]
    untold: Annotated[list[UntoldObject], "What the repository's forge could not be told."]


class EnvironmentObject(_Environment):
    """An environment, or one application of it."""

    drift: Annotated[
        str | None, "`none`, `drift` or `unknown`, as of the last check; null: it was never checked."
    ]
    health: Annotated[
        str | None, "Its [health](events-and-statuses.md#health); null where nothing is checked."
    ]
    tests: Annotated[
        str | None,
        "What its tests said last: `passed` or `failed`; null: they said nothing yet, or it has none.",
    ]


class ApplicationObject(TypedDict):
    """One application of an environment, in brief."""

    name: Annotated[str, "The application's name."]
    status: Annotated[str, "One of the [statuses](events-and-statuses.md#environments)."]
    message: Annotated[str, "Why it is as it is."]
    applied_commit: Annotated[str | None, "What the cloud has."]
    url: Annotated[str | None, "Where it answers."]


class ListedObject(EnvironmentObject, _Together):
    """An environment with its applications."""


class OutputObject(TypedDict):
    """A Terraform output."""

    value: Annotated[
        Any, "The value, with its own type; null where it is sensitive and `--show-sensitive` was not given."
    ]
    sensitive: Annotated[bool, "Whether Terraform marks it as sensitive."]


class LeaseObject(TypedDict):
    """Who is working on an environment."""

    owner: Annotated[str, "The process, as in `process 4242 on host1`."]
    purpose: Annotated[str, "What it does."]
    generation: Annotated[int, "Counts up with every owner; writes by an older generation are refused."]
    acquired_at: Annotated[str | None, "Since when."]
    expires_at: Annotated[str | None, "Until when, unless it is renewed."]


class DifferenceObject(TypedDict):
    """One resource that is no longer as the code says."""

    address: Annotated[str, "The resource's address in Terraform."]
    action: Annotated[str, "What would put it right: `create`, `update`, `delete` or `replace`."]
    attributes: Annotated[list[str], "The attributes that differ, by name only."]


class DriftObject(TypedDict):
    """What the last check for drift found."""

    status: Annotated[str, "`none`, `drift` or `unknown`."]
    checked_at: Annotated[str | None, "The last check that came to a result."]
    tried_at: Annotated[str | None, "The last check that was tried."]
    differences: Annotated[list[DifferenceObject], "What differs."]
    noise: Annotated[list[str], "Differences that keep coming back, as for `drift.ignore`."]
    failing_checks: Annotated[list[str], "Terraform `check` blocks that do not hold."]
    error: Annotated[str | None, "Why the last check came to no result."]
    failing_since: Annotated[str | None, "Since when no check came to a result."]


class HealthObject(TypedDict):
    """How an environment answers."""

    condition: Annotated[str, "Its [health](events-and-statuses.md#health)."]
    since: Annotated[str | None, "Since when."]
    message: Annotated[str, "What was wrong with the last answer; empty where all is well."]
    url: NotRequired[Annotated[str, "What is asked; sensitive outputs stay as `{outputs.NAME}`."]]
    run: NotRequired[Annotated[Any, "The command, in place of `url`."]]


class PinObject(TypedDict):
    """What a rollback holds an environment at."""

    commit: Annotated[str, "The commit."]
    until_push: Annotated[bool, "Whether the next push ends it; otherwise only `envmgr resume` does."]


class ScheduleObject(TypedDict):
    """When an environment is up."""

    up: Annotated[str, "When it comes up, as a cron time."]
    down: Annotated[str, "When it goes down, as a cron time."]
    timezone: Annotated[str, "The time zone of both."]
    down_run: Annotated[list[str], "The names of the commands that bring it down in place of a destroy."]


class DeploymentObject(TypedDict):
    """What of an environment's code runs."""

    commit: Annotated[str | None, "The commit that was last deployed with success."]
    unfinished: Annotated[bool, "Whether steps began since then and did not finish."]
    ended: Annotated[bool, "Whether the steps before its destroy have run."]


class RunObject(TypedDict):
    """One plan, apply, destroy, deploy or drift check."""

    id: Annotated[int, "Its number, as for `envmgr logs`."]
    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str, "The repository's name."]
    environment: Annotated[str, "The environment's name."]
    application: Annotated[str | None, "The application; null where the repository lists none."]
    kind: Annotated[str, "One of the [kinds of run](events-and-statuses.md#kinds-of-run)."]
    commit: Annotated[str, "The commit it works with."]
    status: Annotated[str, "One of the [statuses of a run](events-and-statuses.md#statuses-of-a-run)."]
    started_at: Annotated[str | None, "When it began."]
    finished_at: Annotated[str | None, "When it ended; null while it runs."]
    changes: Annotated[ChangesObject | None, "What its plan holds; null where none was made."]
    message: Annotated[str, "How it ended, in a sentence."]
    actor: Annotated[str, "Who caused it."]


class EnvironmentInFull(_Environment, _Together):
    """An environment with all that is known of it."""

    warnings: Annotated[list[str], "What somebody should know although it is as its branch wants it."]
    outputs: Annotated[dict[str, OutputObject], "Its Terraform outputs by name."]
    variables: Annotated[dict[str, Any], "The input variables it was last planned with."]
    tags: Annotated[dict[str, str], "The tags of its resources."]
    state_key: Annotated[str, "Where its Terraform state is in the backend."]
    resources: Annotated[list[str], "What its state lists, by address."]
    lease: Annotated[LeaseObject | None, "Who is working on it now."]
    drift: Annotated[DriftObject | None, "The last check for drift."]
    health: Annotated[HealthObject | None, "How it answers."]
    tests: Annotated[TestsObject | None, "What its tests said last; null: nothing yet, or it has none."]
    images: Annotated[list[ImageObject], "The images that it follows."]
    pin: Annotated[PinObject | None, "What a rollback holds it at."]
    deployment: Annotated[DeploymentObject | None, "What of its code runs; null where no code is deployed."]
    schedule: Annotated[ScheduleObject | None, "The schedule that its branch asks for."]
    last_run: Annotated[RunObject | None, "The newest run."]
    failures: Annotated[int, "How many runs failed in a row."]
    retry_at: Annotated[
        str | None, "When it will be tried again; null: only a change or a person gets it going."
    ]
    terraform_version: Annotated[str | None, "The version that planned it last."]
    modules: Annotated[
        str | None, "Identifies the modules from elsewhere that it was planned with; null where it has none."
    ]


class EventObject(TypedDict):
    """One thing that happened."""

    id: Annotated[int, "Counts up."]
    at: Annotated[str | None, "When."]
    organization: Annotated[str | None, "The organization; null where it is about none."]
    repository: Annotated[str | None, "The repository; null where it is about all of an organization."]
    environment: Annotated[str | None, "The environment; null where it is about a whole repository."]
    application: Annotated[str | None, "The application."]
    action: Annotated[str, "One of the [events](events-and-statuses.md#events)."]
    message: Annotated[str, "What happened, in a sentence."]
    actor: Annotated[str, "Who caused it: `daemon`, `reconcile`, `user NAME`, `push (author NAME)` …"]
    commit: Annotated[str | None, "The commit it is about."]
    run: Annotated[int | None, "The run it belongs to."]


class FindingObject(TypedDict):
    """One thing that the audit found."""

    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str | None, "The repository, where it is about one."]
    environment: Annotated[str | None, "The environment, where it is about one."]
    application: Annotated[str | None, "The application, where it is about one."]
    kind: Annotated[str, "One of the [findings](events-and-statuses.md#findings-of-the-audit)."]
    subject: Annotated[str, "What it is about: a repository, a place, a resource."]
    what: Annotated[str, "What is not as it should be."]
    remedy: Annotated[str, "What to do about it."]
    fixable: Annotated[bool, "Whether `--fix` can do it."]
    fixed: Annotated[bool, "Whether it was done just now."]


class PlanObject(EnvironmentObject):
    """An environment, and what would change."""

    run: Annotated[int | None, "The run that planned; null where nothing was there to destroy."]
    planned_commit: Annotated[str | None, "The commit that was planned."]
    has_changes: Annotated[bool, "Whether anything would change."]
    changes: Annotated[ChangesObject | None, "How many resources; null where nothing would change."]
    warnings: Annotated[list[str], "What the plan, or a check of it, warns of."]
    refused: Annotated[
        str | None,
        "Why it would not be done now, by its checks, its way, a freeze or its windows; null: it would.",
    ]
    resources: Annotated[list[PlannedResource], "The resources it touches."]


class LogObject(RunObject):
    """A run with its log."""

    lines: Annotated[list[str], "The lines of the log."]


class LogLineObject(TypedDict):
    """One line of a log that is followed."""

    run: Annotated[int, "The run's number."]
    line: Annotated[str, "The line."]


class PassObject(TypedDict):
    """What one pass did."""

    changed: Annotated[list[EnvironmentObject], "Environments that are not as before."]
    failed: Annotated[list[EnvironmentObject], "Environments that are `failed`."]
    degraded: Annotated[list[EnvironmentObject], "Environments that are `degraded`."]
    errors: Annotated[list[str], "What could not be read, or written down."]


class StepObject(TypedDict):
    """What a pass would do with one environment."""

    environment: Annotated[str, "The environment, as in `acme/shop/alice`."]
    action: Annotated[str, "What would be done with it."]
    reason: Annotated[str, "Why."]


class ForesightObject(TypedDict):
    """What a pass would do."""

    steps: Annotated[list[StepObject], "One for each environment."]
    errors: Annotated[list[str], "What could not be read."]


class CancelledObject(TypedDict):
    """What became of a run that was asked to end."""

    environment: Annotated[EnvironmentObject, "The environment afterwards."]
    run: Annotated[RunObject | None, "The run; null where none was under way."]
    over: Annotated[bool, "Whether it has ended."]


class CheckedObject(TypedDict):
    """An environment whose drift was checked."""

    organization: Annotated[str, "The organization's name."]
    repository: Annotated[str, "The repository's name."]
    branch: Annotated[str, "The branch it belongs to."]
    environment: Annotated[str, "The environment's name."]
    application: Annotated[str | None, "The application; null where the repository lists none."]
    drift: Annotated[DriftObject, "What was found."]


class DoctorObject(TypedDict):
    """One check of `envmgr doctor`."""

    check: Annotated[str, "What was checked."]
    ok: Annotated[bool, "Whether it is as it should be."]
    message: Annotated[str, "What was found, or what to do."]


MigrationObject = TypedDict(
    "MigrationObject",
    {
        "from": Annotated[str, "The old database."],
        "to": Annotated[str, "The new database."],
        "rows": Annotated[dict[str, int], "How many rows were copied, by table."],
    },
)
"""Records that were copied to another database."""

MovedObject = TypedDict(
    "MovedObject",
    {
        "organization": Annotated[str, "The organization's name."],
        "repository": Annotated[str, "The repository's name."],
        "environment": Annotated[str, "The environment's name."],
        "application": Annotated[str | None, "The application; null where the repository lists none."],
        "from": Annotated[str, "Where its state was."],
        "to": Annotated[str, "Where it is now, or should be."],
        "moved": Annotated[bool, "Whether it was moved."],
        "message": Annotated[str, "Why it was not; empty where it was."],
    },
)
"""One state that was to be moved."""


class WatchedRepository(TypedDict):
    """A repository of the configuration."""

    name: Annotated[str, "Its name."]
    url: Annotated[str, "Where it is."]
    branches: Annotated[list[str], "Which branches get an environment."]


class WatchedOrganization(TypedDict):
    """An organization of the configuration."""

    organization: Annotated[str, "Its name."]
    backend: Annotated[str, "What keeps its state: `local`, `s3` or `azurerm`."]
    repositories: Annotated[list[WatchedRepository], "Its repositories."]


class ConfigurationObject(TypedDict):
    """What the configuration files say, or what is wrong with them."""

    problems: Annotated[list[str], "Mistakes, each with its file and line."]
    warnings: Annotated[list[str], "What is allowed and probably not meant."]
    organizations: Annotated[list[WatchedOrganization], "The organizations; empty where there are problems."]
