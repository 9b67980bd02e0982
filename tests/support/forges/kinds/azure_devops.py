"""Azure DevOps on loopback: Server's paths, where people are known below the same address."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from envmgr.domain.values.forge import Permission, PullRequestState
from tests.support.forges.loopback import Call, LoopbackForge, Reply, Work
from tests.support.forges.model import Model, Pull, Remark, Status, User

COLLECTION = "collection"
_PROJECT, _REPOSITORY = "00000000-0000-4000-8000-00000000cccc", "00000000-0000-4000-8000-00000000dddd"
_STATES = {
    PullRequestState.OPEN: "active",
    PullRequestState.MERGED: "completed",
    PullRequestState.CLOSED: "abandoned",
}
_VOTES = {"approved": 10, "rejected": -10, "dismissed": 0}
_BITS = {Permission.NONE: 0, Permission.READ: 2, Permission.WRITE: 6, Permission.ADMIN: 8206}
_PULL_REQUESTS = 16384


class AzureDevOps:
    """See Kind. The model's `shows_labels` says whether its list has them, `tells_rights` whether envmgr may read them.

    With `resets_statuses` a status of a pull request without its iteration is refused; those that are taken are the
    model's `pull_statuses`.
    """

    extract = "azure-devops"
    prefix = ""
    has_tags = False

    def calls(self) -> Mapping[str, Work]:
        """See Kind."""
        return {
            "Repositories_Get": lambda call: Reply(200, _repository(call)),
            "ConnectionData_Get": _own,
            "Permissions_HasPermissions": _may,
            "Identities_ReadIdentities": _identities,
            "AccessControlLists_Query": _lists,
            "PullRequests_GetPullRequests": _pulls,
            "PullRequests_GetPullRequest": lambda call: Reply(200, _pull(call, _pull_of(call))),
            "PullRequestLabels_List": lambda call: _all(_labels(_pull_of(call))),
            "PullRequestIterations_List": lambda call: _all(iterations(_pull_of(call))),
            "PullRequestThreads_List": _threads,
            "PullRequestThreads_Create": _comment,
            "PullRequestThreadComments_Update": _edit,
            "PullRequestThreadComments_Delete": _delete,
            "PullRequestCommentLikes_Create": _like,
            "Statuses_Create": _set_status,
            "Statuses_List": _statuses,
            "PullRequestStatuses_Create": _set_pull_status,
        }

    def model(self, call: Call) -> Model:
        """See Kind."""
        assert call.values["organization"] == COLLECTION
        if "project" not in call.values:
            return call.forge.model
        return call.forge.named(f"{call.values['project']}/{call.values['repositoryId']}")

    def user(self, forge: LoopbackForge, headers: Mapping[str, str], operation: str) -> User | None:
        """See Kind. Without the header it would lead to a page to sign in."""
        assert headers.get("x-tfs-fedauthredirect") == "Suppress"
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, token = base64.b64decode(token).decode().partition(":")
            assert name == ""
        return forge.tokens.get(token)

    def refusal(self, status: int, message: str) -> Any:
        """See Kind."""
        return {"$id": "1", "message": message, "typeKey": "GitException", "errorCode": 0, "eventId": 3000}

    def limits(self, forge: LoopbackForge) -> Mapping[str, str]:
        """See Kind."""
        if forge.remaining is None:
            return {}
        return {
            "X-RateLimit-Resource": "vssf/git",
            "X-RateLimit-Limit": str(forge.limit),
            "X-RateLimit-Remaining": str(forge.remaining),
            "X-RateLimit-Reset": "2000000000",
        }


def uuid(user: User) -> str:
    """What somebody is known by."""
    return f"00000000-0000-4000-8000-{user.id:012d}"


def shown(at: datetime) -> str:
    """A time as Azure DevOps writes it: in seven digits."""
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}0Z"


def _user(user: User) -> dict[str, Any]:
    return {
        "id": uuid(user),
        "displayName": user.login.title(),
        "uniqueName": user.login,
        "descriptor": f"svc.{user.id}" if user.is_bot else f"aad.{user.id}",
    }


def _all(rows: list[Any]) -> Reply:
    return Reply(200, {"count": len(rows), "value": rows})


def _repository(call: Call) -> dict[str, Any]:
    project, _, name = call.model.name.partition("/")
    return {"id": _REPOSITORY, "name": name, "project": {"id": _PROJECT, "name": project}}


def _pull_of(call: Call) -> Pull:
    return call.model.pulls[int(call.values["pullRequestId"])]


def _labels(pull: Pull) -> list[dict[str, Any]]:
    return [
        {"id": "00000000-0000-4000-8000-00000000eeee", "name": each, "active": True} for each in pull.labels
    ]


def _pull(call: Call, pull: Pull) -> dict[str, Any]:
    newest = {review.user: review for review in pull.reviews if review.verdict in _VOTES}
    found = {
        "pullRequestId": pull.number,
        "status": _STATES[pull.state],
        "isDraft": pull.is_draft,
        "title": pull.title,
        "createdBy": _user(pull.author),
        "creationDate": shown(pull.at),
        "sourceRefName": f"refs/heads/{pull.head}",
        "targetRefName": f"refs/heads/{pull.base}",
        # It lags behind, until the merge is tried again.
        "lastMergeSourceCommit": {"commitId": iterations(pull)[_tried(pull)]["sourceRefCommit"]["commitId"]},
        "repository": _repository(call),
        "reviewers": [
            {**_user(user), "vote": _VOTES[review.verdict], "isRequired": False}
            for user, review in newest.items()
        ],
    }
    if pull.is_from_fork:
        found["forkSource"] = {
            "name": f"refs/heads/{pull.head}",
            "repository": {"id": _PROJECT, "isFork": True},
        }
    if call.model.extra.get("shows_labels", True) and pull.labels:
        found["labels"] = _labels(pull)
    return found


def _tried(pull: Pull) -> int:
    """Of which push the merge was tried last: of a fork, whose ref that is, here at once."""
    return -1 if pull.is_from_fork and pull.extra.get("is_tried", True) else 0


def iterations(pull: Pull) -> list[dict[str, Any]]:
    """The pushes to a pull request of which somebody asked so far."""
    kept: list[tuple[str, datetime]] = pull.extra.setdefault("iterations", [])
    if (pull.commit, pull.pushed_at) not in kept:
        kept.append((pull.commit, pull.pushed_at))
    return [
        {"id": number, "createdDate": shown(at), "reason": "push", "sourceRefCommit": {"commitId": commit}}
        for number, (commit, at) in enumerate(kept, start=1)
    ]


def _pulls(call: Call) -> Reply:
    wanted = call.query.get("searchCriteria.status", "active")
    rows = [_pull(call, pull) for pull in call.model.pulls.values()]
    found = [each for each in rows if wanted in ("all", each["status"])]
    top, skip = int(call.query.get("$top", 101)), int(call.query.get("$skip", 0))
    return _all(found[skip : skip + top])


def _remark(remark: Remark) -> dict[str, Any]:
    return {
        "id": 1,
        "parentCommentId": 0,
        "content": remark.text,
        "commentType": "text",
        "publishedDate": shown(remark.at),
        "lastUpdatedDate": shown(remark.edited_at),
        "lastContentUpdatedDate": shown(remark.edited_at),
        "author": _user(remark.user),
        **remark.extra.get("comment", {}),
    }


def _thread(remark: Remark) -> dict[str, Any]:
    return {
        "id": remark.id,
        "status": remark.extra.get("status", "active"),
        "isDeleted": False,
        "publishedDate": shown(remark.at),
        "threadContext": remark.extra.get("context"),
        "properties": {},
        "identities": None,
        "comments": [_remark(remark)],
    }


def _vote(number: int, user: User, vote: int, at: datetime) -> dict[str, Any]:
    said = {
        "CodeReviewThreadType": "VoteUpdate",
        "CodeReviewVoteResult": str(vote),
        "CodeReviewVotedByIdentity": "1",
    }
    return {
        "id": number,
        "publishedDate": shown(at),
        "properties": {name: {"$type": "System.String", "$value": text} for name, text in said.items()},
        "identities": {"1": _user(user)},
        "comments": [{"id": 1, "commentType": "system", "content": f"{user.login} voted {vote}"}],
    }


def _threads(call: Call) -> Reply:
    pull = _pull_of(call)
    votes = [
        _vote(each.id, each.user, _VOTES[each.verdict], each.at)
        for each in pull.reviews
        if each.verdict in _VOTES
    ]
    return _all([*(_thread(each) for each in pull.remarks), *votes])


def _comment(call: Call) -> Reply:
    (comment,) = call.body["comments"]
    remark = call.model.says(_pull_of(call), comment["content"], call.user)
    remark.extra["status"] = call.body.get("status", "active")
    return Reply(200, _thread(remark))


def _remark_of(call: Call) -> tuple[Pull, Remark]:
    found = call.model.remark(int(call.values["threadId"]))
    if found is None or call.values["commentId"] != "1":
        raise KeyError("comment")
    return found


def _edit(call: Call) -> Reply:
    _, remark = _remark_of(call)
    if remark.user != call.user:
        return Reply(403, {"message": "TF401027: You need the Git 'PullRequestContribute' permission."})
    call.model.edits(remark, call.body["content"])
    return Reply(200, _remark(remark))


def _delete(call: Call) -> Reply:
    pull, remark = _remark_of(call)
    pull.remarks.remove(remark)
    return Reply(200)


def _like(call: Call) -> Reply:
    _, remark = _remark_of(call)
    remark.reactions[:] = ["like"]
    return Reply(200)


def _status(commit: str, body: Mapping[str, Any]) -> Status:
    context = f"{body['context']['genre']}/{body['context']['name']}"
    extra = {"iteration": body.get("iterationId")}
    return Status(
        commit, context, body["state"], body.get("description", ""), body.get("targetUrl", ""), extra
    )


def _set_status(call: Call) -> Reply:
    call.model.statuses.append(_status(call.values["commitId"], call.body))
    return Reply(200, {"id": call.model.id(), **call.body})


def _statuses(call: Call) -> Reply:
    assert call.query["latestOnly"] == "true", "else every one that ever was"
    newest = {each.context: each for each in call.model.statuses if each.commit == call.values["commitId"]}
    rows = [
        {
            "state": each.state,
            "context": dict(zip(("genre", "name"), each.context.rsplit("/", 1), strict=True)),
        }
        for each in newest.values()
    ]
    return Reply(200, {"count": len(rows), "value": rows})


def _set_pull_status(call: Call) -> Reply:
    pull, number = _pull_of(call), call.body.get("iterationId")
    if number is None and call.model.extra.get("resets_statuses", True):
        return Reply(403, {"message": "rejected", "typeKey": "GitPullRequestStatusRejectedByPolicyException"})
    commit = iterations(pull)[int(number) - 1]["sourceRefCommit"]["commitId"]
    call.model.extra.setdefault("pull_statuses", []).append(_status(commit, call.body))
    return Reply(200, {"id": call.model.id(), **call.body})


def _own(call: Call) -> Reply:
    named = {"Account": {"$type": "System.String", "$value": call.user.login}}
    user = {"id": uuid(call.user), "providerDisplayName": call.user.login.title(), "properties": named}
    return Reply(200, {"authenticatedUser": user})


def _may(call: Call) -> Reply:
    assert call.query["tokens"] == f"repoV2/{_PROJECT}/{_REPOSITORY}"
    asked = int(call.values["permissions"])
    held = _BITS[call.user.permission] | call.model.extra.get("own_bits", _PULL_REQUESTS)
    return Reply(200, {"count": 1, "value": [held & asked == asked]})


def _identities(call: Call) -> Reply:
    return _all(
        [
            {"id": uuid(each), "descriptor": _descriptor(each), "providerDisplayName": each.login}
            for each in call.model.users
            if uuid(each) == call.query["identityIds"]
        ]
    )


def _descriptor(user: User) -> str:
    return f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{_PROJECT}\\{user.login}"


def _lists(call: Call) -> Reply:
    if not call.model.extra.get("tells_rights", True):
        return Reply(403, {"message": "VS403284: Access denied"})
    token, asked = call.query["token"], call.query["descriptors"]
    if token.count("/") == 2 and call.model.extra.get("has_no_list"):
        return _all([])
    entries = {
        _descriptor(each): {
            "descriptor": _descriptor(each),
            "allow": 0,
            "deny": 0,
            "extendedInfo": {"effectiveAllow": _BITS[each.permission], "effectiveDeny": 0},
        }
        for each in call.model.users
        if _descriptor(each) == asked
    }
    return _all([{"inheritPermissions": True, "token": token, "acesDictionary": entries}])
