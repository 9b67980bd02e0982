"""GitLab on loopback: statuses are jobs of pipelines, notes may be obeyed, and `Link` names another host."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from envmgr.domain.values.forge import Permission, PullRequestState
from tests.support.forges.loopback import Call, LoopbackForge, Reply, Work
from tests.support.forges.model import Deployment, Model, Pull, Remark, Status, User

PROJECT, FORK = 1, 2
LEVELS = {Permission.READ: 20, Permission.WRITE: 30, Permission.ADMIN: 40}
_STATES = {
    PullRequestState.OPEN: "opened",
    PullRequestState.CLOSED: "closed",
    PullRequestState.MERGED: "merged",
}
_COMMAND = re.compile(r"^/[a-z]", re.MULTILINE)
_FROM = {
    "enqueue": ("created",),
    "run": ("created", "pending"),
    "success": ("created", "pending", "running"),
    "drop": ("created", "pending", "running"),
    "cancel": ("created", "pending", "running"),
    "skip": ("created", "pending"),
}
_EVENTS = {
    "pending": "enqueue",
    "running": "run",
    "success": "success",
    "failed": "drop",
    "canceled": "cancel",
    "skipped": "skip",
}


@dataclass
class Pipeline:
    """A pipeline of a commit."""

    id: int
    sha: str
    ref: str


@dataclass
class Job:
    """A status that is kept as a job."""

    id: int
    name: str
    status: str
    pipeline: Pipeline
    author: User
    description: str = ""
    target_url: str | None = None


@dataclass
class Place:
    """An environment."""

    id: int
    name: str
    external_url: str | None = None
    state: str = "available"
    tier: str = "other"


@dataclass
class GitLab:
    """See Kind. `busy`: so many statuses are refused, since something else holds the pipeline.

    `resets`: a push takes approvals away. `tells_when`: whether approvals have a time. `obeyed` are the commands in notes.
    `after_page` happens once, after a page of merge requests was read.
    """

    extract = "gitlab"
    prefix: str = "/api/v4"
    has_tags = True
    busy: int = 0
    resets: bool | None = None
    tells_when: bool = True
    scopes: tuple[str, ...] = ("api",)
    expires: str | None = "2026-12-31"
    pipelines: list[Pipeline] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    obeyed: list[str] = field(default_factory=list)
    after_page: Callable[[], None] | None = None

    def calls(self) -> Mapping[str, Work]:
        """See Kind."""
        return {
            "setCommitStatus": self._set_status,
            "listCommitStatuses": self._statuses,
            "listEnvironments": self._environments,
            "createEnvironment": self._create_environment,
            "updateEnvironment": self._update_environment,
            "deleteEnvironment": self._delete_environment,
            "stopEnvironment": self._stop_environment,
            "listDeployments": self._deployments,
            "createDeployment": self._deploy,
            "updateDeployment": self._update_deployment,
            "listNotes": _notes,
            "listDiscussions": _discussions,
            "createNote": self._create_note,
            "updateNote": self._update_note,
            "deleteNote": _delete_note,
            "awardEmoji": _award,
            "listMergeRequests": self._requests,
            "getMergeRequest": lambda call: Reply(200, self._request(call, _pull_of(call), in_full=True)),
            "getApprovals": self._approvals,
            "getApprovalConfig": self._approval_rules,
            "listDiffVersions": _versions,
            "getMember": _member,
            "getUser": lambda call: Reply(200, shown_user(call.user)),
            "getTokenSelf": self._token,
        }

    def model(self, call: Call) -> Model:
        """See Kind."""
        return call.forge.named(call.values["id"]) if "id" in call.values else call.forge.model

    def user(self, forge: LoopbackForge, headers: Mapping[str, str], operation: str) -> User | None:
        """See Kind."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return (
            forge.tokens.get(token)
            if scheme == "Bearer"
            else forge.tokens.get(headers.get("private-token", ""))
        )

    def refusal(self, status: int, message: str) -> Any:
        """See Kind."""
        return {"message": f"{status} {message}"}

    def limits(self, forge: LoopbackForge) -> Mapping[str, str]:
        """See Kind."""
        if forge.remaining is None:
            return {}
        return {
            "RateLimit-Limit": str(forge.limit),
            "RateLimit-Remaining": str(forge.remaining),
            "RateLimit-Reset": str(int(datetime.now().timestamp()) + 60),  # noqa: DTZ005  as a number
        }

    def pipeline(self, model: Model, sha: str, ref: str = "topic") -> Pipeline:
        """GitLab begins a pipeline of a commit, as it does after a push."""
        made = Pipeline(model.id(), sha, ref)
        self.pipelines.append(made)
        return made

    # --- statuses --------------------------------------------------------------------------------

    def _set_status(self, call: Call) -> Reply:
        body, sha = call.body, call.values["sha"]
        if self.busy > 0:
            self.busy -= 1
            return Reply(409, self.refusal(409, "Another update to this commit status is in progress"))
        pipeline = self._matching(sha, body.get("ref"), body.get("pipeline_id"))
        if pipeline is None:
            if "pipeline_id" in body:
                return Reply(404, self.refusal(404, "Pipeline for pipeline_id, sha and ref Not Found"))
            ref = body.get("ref") or self._branch(call.model, sha)
            if ref is None:
                return Reply(404, self.refusal(404, "References for commit Not Found"))
            pipeline = self.pipeline(call.model, sha, ref)
        name = body.get("name") or body.get("context") or "default"
        job = next((each for each in self._open(pipeline, name) if each.author == call.user), None)
        return self._moved(call, job or self._new(call, name, pipeline))

    def _new(self, call: Call, name: str, pipeline: Pipeline) -> Job:
        return Job(call.model.id(), name, "created", pipeline, call.user)

    def _moved(self, call: Call, job: Job) -> Reply:
        """As GitLab's machine of states has it: what is so already is refused, and nothing of it is taken."""
        body, event = call.body, _EVENTS[call.body["state"]]
        if job.status not in _FROM[event]:
            return Reply(
                400,
                {
                    "message": f"Cannot transition status via :{event} from :{job.status} "
                    f'(Reason(s): Status cannot transition via "{event}")'
                },
            )
        if job.status == "created":
            self.jobs.append(job)
        job.status = body["state"]
        job.description, job.target_url = body.get("description", job.description), body.get("target_url")
        sent = Status(job.pipeline.sha, job.name, body["state"], job.description, job.target_url or "")
        sent.extra["pipeline"] = job.pipeline.id
        call.model.statuses.append(sent)
        return Reply(201, _job(job))

    def _matching(self, sha: str, ref: str | None, number: int | None) -> Pipeline | None:
        found = [
            each
            for each in self.pipelines
            if each.sha == sha and ref in (None, each.ref) and number in (None, each.id)
        ]
        return found[-1] if found else None

    def _branch(self, model: Model, sha: str) -> str | None:
        heads = (each.head for each in model.pulls.values() if each.commit == sha and not each.is_from_fork)
        return next(heads, "main" if not any(p.commit == sha for p in model.pulls.values()) else None)

    def _open(self, pipeline: Pipeline, name: str) -> list[Job]:
        ours = (each for each in self.jobs if each.pipeline is pipeline and each.name == name)
        return [each for each in ours if each.status in ("pending", "running")]

    def _statuses(self, call: Call) -> Reply:
        rows = [each for each in self.jobs if each.pipeline.sha == call.values["sha"]]
        named = [each for each in rows if call.query.get("name") in (None, each.name)]
        return paged(call, [_job(each) for each in named])

    # --- environments and deployments ------------------------------------------------------------

    def _place(self, call: Call) -> Place:
        return {each.id: each for each in self.places}[int(call.values["environment_id"])]

    def _environments(self, call: Call) -> Reply:
        rows = [each for each in self.places if call.query.get("name") in (None, each.name)]
        return paged(call, [_environment(each) for each in rows])

    def _create_environment(self, call: Call) -> Reply:
        if any(each.name == call.body["name"] for each in self.places):
            return Reply(400, {"message": {"name": ["has already been taken"]}})
        made = Place(call.model.id(), **call.body)
        self.places.append(made)
        return Reply(201, _environment(made))

    def _update_environment(self, call: Call) -> Reply:
        place = self._place(call)
        place.external_url = call.body.get("external_url", place.external_url)
        return Reply(200, _environment(place))

    def _stop_environment(self, call: Call) -> Reply:
        place = self._place(call)
        place.state = "stopped"
        return Reply(200, _environment(place))

    def _delete_environment(self, call: Call) -> Reply:
        place = self._place(call)
        if place.state != "stopped":
            return Reply(403, self.refusal(403, "Forbidden"))
        self.places.remove(place)
        call.model.deployments[:] = [
            each for each in call.model.deployments if each.environment != place.name
        ]
        return Reply(204)

    def _deploy(self, call: Call) -> Reply:
        body, model = call.body, call.model
        place = next((each for each in self.places if each.name == body["environment"]), None)
        if place is None:
            place = Place(model.id(), body["environment"])
            self.places.append(place)
        made = Deployment(model.id(), place.name, body["sha"], body["ref"], {"user": call.user})
        model.deployments.append(made)
        self._tell(made, place, body["status"])
        return Reply(201, _deployment(made))

    def _update_deployment(self, call: Call) -> Reply:
        found = {each.id: each for each in call.model.deployments}[int(call.values["deployment_id"])]
        if found.states[-1]["status"] != "running":
            return Reply(400, {"message": {"status": ["cannot transition"]}})
        place = next(each for each in self.places if each.name == found.environment)
        self._tell(found, place, call.body["status"])
        return Reply(200, _deployment(found))

    def _tell(self, deployment: Deployment, place: Place, status: str) -> None:
        deployment.states.append({"status": status, "external_url": place.external_url})
        if status == "success":
            place.state = "available"

    def _deployments(self, call: Call) -> Reply:
        asked = call.query
        rows = [
            each
            for each in call.model.deployments
            if asked.get("environment") in (None, each.environment)
            and asked.get("status") in (None, each.states[-1]["status"])
        ]
        return paged(
            call, [_deployment(each) for each in (rows[::-1] if asked.get("sort") == "desc" else rows)]
        )

    # --- merge requests --------------------------------------------------------------------------

    def _request(self, call: Call, pull: Pull, *, in_full: bool = False) -> dict[str, Any]:
        source = FORK if pull.is_from_fork else PROJECT
        found = {
            "id": 10_000 + pull.number,
            "iid": pull.number,
            "project_id": PROJECT,
            "title": pull.title,
            "state": pull.extra.get("state", _STATES[pull.state]),
            "draft": pull.is_draft,
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": None if pull.extra.get("fork_is_gone") else source,
            "target_project_id": PROJECT,
            "sha": None if pull.extra.get("is_unprepared") else pull.commit,
            "author": shown_user(pull.author),
            "labels": list(pull.labels),
            "web_url": f"{call.forge.url}{call.forge.kind.prefix.removesuffix('/api/v4')}/{call.model.name}/-/merge_requests/{pull.number}",
            "created_at": shown(pull.at),
            "updated_at": shown(pull.updated_at),
        }
        if in_full:
            found["head_pipeline"] = self._head_pipeline(pull)
        return found

    def _head_pipeline(self, pull: Pull) -> dict[str, Any] | None:
        trial = pull.extra.get("merged_result")
        found = trial or self._matching(pull.commit, None, None)
        return {"id": found.id, "sha": found.sha, "ref": found.ref, "status": "running"} if found else None

    def _requests(self, call: Call) -> Reply:
        rows = [self._request(call, pull) for pull in call.model.pulls.values()]
        wanted = call.query.get("state", "all")
        reply = paged(call, [each for each in rows if wanted in ("all", each["state"])])
        happens, self.after_page = self.after_page, None
        if happens is not None:
            happens()
        return reply

    def _approvals(self, call: Call) -> Reply:
        pull = _pull_of(call)
        newest = {each.user: each for each in pull.reviews if each.verdict != "comment"}
        rows = []
        for review in newest.values():
            # GitLab knows of no commit: what was given for another one was given before this one was pushed.
            at = review.at if review.commit == pull.commit else pull.pushed_at - timedelta(seconds=1)
            is_taken_away = bool(self.resets) and at < pull.pushed_at
            if review.verdict == "approved" and not is_taken_away:
                when = {"approved_at": shown(at)} if self.tells_when else {}
                rows.append({"user": shown_user(review.user), **when})
        return Reply(200, {"iid": pull.number, "approved": True, "approved_by": rows})

    def _approval_rules(self, call: Call) -> Reply:
        if self.resets is None:
            return Reply(404, self.refusal(404, "Not Found"))
        return Reply(200, {"reset_approvals_on_push": self.resets})

    def _token(self, call: Call) -> Reply:
        return Reply(
            200,
            {
                "id": 7,
                "name": "envmgr",
                "scopes": list(self.scopes),
                "user_id": call.user.id,
                "active": True,
                "revoked": False,
                "expires_at": self.expires,
            },
        )

    # --- notes -----------------------------------------------------------------------------------

    def _create_note(self, call: Call) -> Reply:
        text, pull = call.body["body"].replace("\r", ""), _pull_of(call)
        if self._obeys(text) and all(line.startswith("/") for line in text.splitlines() if line):
            return Reply(202)
        return Reply(201, _note(pull, call.model.says(pull, text, call.user)))

    def _update_note(self, call: Call) -> Reply:
        pull, remark = _remark_of(call)
        if remark.user != call.user:
            return Reply(403, self.refusal(403, "Forbidden"))
        text = call.body["body"].replace("\r", "")
        self._obeys(text)
        call.model.edits(remark, text)
        return Reply(200, _note(pull, remark))

    def _obeys(self, text: str) -> bool:
        found = _COMMAND.findall(text)
        self.obeyed += found
        return bool(found)


def shown(moment: datetime) -> str:
    """A time as GitLab writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def shown_user(user: User) -> dict[str, Any]:
    """Somebody as GitLab shows them; bots are told by their names alone."""
    login = f"project_{PROJECT}_bot_{user.id:08x}" if user.is_bot else user.login
    return {"id": user.id, "username": login, "name": user.login, "state": "active"}


def paged(call: Call, rows: list[Any]) -> Reply:
    """One page of a list; the address of the next is that of GitLab's own configuration."""
    size, page = min(int(call.query.get("per_page", 20)), 100), int(call.query.get("page", 1))
    following = str(page + 1) if page * size < len(rows) else ""
    headers = {"x-next-page": following, "x-page": str(page), "x-total": str(len(rows))}
    if following:
        headers["Link"] = f'<https://gitlab.internal.example/api/v4/x?page={following}>; rel="next"'
    return Reply(200, rows[(page - 1) * size : page * size], headers)


def _pull_of(call: Call) -> Pull:
    return call.model.pulls[int(call.values["merge_request_iid"])]


def _remark_of(call: Call) -> tuple[Pull, Remark]:
    pull = _pull_of(call)
    return pull, {each.id: each for each in pull.remarks}[int(call.values["note_id"])]


def _note(pull: Pull, remark: Remark) -> dict[str, Any]:
    return {
        "id": remark.id,
        "body": remark.text,
        "author": shown_user(remark.user),
        "created_at": shown(remark.at),
        "updated_at": shown(remark.edited_at),
        "system": remark.extra.get("system", False),
        "type": remark.extra.get("type"),
        "noteable_iid": pull.number,
        "noteable_type": "MergeRequest",
    }


def _notes(call: Call) -> Reply:
    pull = _pull_of(call)
    key = call.query.get("order_by", "created_at")
    rows = sorted((_note(pull, each) for each in pull.remarks), key=lambda each: (each[key], each["id"]))
    return paged(call, rows if call.query.get("sort", "desc") == "asc" else rows[::-1])


def _discussions(call: Call) -> Reply:
    """Threads by `thread` of what is said; each other comment is one of its own."""
    pull = _pull_of(call)
    threads: dict[object, list[dict[str, Any]]] = {}
    for each in pull.remarks:
        threads.setdefault(each.extra.get("thread", each.id), []).append(_note(pull, each))
    rows = [
        {"id": f"{key}", "individual_note": notes[0]["type"] is None, "notes": notes}
        for key, notes in threads.items()
    ]
    return paged(call, rows)


def _delete_note(call: Call) -> Reply:
    pull, remark = _remark_of(call)
    pull.remarks.remove(remark)
    return Reply(204)


def _award(call: Call) -> Reply:
    _, remark = _remark_of(call)
    if call.body["name"] in remark.reactions:
        return Reply(404, {"message": "404 Award Emoji Name has already been taken Not Found"})
    remark.reactions.append(call.body["name"])
    return Reply(201, {"id": call.model.id(), "name": call.body["name"], "awardable_id": remark.id})


def _versions(call: Call) -> Reply:
    pull = _pull_of(call)
    newest = {
        "id": 2,
        "head_commit_sha": pull.commit,
        "created_at": shown(pull.pushed_at),
        "state": "collected",
    }
    first = {"id": 1, "head_commit_sha": "0" * 40, "created_at": shown(pull.at), "state": "collected"}
    return paged(call, [newest, first] if pull.pushed_at != pull.at else [newest])


def _member(call: Call) -> Reply:
    users = {str(each.id): each for each in call.model.users}
    user = users[call.values["user_id"]]
    blocked = call.model.extra.get("blocked", ())
    level = call.model.extra.get("levels", {}).get(user, LEVELS.get(user.permission))
    if level is None:
        return Reply(404, {"message": "404 Not found"})
    return Reply(
        200, {**shown_user(user), "access_level": level, "state": "blocked" if user in blocked else "active"}
    )


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "sha": job.pipeline.sha,
        "ref": job.pipeline.ref,
        "status": job.status,
        "name": job.name,
        "target_url": job.target_url,
        "description": job.description,
        "pipeline_id": job.pipeline.id,
        "author": shown_user(job.author),
    }


def _environment(place: Place) -> dict[str, Any]:
    return {
        "id": place.id,
        "name": place.name,
        "external_url": place.external_url,
        "state": place.state,
        "tier": place.tier,
    }


def _deployment(found: Deployment) -> dict[str, Any]:
    return {
        "id": found.id,
        "iid": found.id,
        "ref": found.ref,
        "sha": found.commit,
        "status": found.states[-1]["status"],
        "user": shown_user(found.extra["user"]),
        "environment": {"name": found.environment},
    }
