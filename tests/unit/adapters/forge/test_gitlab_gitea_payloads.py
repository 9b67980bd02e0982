"""What GitLab and Gitea could answer beyond their descriptions: it is no answer, or counts as nothing."""

import pytest

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.gitea import payloads as gitea
from envmgr.adapters.forge.gitlab import payloads as gitlab
from envmgr.domain.errors import Transient
from envmgr.domain.values.forge import Permission


def test_a_state_that_is_not_known_is_no_answer() -> None:
    """Above all it is not closed."""
    request = {"iid": 1, "state": "frozen", "author": {"id": 1, "username": "x"}}
    with pytest.raises(Transient):
        gitlab.pull_request(Object(request, "GitLab"))
    with pytest.raises(Transient):
        gitea.pull_request(Object({"number": 1, "state": "frozen"}, "Gitea"))


def test_a_permission_that_is_not_known_counts_as_none() -> None:
    """A word of a later release."""
    assert gitea.permission(Object({"permission": "emperor"}, "Gitea")) is Permission.UNKNOWN


@pytest.mark.parametrize("text", ["abc1234", "A" * 40, "HEAD", "a" * 41, ""])
def test_what_is_no_whole_commit_is_none(text: str) -> None:
    """A part of one may be another's."""
    assert gitlab.commit(Object({"sha": text}, "GitLab"), "sha") is None
    assert gitea.commit(Object({"sha": text}, "Gitea"), "sha") is None


def test_the_names_of_bots() -> None:
    """Of tokens of projects and groups, of service accounts, and of GitLab's own."""
    bots = ["project_1_bot", "group_23_bot_0af3", "service_account_group_9_ab", "support-bot", "ghost"]
    people = ["alice", "project_bot", "bot", "robot", "ghostwriter", "project_1_bot_x y"]
    found = [gitlab.person(Object({"id": 1, "username": name}, "GitLab")).is_bot for name in bots + people]
    assert found == [True] * len(bots) + [False] * len(people)


def test_the_end_of_a_token_that_is_no_date() -> None:
    """It is as if none was told."""
    assert gitlab.end_of(Object({"expires_at": "soon"}, "GitLab")) is None
    assert gitlab.end_of(Object({"expires_at": None}, "GitLab")) is None
