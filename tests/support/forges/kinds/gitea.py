"""Gitea on loopback; `is_forgejo`: as Forgejo has it, which knows fewer parameters and states."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from envmgr.domain.values.forge import PullRequestState
from tests.support.forges.loopback import Call, LoopbackForge, Reply, Work
from tests.support.forges.model import Model, Pull, Remark, Review, Status, User

_FORGEJO_STATES = ("pending", "success", "error", "failure", "warning")
_ZONE = timezone(timedelta(hours=2))
_VERDICTS = {
    "approved": "APPROVED",
    "rejected": "REQUEST_CHANGES",
    "comment": "COMMENT",
    "dismissed": "APPROVED",
}


@dataclass
class Gitea:
    """See Kind. `most` of a list are on a page; `administers`: envmgr may ask what others may do; `reactions` are allowed."""

    extract = "gitea"
    prefix: str = "/api/v1"
    has_tags = False
    is_forgejo: bool = False
    most: int = 50
    administers: bool = True
    reactions: tuple[str, ...] = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    is_locked: bool = False
    is_site_admin: bool = False

    def calls(self) -> Mapping[str, Work]:
        """See Kind."""
        return {
            "repo_create_status": self._set_status,
            "repo_get_combined_status_by_ref": _combined,
            "issue_get_comments": _comments,
            "issue_create_comment": self._comment,
            "issue_edit_comment": _edit,
            "issue_delete_comment": _delete,
            "issue_post_comment_reaction": self._react,
            "repo_list_pull_requests": self._pulls,
            "repo_get_pull_request": lambda call: Reply(200, _pull(call, _pull_of(call))),
            "repo_list_pull_reviews": self._reviews,
            "repo_get_repo_permissions": self._permission,
            "user_get_current": lambda call: Reply(200, {**_user(call.user), "is_admin": self.is_site_admin}),
            "get_general_api_settings": lambda _: Reply(
                200, {"max_response_items": self.most, "default_paging_num": min(30, self.most)}
            ),
        }

    def model(self, call: Call) -> Model:
        """See Kind."""
        return call.forge.named(f"{call.values['owner']}/{call.values['repo']}")

    def user(self, forge: LoopbackForge, headers: Mapping[str, str], operation: str) -> User | None:
        """See Kind."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return forge.tokens.get(token) if scheme in ("token", "Bearer") else None

    def refusal(self, status: int, message: str) -> Any:
        """See Kind."""
        return {"message": message, "url": "https://git.example.com/api/swagger"}

    def limits(self, forge: LoopbackForge) -> Mapping[str, str]:
        """See Kind: it has none of its own."""
        return {}

    def paged(self, call: Call, rows: list[Any]) -> Reply:
        """One page of a list, no longer than the server gives; the address of the next is that of Gitea's configuration."""
        size, page = min(int(call.query.get("limit", 30)), self.most), int(call.query.get("page", 1))
        headers = {"X-Total-Count": str(len(rows))}
        if page * size < len(rows):
            headers["Link"] = f'<https://git.internal.example/api/v1/x?page={page + 1}>; rel="next"'
        return Reply(200, rows[(page - 1) * size : page * size], headers)

    def _set_status(self, call: Call) -> Reply:
        body = call.body
        assert body["context"], "an empty context is a context of its own"
        if self.is_forgejo and body["state"] not in _FORGEJO_STATES:
            return Reply(422, self.refusal(422, "no such state"))
        made = Status(
            call.values["sha"],
            body["context"],
            body["state"],
            body.get("description", ""),
            body.get("target_url", ""),
        )
        call.model.statuses.append(made)
        return Reply(201, {"id": call.model.id(), "context": made.context, "status": made.state})

    def _pulls(self, call: Call) -> Reply:
        assert not (self.is_forgejo and "base_branch" in call.query), "Forgejo does not know it"
        wanted = call.query.get("state", "open")
        rows = [_pull(call, pull) for pull in call.model.pulls.values()]
        return self.paged(call, [each for each in rows if wanted in ("all", each["state"])])

    def _reviews(self, call: Call) -> Reply:
        pull = _pull_of(call)
        reply = self.paged(call, [_review(pull, each) for each in pull.reviews])
        # Gitea counts those that their authors have not sent yet, and leaves them out of the page.
        shown_ones = [each for each in reply.body if each["state"] != "PENDING"]
        return Reply(200, shown_ones, reply.headers)

    def _permission(self, call: Call) -> Reply:
        login = call.values["collaborator"]
        if not (self.administers or login == call.user.login):
            return Reply(403, self.refusal(403, "Only admins can query all permissions"))
        user = call.model.user(login)
        if user is None:
            return Reply(404, self.refusal(404, "user does not exist"))
        permission = call.model.extra.get("permissions", {}).get(user, user.permission.value)
        return Reply(200, {"permission": permission, "role_name": permission, "user": _user(user)})

    def _comment(self, call: Call) -> Reply:
        if self.is_locked:
            return Reply(423, self.refusal(423, "this issue is locked"))
        pull = _pull_of(call)
        return Reply(201, _remark(call.model.says(pull, call.body["body"], call.user)))

    def _react(self, call: Call) -> Reply:
        _, remark = _remark_of(call)
        content = call.body["content"]
        if content not in self.reactions:
            return Reply(403, self.refusal(403, f"'{content}' is not an allowed reaction"))
        is_new = content not in remark.reactions
        if is_new:
            remark.reactions.append(content)
        return Reply(201 if is_new else 200, {"content": content, "user": _user(call.user)})


def shown(moment: datetime) -> str:
    """A time as Gitea writes it: in the server's zone."""
    return moment.astimezone(_ZONE).isoformat(timespec="seconds")


def _user(user: User) -> dict[str, Any]:
    return {"id": -user.id, "login": user.login} if user.is_bot else {"id": user.id, "login": user.login}


def _pull_of(call: Call) -> Pull:
    return call.model.pulls[int(call.values["index"])]


def _remark_of(call: Call) -> tuple[Pull, Remark]:
    found = call.model.remark(int(call.values["id"]))
    if found is None:
        raise KeyError("comment")
    return found


def _combined(call: Call) -> Reply:
    newest = {each.context: each for each in call.model.statuses if each.commit == call.values["ref"]}
    rows = [{"status": each.state, "context": each.context} for each in newest.values()]
    return Reply(200, {"state": "pending", "total_count": len(rows), "statuses": rows})


def _pull(call: Call, pull: Pull) -> dict[str, Any]:
    name, is_closed = call.model.name, pull.state is not PullRequestState.OPEN
    here = {"id": 1, "full_name": name}
    fork = None if pull.extra.get("fork_is_gone") else {"id": 2, "full_name": "bob/shop", "fork": True}
    head = f"refs/pull/{pull.number}/head" if pull.extra.get("fork_is_gone") else pull.head
    return {
        "number": pull.number,
        "state": "closed" if is_closed else "open",
        "merged": pull.state is PullRequestState.MERGED,
        "draft": pull.is_draft,
        "title": pull.title,
        "html_url": f"{call.forge.url}{call.forge.kind.prefix.removesuffix('/api/v1')}/{name}/pulls/{pull.number}",
        **({} if pull.extra.get("author_is_gone") else {"user": _user(pull.author)}),
        "head": {
            "ref": head,
            "sha": pull.commit,
            "repo_id": 2 if pull.is_from_fork else 1,
            **({"repo": fork if pull.is_from_fork else here} if fork or not pull.is_from_fork else {}),
        },
        "base": {"ref": pull.base, "sha": "c" * 40, "repo_id": 1, "repo": here},
        "labels": [{"id": n, "name": each} for n, each in enumerate(pull.labels)],
        "created_at": shown(pull.at),
        "updated_at": shown(pull.updated_at),
    }


def _review(pull: Pull, review: Review) -> dict[str, Any]:
    state = "PENDING" if review.verdict == "draft" else _VERDICTS[review.verdict]
    return {
        "id": review.id,
        "user": _user(review.user),
        "state": state,
        "commit_id": review.commit,
        "official": review.user not in pull.extra.get("unofficial", ()),
        "stale": review.commit != pull.commit,
        "dismissed": review.verdict == "dismissed",
        "submitted_at": shown(review.at),
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return {
        "id": remark.id,
        "body": remark.text,
        "user": _user(remark.user),
        "created_at": shown(remark.at),
        "updated_at": shown(remark.edited_at),
    }


def _comments(call: Call) -> Reply:
    since = datetime.fromisoformat(call.query["since"]) if "since" in call.query else None
    rows = [each for each in _pull_of(call).remarks if since is None or each.edited_at >= since]
    return Reply(200, [_remark(each) for each in rows])


def _edit(call: Call) -> Reply:
    _, remark = _remark_of(call)
    if remark.extra.get("is_no_comment"):
        return Reply(204)
    call.model.edits(remark, call.body["body"])
    return Reply(200, _remark(remark))


def _delete(call: Call) -> Reply:
    pull, remark = _remark_of(call)
    pull.remarks.remove(remark)
    return Reply(204)
