"""What is different about Gitea and Forgejo: no deployments, pages of their own length, verdicts, and permissions that few may ask for."""

from collections.abc import Iterator

import pytest

from envmgr.adapters.forge.failure import Declined
from envmgr.adapters.forge.gitea import Gitea
from envmgr.domain.errors import NotThere, Transient
from envmgr.domain.values.forge import (
    CommitStatus,
    DeploymentReport,
    ForgePerson,
    Permission,
    PullRequestState,
    Reaction,
    ReportState,
)
from tests.support.forges.kinds import gitea
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import ALICE, BOB, BOT, CAROL, ENVMGR, HEAD, NEXT, User
from tests.support.forges.trials import TRIALS


@pytest.fixture(params=["gitea", "forgejo"])
def served(request: pytest.FixtureRequest) -> Iterator[LoopbackForge]:
    """Both of them."""
    with LoopbackForge(gitea.Gitea(is_forgejo=request.param == "forgejo", prefix="/git/api/v1")) as forge:
        yield forge


@pytest.fixture
def kind(served: LoopbackForge) -> gitea.Gitea:
    """What Gitea alone has."""
    assert isinstance(served.kind, gitea.Gitea)
    return served.kind


@pytest.fixture
def forge(served: LoopbackForge) -> Gitea:
    """As envmgr sees it."""
    found = TRIALS["gitea"].open(served, url=f"{served.url}/git")
    assert isinstance(found, Gitea)
    return found


def test_statuses_are_cut_and_always_have_a_name(served: LoopbackForge, forge: Gitea) -> None:
    """Each state is one that Forgejo knows too."""
    for state in ReportState:
        forge.set_status(
            CommitStatus(commit=HEAD, context="envmgr/pr-1", state=state, sentence="word " * 99, url="")
        )
    assert [each.state for each in served.model.statuses] == [
        "pending",
        "pending",
        "success",
        "failure",
        "success",
    ]
    assert all(len(each.sentence) <= 255 and each.context == "envmgr/pr-1" for each in served.model.statuses)


def test_there_are_no_deployments(served: LoopbackForge, forge: Gitea) -> None:
    """Nothing is asked for."""
    report = DeploymentReport(
        environment="pr-1", commit=HEAD, ref="topic", state=ReportState.SUCCESS, sentence=""
    )
    assert not forge.traits.has_deployments
    assert forge.report_deployment(report, "x") == "x"
    assert served.calls == []


@pytest.mark.parametrize(("most", "calls"), [(50, 3), (30, 4), (7, 18), (500, 3)])
def test_pages_are_as_long_as_the_server_gives_them(
    served: LoopbackForge, kind: gitea.Gitea, forge: Gitea, most: int, calls: int
) -> None:
    """Asked for more it would give fewer, as if that were all; and `Link` names the address of its own configuration."""
    kind.most = most
    for number in range(120):
        served.model.opens(f"branch-{number}")
    assert [each.number for each in forge.open_pull_requests()] == list(range(1, 121))
    assert served.count("repo_list_pull_requests") == calls
    forge.open_pull_requests()
    assert served.count("get_general_api_settings") == 1


def test_pages_that_become_shorter_leave_nobody_out(
    served: LoopbackForge, kind: gitea.Gitea, forge: Gitea
) -> None:
    """Whoever runs the server changed it: what is short of the count is no answer."""
    for number in range(60):
        served.model.opens(f"branch-{number}")
    forge.open_pull_requests()
    kind.most = 20
    with pytest.raises(Transient, match="fewer pull requests than it counts"):
        forge.open_pull_requests()
    assert len(forge.open_pull_requests()) == 60


def test_states_forks_drafts_and_authors(served: LoopbackForge, forge: Gitea) -> None:
    """A fork that is gone is one; an author who is gone is nobody that may do anything."""
    model = served.model
    model.opens("one", user=BOB, is_from_fork=True, is_draft=True, labels=("a", "b"))
    gone = model.opens("two", is_from_fork=True)
    gone.extra.update(fork_is_gone=True, author_is_gone=True)
    model.ends(model.opens("three"), PullRequestState.CLOSED)
    model.ends(model.opens("four"), PullRequestState.MERGED)
    first, second, third, fourth = (forge.pull_request(number) for number in (1, 2, 3, 4))
    assert (first.is_from_fork, first.is_draft, first.labels, first.author.login) == (
        True,
        True,
        ("a", "b"),
        "bob",
    )
    assert (second.is_from_fork, second.head, second.author.is_bot) == (True, "refs/pull/2/head", True)
    assert forge.permission(second.author) is Permission.NONE
    assert (third.state, fourth.state) == (PullRequestState.CLOSED, PullRequestState.MERGED)
    assert forge.traits.heads == "refs/pull/{number}/head"
    with pytest.raises(NotThere):
        forge.pull_request(99)


def test_comments_since_and_edited_ones(served: LoopbackForge, forge: Gitea) -> None:
    """Times are in the server's own zone."""
    pull = served.model.opens()
    old, new = served.model.says(pull, "old"), served.model.says(pull, "new", BOT)
    assert [(each.text, each.at) for each in forge.comments(1)] == [("old", old.at), ("new", new.at)]
    assert [each.text for each in forge.comments(1, new.at)] == ["new"]
    assert forge.comments(1)[1].author.is_bot
    served.model.edits(old, "changed")
    assert [(each.text, each.is_edited) for each in forge.comments(1, new.at)] == [
        ("changed", True),
        ("new", False),
    ]


def test_own_comments(served: LoopbackForge, kind: gitea.Gitea, forge: Gitea) -> None:
    """Written, replaced, taken away; and what is there in their place may be none."""
    pull = served.model.opens()
    made = forge.create_comment(1, "one\n/two")
    forge.edit_comment(1, made, "/three")
    assert [each.text for each in pull.remarks] == ["/three"]
    pull.remarks[0].extra["is_no_comment"] = True
    with pytest.raises(NotThere):
        forge.edit_comment(1, made, "four")
    forge.delete_comment(1, made)
    forge.delete_comment(1, made)
    for place in (made, "../pulls"):
        with pytest.raises(NotThere):
            forge.edit_comment(1, place, "five")
    kind.is_locked = True
    with pytest.raises(Declined, match="423"):
        forge.create_comment(1, "six")


def test_reactions_as_far_as_there_are_any(served: LoopbackForge, kind: gitea.Gitea, forge: Gitea) -> None:
    """Once each; whoever runs the server may have taken some away."""
    remark = served.model.says(served.model.opens(), "/envmgr plan")
    for reaction in (Reaction.SEEN, Reaction.SEEN, Reaction.DONE, Reaction.REFUSED):
        forge.react(1, str(remark.id), reaction)
    assert remark.reactions == ["eyes", "+1", "-1"]
    kind.reactions, remark.reactions = (), []
    forge.react(1, str(remark.id), Reaction.SEEN)
    assert remark.reactions == []


def test_approvals_that_stand_and_are_of_the_commit(
    served: LoopbackForge, kind: gitea.Gitea, forge: Gitea
) -> None:
    """Official, not stale, not dismissed, the newest verdict, and not the author's; drafts of others shorten pages."""
    kind.most = 2
    model = served.model
    dave, erin, frank = (User(n, f"user{n}", Permission.WRITE) for n in (31, 32, 33))
    pull = model.opens()
    model.reviews(pull, CAROL, "draft")
    model.reviews(pull, CAROL, "draft")
    pull.extra["unofficial"] = [BOB]
    for user in (ALICE, BOB, BOT, CAROL, erin, frank):
        model.reviews(pull, user)
    model.reviews(pull, dave, commit=NEXT)
    model.reviews(pull, erin, "rejected")
    model.reviews(pull, frank, "comment")
    model.reviews(pull, User(34, "user34", Permission.ADMIN), "dismissed")
    model.reviews(pull, CAROL, "draft")
    model.reviews(pull, User(35, "user35", Permission.WRITE))
    assert sorted(each.person.login for each in forge.approvals(1, HEAD)) == ["carol", "user33", "user35"]
    assert forge.approvals(1, NEXT) == []
    model.pushes(pull, NEXT)
    assert [each.person.login for each in forge.approvals(1, NEXT)] == ["user31"]


def test_permissions_by_a_login_that_is_still_the_same(
    served: LoopbackForge, kind: gitea.Gitea, forge: Gitea
) -> None:
    """Unknown where envmgr may not ask, or somebody else has the login by now."""
    people = [ALICE, BOB, CAROL, User(40, "nobody")]
    found = [forge.permission(ForgePerson(str(each.id), each.login)) for each in people]
    assert [each.value for each in found] == ["write", "read", "admin", "none"]
    served.model.extra["permissions"] = {ALICE: "owner"}
    assert forge.permission(ForgePerson("2", "alice")) is Permission.ADMIN
    assert forge.permission(ForgePerson("999", "carol")) is Permission.UNKNOWN
    kind.administers = False
    assert forge.permission(ForgePerson("4", "carol")) is Permission.UNKNOWN
    assert forge.permission(ForgePerson("4", "..")) is Permission.NONE


def test_who_envmgr_is_and_what_it_lacks(served: LoopbackForge, kind: gitea.Gitea, forge: Gitea) -> None:
    """For itself it may always ask; who administers the whole forge may too much."""
    kind.administers = False
    found = forge.identity()
    assert (found.person.id, found.person.login, found.missing, found.too_wide) == (
        str(ENVMGR.id),
        "envmgr-bot",
        (),
        (),
    )
    served.tokens[TOKEN], kind.is_site_admin = BOB, True
    found = forge.identity()
    assert found.missing == ("the right to write to the repository",)
    assert found.too_wide == ("it administers the whole forge",)
