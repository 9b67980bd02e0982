"""Bitbucket Data Center on loopback."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from envmgr.domain.values.forge import Permission, PullRequestState
from tests.support.forges.loopback import Call, LoopbackForge, Reply, Work
from tests.support.forges.model import Deployment, Model, Pull, Remark, Review, Status, User

_STATES = {
    PullRequestState.OPEN: "OPEN",
    PullRequestState.MERGED: "MERGED",
    PullRequestState.CLOSED: "DECLINED",
}
_ACTIONS = {"approved": "APPROVED", "rejected": "REVIEWED", "dismissed": "UNAPPROVED"}
_VERDICTS = {"approved": "APPROVED", "rejected": "NEEDS_WORK"}
_RANKS = [Permission.NONE, Permission.READ, Permission.WRITE, Permission.ADMIN]
_ASKED = {"REPO_READ": Permission.READ, "REPO_WRITE": Permission.WRITE, "REPO_ADMIN": Permission.ADMIN}


class BitbucketDataCenter:
    """See Kind. A comment's `version` and its `answers` are in what it has beside the rest."""

    extract = "bitbucket"
    prefix = "/rest"
    has_tags = True

    def calls(self) -> Mapping[str, Work]:
        """See Kind."""
        return {
            "dc_getRepository": lambda call: Reply(200, {"id": 61, "slug": call.values["repositorySlug"]}),
            "dc_getPage": _pulls,
            "dc_get_3": lambda call: Reply(200, _pull(_pull_of(call))),
            "dc_getActivities": _activities,
            "dc_createComment_2": _comment,
            "dc_getComment_2": lambda call: Reply(200, _remark(_remark_of(call)[1])),
            "dc_updateComment_2": _edit,
            "dc_deleteComment_2": _delete,
            "dc_add": _set_status,
            "dc_get": _build_status,
            "dc_createOrUpdateDeployment": _deploy,
            "dc_getUsers_2": _users,
        }

    def model(self, call: Call) -> Model:
        """See Kind."""
        if "projectKey" not in call.values:
            project, slug = (
                call.query.get("permission.1.projectKey"),
                call.query.get("permission.1.repositorySlug"),
            )
            return call.forge.named(f"{project}/{slug}") if project else call.forge.model
        return call.forge.named(f"{call.values['projectKey']}/{call.values['repositorySlug']}")

    def user(self, forge: LoopbackForge, headers: Mapping[str, str], operation: str) -> User | None:
        """See Kind."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return forge.tokens.get(token) if scheme == "Bearer" else None

    def refusal(self, status: int, message: str) -> Any:
        """See Kind."""
        return (
            {"errors": [{"context": None, "message": message, "exceptionName": None}]}
            if status != 403
            else {}
        )

    def limits(self, forge: LoopbackForge) -> Mapping[str, str]:
        """See Kind. Each answer also says who asks, unless the token is nobody's (`is_nobody`)."""
        name = {} if forge.model.extra.get("is_nobody") else {"X-AUSERNAME": forge.model.own.login}
        if forge.remaining is None:
            return name
        return {**name, "X-RateLimit-Limit": str(forge.limit), "X-RateLimit-Remaining": str(forge.remaining)}


def _thousandths(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _user(user: User) -> dict[str, Any]:
    return {
        "name": user.login,
        "slug": user.login,
        "id": user.id,
        "displayName": user.login.title(),
        "active": True,
        "type": "SERVICE" if user.is_bot else "NORMAL",
    }


def _pull_of(call: Call) -> Pull:
    return call.model.pulls[int(call.values["pullRequestId"])]


def _ref(name: str, commit: str, repository: int) -> dict[str, Any]:
    here = {"id": repository, "slug": "shop", "project": {"key": "ACME", "type": "NORMAL"}}
    return {"id": f"refs/heads/{name}", "displayId": name, "latestCommit": commit, "repository": here}


def _reviewer(review: Review) -> dict[str, Any]:
    return {
        "user": _user(review.user),
        "role": "REVIEWER",
        "status": _VERDICTS.get(review.verdict, "UNAPPROVED"),
        "approved": review.verdict == "approved",
        "lastReviewedCommit": review.commit,
    }


def _pull(pull: Pull) -> dict[str, Any]:
    newest = {review.user: review for review in pull.reviews if review.verdict != "comment"}
    return {
        "id": pull.number,
        "version": 1,
        "state": _STATES[pull.state],
        "open": pull.state is PullRequestState.OPEN,
        "closed": pull.state is not PullRequestState.OPEN,
        "draft": pull.is_draft,
        "title": pull.title,
        "fromRef": _ref(pull.head, pull.commit, 62 if pull.is_from_fork else 61),
        "toRef": _ref(pull.base, "c" * 40, 61),
        "author": {"user": _user(pull.author), "role": "AUTHOR", "status": "UNAPPROVED", "approved": False},
        "reviewers": [_reviewer(each) for each in newest.values()],
        "participants": [],
        "createdDate": _thousandths(pull.at),
        "updatedDate": _thousandths(pull.updated_at),
        "properties": {"commentCount": len(pull.remarks)} if pull.remarks else {},
    }


def paged(call: Call, rows: list[Any]) -> Reply:
    """One page of a list, and where the next one begins."""
    size, start = int(call.query.get("limit", 25)), int(call.query.get("start", 0))
    here = rows[start : start + size]
    body: dict[str, Any] = {"start": start, "limit": size, "size": len(here), "values": here}
    is_last = start + size >= len(rows)
    return Reply(200, {**body, "isLastPage": is_last} | ({} if is_last else {"nextPageStart": start + size}))


def _pulls(call: Call) -> Reply:
    wanted = call.query.get("state", "OPEN")
    rows = [_pull(pull) for pull in call.model.pulls.values()]
    return paged(call, [each for each in rows if wanted in ("ALL", each["state"])])


def _remark(remark: Remark) -> dict[str, Any]:
    return {
        "id": remark.id,
        "version": remark.extra.get("version", 0),
        "text": remark.text,
        "author": _user(remark.user),
        "createdDate": _thousandths(remark.at),
        "updatedDate": _thousandths(remark.edited_at),
        "severity": "NORMAL",
        "state": "OPEN",
        "comments": [_remark(each) for each in remark.extra.get("answers", ())],
    }


def _activities(call: Call) -> Reply:
    pull = _pull_of(call)
    happened: list[tuple[datetime, dict[str, Any]]] = [(pull.at, {"action": "OPENED"})]
    happened += [
        (each.at, {"action": _ACTIONS[each.verdict], "user": _user(each.user)})
        for each in pull.reviews
        if each.verdict in _ACTIONS
    ]
    if pull.pushed_at != pull.at:
        moved = {"action": "RESCOPED", "fromHash": pull.commit, "previousFromHash": "0" * 40}
        happened.append((pull.pushed_at, moved))
    for remark in pull.remarks:
        entry = {"action": "COMMENTED", "commentAction": "ADDED", "comment": _remark(remark)}
        anchor = {"commentAnchor": remark.extra["anchor"]} if "anchor" in remark.extra else {}
        happened.append((remark.at, {**entry, **anchor}))
    rows = [
        {"id": number, "createdDate": _thousandths(at), **each}
        for number, (at, each) in enumerate(sorted(happened, key=lambda pair: pair[0], reverse=True))
    ]
    return paged(call, rows)


def _comment(call: Call) -> Reply:
    return Reply(201, _remark(call.model.says(_pull_of(call), call.body["text"], call.user)))


def _remark_of(call: Call) -> tuple[Pull, Remark]:
    found = call.model.remark(int(call.values["commentId"]))
    if found is None:
        raise KeyError("comment")
    return found


def _conflict(message: str) -> Reply:
    return Reply(409, {"errors": [{"message": message}]})


def _edit(call: Call) -> Reply:
    _, remark = _remark_of(call)
    if remark.user != call.user:
        return Reply(401, {"errors": [{"message": "You are not permitted to edit this comment."}]})
    if call.body["version"] != remark.extra.get("version", 0):
        return _conflict("You are attempting to modify a comment based on out-of-date information.")
    call.model.edits(remark, call.body["text"])
    remark.extra["version"] = call.body["version"] + 1
    return Reply(200, _remark(remark))


def _delete(call: Call) -> Reply:
    pull, remark = _remark_of(call)
    if remark.extra.get("answers"):
        return _conflict("This comment has replies which must be deleted first.")
    if int(call.query["version"]) != remark.extra.get("version", 0):
        return _conflict("You are attempting to modify a comment based on out-of-date information.")
    pull.remarks.remove(remark)
    return Reply(204)


def _set_status(call: Call) -> Reply:
    body = call.body
    made = Status(
        call.values["commitId"],
        body["name"],
        body["state"],
        body.get("description", ""),
        body["url"],
        {"key": body["key"], "parent": body["parent"]},
    )
    call.model.statuses.append(made)
    return Reply(204)


def _build_status(call: Call) -> Reply:
    asked = (call.values["commitId"], call.query["key"])
    newest = {(s.commit, s.extra["key"]): s for s in call.model.statuses}
    return Reply(200, {"key": asked[1], "state": newest[asked].state})


def _deploy(call: Call) -> Reply:
    model, body = call.model, call.body
    number = body["deploymentSequenceNumber"]
    found = next((each for each in model.deployments if each.id == number), None)
    if found is None:
        commit = call.values["commitId"]
        found = Deployment(number, body["environment"]["displayName"], commit, "", dict(body))
        model.deployments.append(found)
    found.states.append(dict(body))
    return Reply(200, {**body, "toCommit": {"id": call.values["commitId"]}})


def _users(call: Call) -> Reply:
    least = _ASKED.get(call.query.get("permission.1", ""), Permission.NONE)
    rows = [
        _user(each)
        for each in call.model.users
        if call.query["filter"] in each.login and _RANKS.index(each.permission) >= _RANKS.index(least)
    ]
    return paged(call, rows)
