"""What a look at the remote changed of an environment, as people are told of it."""

from envmgr.domain.rules.origins.previews import is_preview
from envmgr.domain.values.environment import Environment, Tagged
from envmgr.domain.values.names import ref_component


def what_happened(before: Environment | None, now: Environment) -> tuple[str, str] | None:
    """The event's action and sentence; None where nothing is to be told."""
    followed, commit = _capital(now.followed), now.commit[:10]
    if now.refused:
        return ("refused", now.refused) if before is None or not before.refused else None
    if before is None or not before.is_open:
        return "branch-seen", f"{followed} is there, at {commit}."
    return _presence(before, now, followed) or _of_the_commit(before, now, followed)


def _presence(before: Environment, now: Environment, followed: str) -> tuple[str, str] | None:
    gone, back = ("closed", "open") if is_preview(now) else ("gone", "there")
    if now.is_missing and not before.is_missing:
        return "branch-gone", f"{followed} is {gone}."
    if before.is_missing and not now.is_missing and now.branch == before.branch:
        return "branch-back", f"{followed} is {back} again."
    return None


def _of_the_commit(before: Environment, now: Environment, followed: str) -> tuple[str, str] | None:
    commit = now.commit[:10]
    if is_preview(now) and now.branch != before.branch:
        where = f"{ref_component(now.branch)}, at {commit}"
        return "pushed", f"{followed} has its head at {where}."
    if now.branch != before.branch:
        return "pushed", f"{followed} follows {before.followed}, at {commit}."
    if now.commit != before.commit:
        return "pushed", f"{followed} moved to {commit}."
    return _of_the_tag(before.tagged, now.tagged, followed)


def _of_the_tag(before: Tagged | None, now: Tagged | None, followed: str) -> tuple[str, str] | None:
    if before is None or now is None:
        return None
    offered = now.offered
    if offered is not None and offered != before.offered:
        where = f"{ref_component(offered.name)} at {offered.commit[:10]}"
        return "tag-waits", f"{followed} is not as it was noted: {where} waits for a person."
    if now.object != before.object:
        return "tag-remade", f"{followed} was made anew, at the same commit."
    return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
