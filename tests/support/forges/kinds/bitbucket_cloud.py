"""Bitbucket Cloud on loopback."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from envmgr.domain.values.forge import Permission, PullRequestState
from tests.support.forges.loopback import Call, LoopbackForge, Reply, Work
from tests.support.forges.model import Model, Pull, Remark, Status, User

SCOPES = "repository, pullrequest:write"
_STATES = {
    PullRequestState.OPEN: "OPEN",
    PullRequestState.MERGED: "MERGED",
    PullRequestState.CLOSED: "DECLINED",
}
_HERE, _FORK = "{00000000-0000-4000-8000-00000000aaaa}", "{00000000-0000-4000-8000-00000000bbbb}"


class BitbucketCloud:
    """See Kind. The model's `scopes` are those of the token, and `is_user` says whether that is a person's.

    `updates` of a pull request are times at which more of it was changed than its head.
    """

    extract = "bitbucket"
    prefix = "/2.0"
    has_tags = True

    def calls(self) -> Mapping[str, Work]:
        """See Kind."""
        return {
            "cloud_Repository_get": _repository,
            "cloud_User_get": _own,
            "cloud_PullRequest_get": _pulls,
            "cloud_PullRequestFull_get": lambda call: Reply(200, _full(_pull_of(call))),
            "cloud_Activity_get": _activity,
            "cloud_Comment_get": _comments,
            "cloud_Comment_post": _comment,
            "cloud_Comment_put": _edit,
            "cloud_Comment_delete": _delete,
            "cloud_CommitStatus_post": _set_status,
            "cloud_CommitStatus_get": _statuses,
            "cloud_RepositoryPermission_get": _permission,
        }

    def model(self, call: Call) -> Model:
        """See Kind."""
        if "workspace" not in call.values:
            return call.forge.model
        return call.forge.named(f"{call.values['workspace']}/{call.values['repo_slug']}")

    def user(self, forge: LoopbackForge, headers: Mapping[str, str], operation: str) -> User | None:
        """See Kind."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return forge.tokens.get(token) if scheme == "Bearer" else None

    def refusal(self, status: int, message: str) -> Any:
        """See Kind."""
        return {"type": "error", "error": {"message": message}}

    def limits(self, forge: LoopbackForge) -> Mapping[str, str]:
        """See Kind: it says only that little is left, and which scopes the token has."""
        near = {"X-RateLimit-NearLimit": "true"} if (forge.remaining or 1000) < 200 else {}
        return {**near, "X-OAuth-Scopes": forge.model.extra.get("scopes", SCOPES)}


def uuid(user: User) -> str:
    """What somebody is known by."""
    return f"{{00000000-0000-4000-8000-{user.id:012d}}}"


def _user(user: User) -> dict[str, Any]:
    kind = "AppUser" if user.is_bot else "user"
    return {"uuid": uuid(user), "display_name": user.login.title(), "nickname": user.login, "type": kind}


def _repository(call: Call) -> Reply:
    return Reply(200, {"uuid": _HERE, "full_name": call.model.name})


def _own(call: Call) -> Reply:
    if not call.model.extra.get("is_user"):
        return Reply(
            403, {"type": "error", "error": {"message": "Your credentials lack one or more scopes."}}
        )
    return Reply(200, _user(call.user))


def _pull_of(call: Call) -> Pull:
    return call.model.pulls[int(call.values["pull_request_id"])]


def _pull(pull: Pull) -> dict[str, Any]:
    source: dict[str, Any] = {
        "branch": {"name": pull.head},
        "commit": {"hash": pull.commit[:12]},
        "repository": {"uuid": _FORK if pull.is_from_fork else _HERE},
    }
    if pull.extra.get("fork_is_gone"):
        source["repository"] = None
    return {
        "id": pull.number,
        "state": _STATES[pull.state],
        "title": pull.title,
        "author": _user(pull.author),
        "source": source,
        "destination": {"branch": {"name": pull.base}, "repository": {"uuid": _HERE}},
        "created_on": pull.at.isoformat(),
        "updated_on": pull.updated_at.isoformat(),
        "draft": pull.is_draft,
        "comment_count": sum(not each.extra.get("is_deleted") for each in pull.remarks),
    }


def _full(pull: Pull) -> dict[str, Any]:
    newest = {review.user: review for review in pull.reviews if review.verdict != "comment"}
    words = {"approved": "approved", "rejected": "changes_requested"}
    people = [
        {
            "user": _user(user),
            "role": "REVIEWER",
            "approved": review.verdict == "approved",
            "state": words.get(review.verdict),
            "participated_on": review.at.isoformat(),
        }
        for user, review in newest.items()
    ]
    return {**_pull(pull), "participants": [each for each in people if each["state"] is not None]}


def paged(call: Call, rows: list[Any]) -> Reply:
    """One page of a list, and where the next one is."""
    size, page = int(call.query.get("pagelen", 10)), int(call.query.get("page", 1))
    body: dict[str, Any] = {
        "pagelen": size,
        "page": page,
        "size": len(rows),
        "values": rows[(page - 1) * size : page * size],
    }
    if page * size < len(rows):
        path = call.target.partition("?")[0]
        body["next"] = f"{call.forge.url}{path}?{urlencode({**call.query, 'page': page + 1})}"
    return Reply(200, body)


def _pulls(call: Call) -> Reply:
    wanted = call.query.get("state", "OPEN")
    rows = [_pull(pull) for pull in call.model.pulls.values()]
    return paged(call, [each for each in rows if each["state"] == wanted])


def _activity(call: Call) -> Reply:
    pull = _pull_of(call)
    first = pull.commit if pull.pushed_at == pull.at else "0" * 40
    updates = [(pull.at, first), (pull.pushed_at, pull.commit)]
    updates += [(at, pull.commit) for at in pull.extra.get("updates", ())]
    happened: list[tuple[Any, dict[str, Any]]] = [
        (at, {"update": {"date": at.isoformat(), "state": "OPEN", "source": {"commit": {"hash": sha[:12]}}}})
        for at, sha in dict(updates).items()
    ]
    happened += [
        (each.at, {"approval": {"date": each.at.isoformat(), "user": _user(each.user)}})
        for each in pull.reviews
        if each.verdict == "approved"
    ]
    happened += [(each.at, {"comment": {"id": each.id}}) for each in pull.remarks]
    return paged(call, [each for _, each in sorted(happened, key=lambda pair: pair[0], reverse=True)])


def _remark(remark: Remark) -> dict[str, Any]:
    is_deleted = bool(remark.extra.get("is_deleted"))
    found: dict[str, Any] = {
        "id": remark.id,
        "content": {"raw": "" if is_deleted else remark.text},
        "user": _user(remark.user),
        "created_on": remark.at.isoformat(),
        "updated_on": remark.edited_at.isoformat(),
        "deleted": is_deleted,
    }
    return {**found, **{name: remark.extra[name] for name in ("parent", "inline") if name in remark.extra}}


def _comments(call: Call) -> Reply:
    rows = _pull_of(call).remarks
    asked = re.fullmatch(r"updated_on >= (\S+)", call.query.get("q", "updated_on >= 0000"))
    assert asked is not None, call.query
    return paged(call, [_remark(each) for each in rows if each.edited_at.isoformat() >= asked[1]])


def _comment(call: Call) -> Reply:
    pull = _pull_of(call)
    return Reply(201, _remark(call.model.says(pull, call.body["content"]["raw"], call.user)))


def _remark_of(call: Call) -> tuple[Pull, Remark]:
    found = call.model.remark(int(call.values["comment_id"]))
    if found is None or found[1].extra.get("is_deleted"):
        raise KeyError("comment")
    return found


def _edit(call: Call) -> Reply:
    _, remark = _remark_of(call)
    if remark.user != call.user:
        return Reply(403, {"type": "error", "error": {"message": "You may not edit this comment."}})
    call.model.edits(remark, call.body["content"]["raw"])
    return Reply(200, _remark(remark))


def _delete(call: Call) -> Reply:
    pull, remark = _remark_of(call)
    pull.remarks.remove(remark)
    return Reply(204)


def _set_status(call: Call) -> Reply:
    body = call.body
    if "." not in (urlsplit(body["url"]).hostname or ""):
        return Reply(400, {"type": "error", "error": {"message": "Enter a valid URL."}})
    made = Status(
        call.values["commit"],
        body["name"],
        body["state"],
        body.get("description", ""),
        body["url"],
        {"key": body["key"]},
    )
    call.model.statuses.append(made)
    return Reply(201, {**body, "updated_on": call.model.tick().isoformat()})


def _statuses(call: Call) -> Reply:
    newest = {s.extra["key"]: s for s in call.model.statuses if s.commit == call.values["commit"]}
    return paged(call, [{"key": key, "state": each.state} for key, each in newest.items()])


def _permission(call: Call) -> Reply:
    if call.user.permission is not Permission.ADMIN:
        return Reply(403, {"type": "error", "error": {"message": "You are not an administrator."}})
    asked = re.fullmatch(r'user\.uuid="(.+)"', call.query["q"])
    assert asked is not None, call.query
    rows = [
        {"permission": each.permission.value, "user": {"uuid": uuid(each)}}
        for each in call.model.users
        if uuid(each) == asked[1] and each.permission is not Permission.NONE
    ]
    return paged(call, rows)
