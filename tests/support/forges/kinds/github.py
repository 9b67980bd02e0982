"""GitHub on loopback: Enterprise Server's paths; by a token, or as an App whose installation has tokens of an hour."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt

from envmgr.domain.values.forge import Permission, PullRequestState
from tests.support.forges.loopback import Call, LoopbackForge, Reply, Work
from tests.support.forges.model import Deployment, Model, Pull, Remark, Review, Status, User

APP = "Iv23liLoopback"
INSTALLATION = 77
_MOST_STATUSES = 1000
_VERDICTS = {
    "approved": "APPROVED",
    "rejected": "CHANGES_REQUESTED",
    "comment": "COMMENTED",
    "dismissed": "DISMISSED",
}


class GitHub:
    """See Kind. `key` is an App's public key; its tokens end when `expire_tokens` is called."""

    extract = "github"
    prefix = "/api/v3"
    has_tags = True

    def __init__(self, key: str = "") -> None:
        """An App has the key."""
        self._key = key
        self.minted: list[dict[str, Any]] = []

    def calls(self) -> Mapping[str, Work]:
        """See Kind."""
        return {
            "apps/get-repo-installation": self._installation,
            "apps/create-installation-access-token": self._mint,
            "repos/create-commit-status": _set_status,
            "repos/get-combined-status-for-ref": _combined,
            "repos/create-deployment": _deploy,
            "repos/list-deployments": _deployments,
            "repos/create-deployment-status": _deployment_status,
            "repos/list-deployment-statuses": _deployment_statuses,
            "issues/list-comments": _comments,
            "issues/create-comment": _comment,
            "issues/update-comment": _edit,
            "issues/delete-comment": _delete,
            "reactions/create-for-issue-comment": _react,
            "pulls/list": _pulls,
            "pulls/get": lambda call: Reply(200, _pull_full(call, _pull_of(call))),
            "pulls/list-reviews": _reviews,
            "repos/get-collaborator-permission-level": _permission,
            "rate-limit/get": _rate,
            "users/get-authenticated": lambda call: Reply(200, _user(call.user)),
            "users/get-by-username": _by_name,
            "apps/get-authenticated": lambda _: Reply(200, {"id": 9, "slug": "envmgr", "name": "envmgr"}),
            "repos/get": _repository,
        }

    def model(self, call: Call) -> Model:
        """See Kind."""
        return call.forge.named(f"{call.values['owner']}/{call.values['repo']}")

    def user(self, forge: LoopbackForge, headers: Mapping[str, str], operation: str) -> User | None:
        """See Kind. The App's own calls take its JWT and nothing else."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        assert headers.get("user-agent"), "GitHub answers 403 without a User-Agent"
        assert headers.get("accept") == "application/vnd.github+json"
        if operation.startswith("apps/"):
            return forge.model.own if scheme == "Bearer" and self._is_app(token) else None
        return forge.tokens.get(token) if scheme == "Bearer" else None

    def expire_tokens(self, forge: LoopbackForge) -> None:
        """All that the App was given are no good any more."""
        for token in [each for each in forge.tokens if each.startswith("ghs_")]:
            del forge.tokens[token]

    def refusal(self, status: int, message: str) -> Any:
        """See Kind."""
        return {
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(status),
        }

    def limits(self, forge: LoopbackForge) -> Mapping[str, str]:
        """See Kind."""
        if forge.remaining is None:
            return {}
        return {
            "X-RateLimit-Limit": str(forge.limit),
            "X-RateLimit-Remaining": str(forge.remaining),
            "X-RateLimit-Reset": str(int(datetime.now().timestamp()) + 3600),  # noqa: DTZ005  as a number
            "X-RateLimit-Resource": "core",
        }

    def _is_app(self, token: str) -> bool:
        try:
            claims = jwt.decode(
                token, self._key, algorithms=["RS256"], options={"require": ["iat", "exp", "iss"]}
            )
        except jwt.PyJWTError:
            return False
        # GitHub refuses an App's token that is for longer than ten minutes.
        return claims["iss"] == APP and claims["exp"] - claims["iat"] <= 660

    def _installation(self, call: Call) -> Reply:
        self.model(call)  # or there is none
        permissions = {
            "metadata": "read",
            "pull_requests": "write",
            "statuses": "write",
            "deployments": "write",
        }
        return Reply(
            200,
            {
                "id": INSTALLATION,
                "app_id": 9,
                "app_slug": "envmgr",
                "permissions": permissions,
                "repository_selection": "selected",
            },
        )

    def _mint(self, call: Call) -> Reply:
        assert call.values["installation_id"] == str(INSTALLATION)
        self.minted.append(call.body)
        token = f"ghs_9_{len(self.minted):04d}_{'x' * 60}"
        call.forge.tokens[token] = call.forge.model.own
        at = call.forge.model.tick() + timedelta(hours=1)
        return Reply(
            201, {"token": token, "expires_at": shown(at), "permissions": call.body.get("permissions", {})}
        )


def shown(moment: datetime) -> str:
    """A time as GitHub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _by_name(call: Call) -> Reply:
    named = {"envmgr[bot]": call.forge.model.own, **{each.login: each for each in call.forge.model.users}}
    found = named[call.values["username"]]
    return Reply(200, {**_user(found), "login": call.values["username"]})


def _user(user: User) -> dict[str, Any]:
    return {"id": user.id, "login": user.login, "type": "Bot" if user.is_bot else "User"}


def _pull_of(call: Call) -> Pull:
    number = call.values.get("pull_number") or call.values["issue_number"]
    return call.model.pulls[int(number)]


def _pull(call: Call, pull: Pull) -> dict[str, Any]:
    name, is_closed = call.model.name, pull.state is not PullRequestState.OPEN
    here = {"id": 1, "full_name": name, "fork": False, "clone_url": f"{call.forge.url}/{name}.git"}
    fork = (
        None if pull.extra.get("fork_is_gone") else {**here, "id": 2, "full_name": "bob/shop", "fork": True}
    )
    return {
        "number": pull.number,
        "state": "closed" if is_closed else "open",
        "draft": pull.is_draft,
        "title": pull.title,
        "html_url": f"{call.forge.url}/{name}/pull/{pull.number}",
        "user": None if pull.extra.get("author_is_gone") else _user(pull.author),
        "head": {
            "ref": pull.head,
            "sha": pull.commit,
            "label": "x",
            "repo": fork if pull.is_from_fork else here,
            "user": None,
        },
        "base": {"ref": pull.base, "sha": "c" * 40, "repo": {"id": 1, "full_name": name}},
        "labels": [{"name": each} for each in pull.labels],
        "created_at": shown(pull.at),
        "updated_at": shown(pull.updated_at),
        "closed_at": shown(pull.updated_at) if is_closed else None,
        "merged_at": shown(pull.updated_at) if pull.state is PullRequestState.MERGED else None,
    }


def _pull_full(call: Call, pull: Pull) -> dict[str, Any]:
    found = _pull(call, pull)
    found["head"]["user"] = {"login": pull.author.login}
    found["user"] = found["user"] or {"id": 10137, "login": "ghost", "type": "User"}
    return {**found, "merged": pull.state is PullRequestState.MERGED}


def paged(call: Call, rows: list[Any]) -> Reply:
    """One page of a list, and where the next one is."""
    size, page = min(int(call.query.get("per_page", 30)), 100), int(call.query.get("page", 1))
    here = rows[(page - 1) * size : page * size]
    if page * size >= len(rows):
        return Reply(200, here)
    path = call.target.partition("?")[0]
    query = urlencode({**call.query, "page": page + 1})
    return Reply(200, here, {"Link": f'<{call.forge.url}{path}?{query}>; rel="next"'})


def _pulls(call: Call) -> Reply:
    wanted = call.query.get("state", "open")
    states = {"open": "open", "closed": "closed"}
    rows = [_pull(call, pull) for pull in call.model.pulls.values()]
    return paged(call, [each for each in rows if wanted == "all" or each["state"] == states[wanted]])


def _reviews(call: Call) -> Reply:
    return paged(call, [_review(each) for each in _pull_of(call).reviews])


def _review(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "user": _user(review.user),
        "state": _VERDICTS[review.verdict],
        "commit_id": review.commit,
        "submitted_at": shown(review.at),
        "body": "",
    }


def _permission(call: Call) -> Reply:
    user = call.model.user(call.values["username"])
    if user is None:
        return Reply(404, {"message": f"{call.values['username']} is not a user"})
    given = user.permission.value
    return Reply(200, {"permission": given, "role_name": given, "user": _user(user)})


def _set_status(call: Call) -> Reply:
    model, sha = call.model, call.values["sha"]
    before = Counter((each.commit, each.context.lower()) for each in model.statuses)
    context = call.body.get("context", "default")
    if before[sha, context.lower()] >= _MOST_STATUSES:
        message = "This SHA and context has reached the maximum number of statuses."
        return Reply(422, {"message": "Validation Failed", "errors": [{"message": message}]})
    body = call.body
    status = Status(sha, context, body["state"], body.get("description") or "", body.get("target_url") or "")
    model.statuses.append(status)
    at = shown(model.tick())
    return Reply(201, {"id": model.id(), **call.body, "context": context, "created_at": at, "updated_at": at})


def _combined(call: Call) -> Reply:
    newest = {each.context.lower(): each for each in call.model.statuses if each.commit == call.values["ref"]}
    rows = [{"state": each.state, "context": each.context} for each in newest.values()]
    return Reply(200, {"state": "pending", "total_count": len(rows), "statuses": rows})


def _deploy(call: Call) -> Reply:
    model, body = call.model, call.body
    if body.get("auto_merge", True):
        return Reply(202)
    if body.get("required_contexts") != []:
        return Reply(409, {"message": "Conflict: Commit status checks failed"})
    made = Deployment(model.id(), body["environment"], body["ref"], body["ref"], dict(body))
    model.deployments.append(made)
    return Reply(201, _deployment(made))


def _deployment(found: Deployment) -> dict[str, Any]:
    return {
        "id": found.id,
        "sha": found.commit,
        "ref": found.ref,
        "task": "deploy",
        "environment": found.environment,
        "creator": {"login": "envmgr-bot"},
        "payload": found.extra.get("payload", {}),
    }


def _deployments(call: Call) -> Reply:
    wanted = {"environment": "environment", "sha": "commit", "ref": "ref"}
    asked = {name: call.query[key] for key, name in wanted.items() if key in call.query}
    rows = [each for each in call.model.deployments if all(getattr(each, n) == v for n, v in asked.items())]
    return paged(call, [_deployment(each) for each in rows[::-1]])


def _deployment_of(call: Call) -> Deployment:
    return {each.id: each for each in call.model.deployments}[int(call.values["deployment_id"])]


def _deployment_status(call: Call) -> Reply:
    found = _deployment_of(call)
    for name in ("environment_url", "log_url"):
        assert call.body.get(name, "http://").startswith(("http://", "https://")), call.body
    found.states.append(dict(call.body))
    return Reply(201, {"id": call.model.id(), "state": call.body["state"], "creator": None})


def _deployment_statuses(call: Call) -> Reply:
    rows = [
        {"id": n, "state": each["state"], "creator": None}
        for n, each in enumerate(_deployment_of(call).states)
    ]
    return paged(call, rows[::-1])


def _comment_of(call: Call) -> tuple[Pull, Remark]:
    found = call.model.remark(int(call.values["comment_id"]))
    if found is None:
        raise KeyError("comment")
    return found


def _remark(call: Call, pull: Pull, remark: Remark) -> dict[str, Any]:
    return {
        "id": remark.id,
        "body": remark.text,
        "user": _user(remark.user),
        "created_at": shown(remark.at),
        "updated_at": shown(remark.edited_at),
        "issue_url": f"{call.forge.url}/api/v3/repos/{call.model.name}/issues/{pull.number}",
    }


def _comments(call: Call) -> Reply:
    pull, since = _pull_of(call), call.query.get("since", "")
    rows = [_remark(call, pull, each) for each in pull.remarks]
    return paged(call, [each for each in rows if each["updated_at"] >= since])


def _comment(call: Call) -> Reply:
    pull = _pull_of(call)
    return Reply(201, _remark(call, pull, call.model.says(pull, call.body["body"], call.user)))


def _edit(call: Call) -> Reply:
    pull, remark = _comment_of(call)
    if remark.user != call.user:
        return Reply(403, {"message": "Must have admin rights to Repository."})
    call.model.edits(remark, call.body["body"])
    return Reply(200, _remark(call, pull, remark))


def _delete(call: Call) -> Reply:
    pull, remark = _comment_of(call)
    pull.remarks.remove(remark)
    return Reply(204)


def _react(call: Call) -> Reply:
    _, remark = _comment_of(call)
    content = call.body["content"]
    is_new = content not in remark.reactions
    if is_new:
        remark.reactions.append(content)
    return Reply(201 if is_new else 200, {"id": 1, "content": content, "user": {"login": call.user.login}})


def _rate(call: Call) -> Reply:
    left = call.forge.remaining if call.forge.remaining is not None else call.forge.limit
    core = {
        "limit": call.forge.limit,
        "remaining": left,
        "reset": 2_000_000_000,
        "used": call.forge.limit - left,
    }
    return Reply(200, {"resources": {"core": core}})


def _repository(call: Call) -> Reply:
    may = call.user.permission in (Permission.WRITE, Permission.ADMIN)
    is_admin = call.user.permission is Permission.ADMIN
    return Reply(
        200,
        {
            "id": 1,
            "full_name": call.model.name,
            "permissions": {"admin": is_admin, "push": may, "pull": True},
        },
    )
