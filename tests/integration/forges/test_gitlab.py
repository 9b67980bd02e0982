"""What is different about GitLab: jobs in pipelines, environments, approvals without a commit, notes that are obeyed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from envmgr.adapters.forge.failure import Declined
from envmgr.adapters.forge.gitlab import GitLab
from envmgr.domain.errors import NeedsOperator, NotThere, RetryLater, Transient
from envmgr.domain.values.forge import (
    CommitStatus,
    DeploymentReport,
    ForgePerson,
    Permission,
    PullRequestState,
    Reaction,
    ReportState,
)
from tests.support.forges.kinds import gitlab
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import ALICE, BOB, BOT, CAROL, ENVMGR, HEAD, NEXT, Deployment, Model, User
from tests.support.forges.trials import TRIALS

PROJECT = "acme/web/shop"
RUNNING, SUCCESS, FAILURE = ReportState.RUNNING, ReportState.SUCCESS, ReportState.FAILURE
LATER = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def served() -> Iterator[LoopbackForge]:
    """GitLab with a project in a group of a group."""
    with LoopbackForge(gitlab.GitLab(prefix="/gitlab/api/v4"), [Model(PROJECT)]) as forge:
        yield forge


@pytest.fixture
def kind(served: LoopbackForge) -> gitlab.GitLab:
    """What GitLab alone has."""
    assert isinstance(served.kind, gitlab.GitLab)
    return served.kind


@pytest.fixture
def forge(served: LoopbackForge) -> GitLab:
    """As envmgr sees it."""
    return of(served)


def of(served: LoopbackForge) -> GitLab:
    """Another one that knows nothing yet."""
    found = TRIALS["gitlab"].open(served, url=f"{served.url}/gitlab")
    assert isinstance(found, GitLab)
    return GitLab(found._client, PROJECT, clock=lambda: LATER)


def status(state: ReportState, commit: str = HEAD, number: int | None = 1, **changes: str) -> CommitStatus:
    """A status of the environment of a merge request."""
    given = {
        "context": "envmgr/pr-1",
        "sentence": "It goes on.",
        "url": "https://envmgr.example.com/x",
        **changes,
    }
    return CommitStatus(commit=commit, state=state, number=number, **given)


def report(state: ReportState, commit: str = HEAD, **changes: object) -> DeploymentReport:
    """A deployment of the environment of a merge request."""
    given: dict[str, object] = {
        "environment": "pr-1",
        "ref": "topic",
        "sentence": "",
        "url": "https://pr-1.example.com",
        "is_transient": True,
        **changes,
    }
    return DeploymentReport(commit=commit, state=state, **given)  # type: ignore[arg-type]


# --- statuses ------------------------------------------------------------------------------------


def test_a_status_is_a_job_of_the_pipeline_that_the_merge_request_shows(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """And not of another one of the same commit."""
    served.model.opens()
    kind.pipeline(served.model, HEAD, "other")
    shown = kind.pipeline(served.model, HEAD)
    for state in (ReportState.PENDING, RUNNING, SUCCESS):
        forge.set_status(status(state))
    assert [(job.name, job.status, job.pipeline) for job in kind.jobs] == [("envmgr/pr-1", "success", shown)]
    assert len(kind.pipelines) == 2


def test_what_is_so_already_is_no_error(served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab) -> None:
    """GitLab refuses it; so it does a job that runs and is to wait."""
    served.model.opens()
    kind.pipeline(served.model, HEAD)
    for state in (
        ReportState.PENDING,
        ReportState.PENDING,
        RUNNING,
        RUNNING,
        ReportState.PENDING,
        SUCCESS,
        SUCCESS,
    ):
        forge.set_status(status(state))
    assert served.count("setCommitStatus", 400) == 3
    assert {job.status for job in kind.jobs} == {"success"}
    forge.set_status(status(FAILURE))
    assert kind.jobs[-1].status == "failed"


def test_while_the_pipeline_is_held_it_is_tried_again(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """Left alone, it would run for ever and block the merge."""
    served.model.opens()
    kind.pipeline(served.model, HEAD)
    forge.set_status(status(RUNNING))
    kind.busy = 1
    with pytest.raises(RetryLater) as raised:
        forge.set_status(status(SUCCESS))
    assert timedelta() < raised.value.after < timedelta(minutes=1)
    forge.set_status(status(SUCCESS))
    assert [job.status for job in kind.jobs] == ["success"]


def test_a_job_that_was_left_in_an_older_pipeline_ends_too(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """A pipeline came in between; somebody else's job of the same name is left alone."""
    served.model.opens()
    old = kind.pipeline(served.model, HEAD)
    forge.set_status(status(RUNNING))
    kind.jobs.append(gitlab.Job(9, "envmgr/pr-1", "running", old, ALICE))
    kind.pipeline(served.model, HEAD)
    forge.set_status(status(SUCCESS))
    assert [(job.author.login, job.status) for job in kind.jobs] == [
        ("envmgr-bot", "success"),
        ("alice", "running"),
        ("envmgr-bot", "success"),
    ]


def test_without_a_pipeline_one_is_made_for_the_branch(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """Of a fork for the merge request's own ref: no branch has its commit."""
    served.model.opens("one")
    served.model.opens("two", NEXT, BOB, is_from_fork=True)
    forge.set_status(status(SUCCESS))
    forge.set_status(status(SUCCESS, NEXT, 2))
    forge.set_status(status(SUCCESS, "c" * 40, None, context="envmgr/alice"))
    assert [(each.sha, each.ref) for each in kind.pipelines] == [
        (HEAD, "one"),
        (NEXT, "refs/merge-requests/2/head"),
        ("c" * 40, "main"),
    ]


def test_a_status_of_a_branch_is_in_no_pipeline_of_another_one(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """That began at the same commit: it would fail main."""
    main = kind.pipeline(served.model, HEAD, "main")
    for state in (RUNNING, FAILURE):
        forge.set_status(status(state, number=None, branch="env-alice"))
    assert [(job.status, job.pipeline.ref) for job in kind.jobs] == [("failed", "env-alice")]
    assert main not in [job.pipeline for job in kind.jobs]


def test_the_pipeline_of_a_merged_result_is_of_another_commit(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """It is not named, since GitLab would not find it."""
    pull = served.model.opens()
    pull.extra["merged_result"] = gitlab.Pipeline(900, "d" * 40, "refs/merge-requests/1/merge")
    forge.set_status(status(SUCCESS))
    assert [(each.sha, each.ref) for each in kind.pipelines] == [(HEAD, "topic")]


def test_a_pipeline_that_takes_nothing_more_is_left(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """An archived one: the status goes where GitLab puts it."""
    pull = served.model.opens()
    pull.extra["merged_result"] = gitlab.Pipeline(900, HEAD, "refs/merge-requests/1/head")
    forge.set_status(status(SUCCESS))
    assert served.count("setCommitStatus", 404) == 1
    assert [job.status for job in kind.jobs] == ["success"]


def test_names_sentences_and_addresses_have_255_characters(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """The extract would refuse more; an address that is longer is left out, since a part of it leads nowhere."""
    forge.set_status(
        status(SUCCESS, number=None, sentence="ö word" * 99, url=f"https://x/{'y' * 255}", context="c" * 300)
    )
    job = kind.jobs[0]
    assert len(job.name) == 255
    assert 200 < len(job.description) <= 255
    assert job.description.endswith("see the log")
    assert job.target_url is None


def test_another_refusal_is_an_error(served: LoopbackForge, forge: GitLab) -> None:
    """Only what is so already is none."""
    served.fails(operation="setCommitStatus", status=400)
    with pytest.raises(Declined, match="does not take what envmgr sent"):
        forge.set_status(status(SUCCESS, number=None))


# --- environments and deployments ----------------------------------------------------------------


def told(model: Model) -> list[list[str]]:
    """What each deployment was told, the newest last."""
    return [[said["status"] for said in each.states] for each in model.deployments]


def test_an_environment_is_made_shown_stopped_and_taken_off(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """The environment before the deployment, which would make one without an address."""
    known = forge.report_deployment(report(RUNNING, url=None), "")
    assert forge.report_deployment(report(RUNNING, url=None), known) == known
    assert told(served.model) == [["running"]]
    assert forge.report_deployment(report(SUCCESS), known) == known
    assert [(each.name, each.tier, each.external_url) for each in kind.places] == [
        ("pr-1", "development", "https://pr-1.example.com")
    ]
    assert told(served.model) == [["running", "success"]]
    for _ in range(2):
        assert forge.report_deployment(report(ReportState.INACTIVE), known) == known
        assert kind.places == []


def test_what_begins_anew_is_another_deployment(served: LoopbackForge, forge: GitLab) -> None:
    """One that has ended never changes again; what was told already is not told twice."""
    known = ""
    for state in (FAILURE, FAILURE, RUNNING, SUCCESS, SUCCESS):
        known = forge.report_deployment(report(state), known)
    assert told(served.model) == [["failed"], ["running", "success"]]
    forge.report_deployment(report(SUCCESS, NEXT), "")
    forge.report_deployment(report(SUCCESS), known)  # the older commit is back
    assert [(each.commit, each.states[-1]["status"]) for each in served.model.deployments[2:]] == [
        (NEXT, "success"),
        (HEAD, "success"),
    ]


def test_what_nobody_heard_of_that_it_had_begun_is_found(served: LoopbackForge, forge: GitLab) -> None:
    """The answer was lost, or the database: it ends all the same, and nobody else's is touched."""
    served.fails(operation="createDeployment", status=502, is_done=True)
    with pytest.raises(Transient):
        forge.report_deployment(report(RUNNING), "")
    other = Deployment(9_000, "pr-1", HEAD, "topic", {"user": ALICE}, [{"status": "running"}])
    served.model.deployments.append(other)
    of(served).report_deployment(report(SUCCESS), "")
    assert told(served.model) == [["running", "success"], ["running"]]


def test_an_older_commit_leaves_and_the_environment_stays(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """Only the one that was deployed last takes it away; what lasts is stopped and stays on the list."""

    def lasting(state: ReportState, commit: str = HEAD) -> DeploymentReport:
        return report(state, commit, is_transient=False, is_production=True, environment="production")

    old = forge.report_deployment(lasting(RUNNING), "")
    new = forge.report_deployment(lasting(SUCCESS, NEXT), "")
    forge.report_deployment(lasting(ReportState.INACTIVE), old)
    assert told(served.model) == [["running", "canceled"], ["success"]]
    assert [(each.name, each.state, each.tier) for each in kind.places] == [
        ("production", "available", "production")
    ]
    forge.report_deployment(lasting(ReportState.INACTIVE, NEXT), new)
    assert [(each.name, each.state) for each in kind.places] == [("production", "stopped")]


def test_a_protected_environment_stays_on_the_list(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """It is stopped all the same; but credentials that are no good are told."""
    known = forge.report_deployment(report(SUCCESS), "")
    served.fails(operation="deleteEnvironment", status=403)
    forge.report_deployment(report(ReportState.INACTIVE), known)
    assert [each.state for each in kind.places] == ["stopped"]
    served.fails(operation="deleteEnvironment", status=401)
    with pytest.raises(NeedsOperator):
        forge.report_deployment(report(ReportState.INACTIVE), known)


def test_an_environment_that_somebody_took_away_is_made_again(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """Whatever was known of it."""
    known = forge.report_deployment(report(SUCCESS), "")
    kind.places.clear()
    served.model.deployments.clear()
    assert forge.report_deployment(report(SUCCESS), known) != known
    assert [each.name for each in kind.places] == ["pr-1"]
    forge.report_deployment(report(SUCCESS), "nonsense:1:2")
    assert len(kind.places) == 1


@pytest.mark.parametrize("url", ["javascript:alert(1)", f"https://x/{'y' * 250}", "https://not taken"])
def test_an_address_that_is_not_taken_keeps_nothing_back(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab, url: str
) -> None:
    """It is what an application says of itself."""
    served.fails(operation="updateEnvironment", status=400)
    forge.report_deployment(report(SUCCESS, url=url), "")
    assert told(served.model) == [["success"]]
    assert [each.external_url for each in kind.places] == [None]


def test_names_that_gitlab_does_not_take_are_changed(kind: gitlab.GitLab, forge: GitLab) -> None:
    """The extract would refuse others."""
    forge.report_deployment(report(SUCCESS, environment="shop:alice/ä(1)"), "")
    assert [each.name for each in kind.places] == ["shop-alice/-1-"]


# --- merge requests ------------------------------------------------------------------------------


def test_states_forks_and_heads(served: LoopbackForge, forge: GitLab) -> None:
    """What is being merged is not surely closed; what has no project any more was a fork; and a head may not be told yet."""
    pulls = [served.model.opens(f"b{n}") for n in range(4)]
    pulls[0].extra["state"] = "locked"
    pulls[1].is_from_fork, pulls[1].extra["fork_is_gone"] = True, True
    pulls[2].extra["is_unprepared"] = True
    served.model.ends(pulls[3], PullRequestState.MERGED)
    found = [forge.pull_request(number) for number in (1, 2, 3, 4)]
    assert [each.state for each in found] == [PullRequestState.OPEN] * 3 + [PullRequestState.MERGED]
    assert [each.is_from_fork for each in found] == [False, True, False, False]
    assert [each.commit for each in found] == [HEAD, HEAD, None, HEAD]
    assert forge.traits.heads == "refs/merge-requests/{number}/head"


def test_pages_go_on_by_their_number(served: LoopbackForge, forge: GitLab) -> None:
    """`Link` names the address of GitLab's own configuration, which may be another one."""
    for number in range(230):
        served.model.opens(f"branch-{number}")
    assert [each.number for each in forge.open_pull_requests()] == list(range(1, 231))
    assert served.count("listMergeRequests") == 3
    forge.open_pull_requests()
    assert served.count("listMergeRequests", 304) == 3


def test_a_list_that_changes_while_it_is_read_is_no_answer(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """One that is closed between two pages moves the others up: somebody would be left out."""
    for number in range(101):
        served.model.opens(f"branch-{number}")
    kind.after_page = lambda: served.model.ends(served.model.pulls[1])
    with pytest.raises(Transient, match="changed while it was read"):
        forge.open_pull_requests()
    assert [each.number for each in forge.open_pull_requests()] == list(range(2, 102))


def test_a_merge_request_that_there_is_not_proves_nothing(served: LoopbackForge, forge: GitLab) -> None:
    """It is not taken for closed."""
    with pytest.raises(NotThere):
        forge.pull_request(99)


# --- notes ---------------------------------------------------------------------------------------


def test_notes_that_are_no_comments_and_threads(served: LoopbackForge, forge: GitLab) -> None:
    """What GitLab itself wrote and what is of a line of code is left out; in a thread all but the first are replies."""
    pull = served.model.opens()
    served.model.says(pull, "added 1 commit", CAROL).extra["system"] = True
    served.model.says(pull, "a line", ALICE).extra["type"] = "DiffNote"
    plain = served.model.says(pull, "/envmgr plan", BOT)
    assert [(each.text, each.is_reply) for each in forge.comments(1)] == [("/envmgr plan", False)]
    assert served.count("listDiscussions") == 0
    for text in ("/envmgr apply", "an answer"):
        said = served.model.says(pull, text, ALICE)
        said.extra |= {"type": "DiscussionNote", "thread": "a"}
    found = forge.comments(1)
    assert [(each.text, each.is_reply, each.is_edited) for each in found] == [
        ("/envmgr plan", False, False),
        ("/envmgr apply", False, False),
        ("an answer", True, False),
    ]
    assert found[0].author.is_bot
    newest = forge.comments(1, since=said.at)
    assert [(each.text, each.is_reply) for each in newest if each.text != "/envmgr plan"] == [
        ("/envmgr apply", False),
        ("an answer", True),
    ]
    served.model.edits(plain, "/envmgr destroy")
    served.model.edits(plain, "/envmgr destroy")
    assert forge.comments(1)[0].is_edited


def test_new_comments_are_read_from_the_end(served: LoopbackForge, forge: GitLab) -> None:
    """And no further than needed."""
    pull = served.model.opens()
    for number in range(450):
        said = served.model.says(pull, f"comment {number}")
    assert len(forge.comments(1)) == 450
    before = served.count("listNotes")
    found = forge.comments(1, said.at - timedelta(seconds=10))
    assert served.count("listNotes") == before + 1
    assert found[-1].text == "comment 449"
    assert 10 < len(found) < 100


def test_nothing_that_is_written_is_obeyed(served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab) -> None:
    """At creation and at an edit, whatever it stands in."""
    served.model.opens()
    text = "Plan\n/close\n```\n/merge\n```\n\r/approve\n````\n```\n/label ~x\n````"
    made = forge.create_comment(1, text)
    forge.edit_comment(1, made, f"/close\n{text}")
    assert kind.obeyed == []
    assert served.model.pulls[1].remarks[0].text.startswith("\u200b/close\nPlan\n\u200b/close\n")


def test_a_text_that_was_only_obeyed_is_no_comment(served: LoopbackForge, forge: GitLab) -> None:
    """GitLab answers 202 then, and there is no ID."""
    served.model.opens()
    served.fails(operation="createNote", status=202)
    with pytest.raises(Transient, match="wrote no comment"):
        forge.create_comment(1, "text")


def test_comments_that_are_gone(served: LoopbackForge, forge: GitLab) -> None:
    """An edit says so, and taking one away that is gone is none."""
    served.model.opens()
    made = forge.create_comment(1, "one")
    forge.delete_comment(1, made)
    forge.delete_comment(1, made)
    for place in (made, "../../members"):
        with pytest.raises(NotThere):
            forge.edit_comment(1, place, "two")
        with pytest.raises(NotThere):
            forge.react(1, place, Reaction.SEEN)


def test_reactions_once_each(served: LoopbackForge, forge: GitLab) -> None:
    """GitLab answers 404 to one that is there."""
    remark = served.model.says(served.model.opens(), "/envmgr plan")
    for reaction in (Reaction.SEEN, Reaction.SEEN, Reaction.DONE, Reaction.REFUSED):
        forge.react(1, str(remark.id), reaction)
    assert remark.reactions == ["eyes", "white_check_mark", "no_entry_sign"]


# --- approvals and permissions -------------------------------------------------------------------


def test_an_approval_counts_if_it_is_newer_than_the_push(served: LoopbackForge, forge: GitLab) -> None:
    """Not the author's, and not a bot's."""
    pull = served.model.opens()
    for user in (ALICE, BOT, CAROL):
        served.model.reviews(pull, user)
    assert [(each.person.login, each.commit) for each in forge.approvals(1, HEAD)] == [("carol", HEAD)]
    assert forge.approvals(1, NEXT) == []
    served.model.pushes(pull, NEXT)
    assert forge.approvals(1, NEXT) == []
    assert forge.approvals(1, HEAD) == []
    served.model.reviews(pull, CAROL)
    assert [each.commit for each in forge.approvals(1, NEXT)] == [NEXT]


@pytest.mark.parametrize(("resets", "count"), [(None, 0), (False, 0), (True, 1)])
def test_without_a_time_only_where_a_push_takes_approvals_away(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab, resets: bool | None, count: int
) -> None:
    """Older releases; some editions do not tell whether it does."""
    kind.resets, kind.tells_when = resets, False
    served.model.reviews(served.model.opens(), CAROL)
    assert len(forge.approvals(1, HEAD)) == count


def test_approvals_are_taken_away_some_time_after_a_push(
    served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab
) -> None:
    """Until then what is there may be older."""
    kind.resets, kind.tells_when = True, False
    pull = served.model.opens()
    served.model.reviews(pull, CAROL)
    pull.pushed_at = LATER - timedelta(seconds=30)
    assert forge.approvals(1, HEAD) == []


def test_permissions_are_roles_of_active_members(served: LoopbackForge, forge: GitLab) -> None:
    """By the number, which nobody else gets; guests and security managers may not write."""
    guest, manager, owner = User(21, "guest"), User(22, "manager"), User(23, "owner")
    served.model.users += [guest, manager, owner]
    served.model.extra["levels"] = {guest: 10, manager: 25, owner: 50}
    served.model.extra["blocked"] = [BOT]
    people = [ALICE, BOB, CAROL, BOT, guest, manager, owner, User(24, "stranger")]
    found = [forge.permission(ForgePerson(str(each.id), each.login)) for each in people[:-1]]
    assert [each.value for each in found] == ["write", "read", "admin", "none", "none", "read", "admin"]
    assert forge.permission(ForgePerson("24", "alice")) is Permission.NONE
    assert forge.permission(ForgePerson("../2", "alice")) is Permission.NONE


def test_who_envmgr_is_and_what_it_lacks(served: LoopbackForge, kind: gitlab.GitLab, forge: GitLab) -> None:
    """And when its token ends."""
    found = forge.identity()
    assert (found.person.id, found.missing, found.too_wide) == (str(ENVMGR.id), (), ())
    assert found.expires_at == datetime(2026, 12, 31, tzinfo=UTC)
    kind.scopes, kind.expires = ("read_api", "sudo"), None
    served.tokens[TOKEN] = served.model.users[2]
    found = forge.identity()
    assert [each.split(",")[0] for each in found.missing] == [
        "the scope `api`",
        "the role Developer in the project",
    ]
    assert found.too_wide == ("the scope `sudo`",)
    assert found.expires_at is None
    served.tokens[TOKEN] = CAROL
    assert forge.identity().too_wide[-1] == "a role above Developer"


def test_of_another_kind_of_token_nothing_is_told(served: LoopbackForge, forge: GitLab) -> None:
    """As of one of OAuth: who envmgr is, and what it may do in the project, is known all the same."""
    served.fails(operation="getTokenSelf", status=404)
    found = forge.identity()
    assert (found.person.id, found.missing, found.expires_at) == (str(ENVMGR.id), (), None)


def test_a_token_that_is_no_good(served: LoopbackForge, forge: GitLab) -> None:
    """The sentence says so."""
    served.tokens.clear()
    with pytest.raises(NeedsOperator, match="does not accept the credentials"):
        forge.identity()


def test_the_budget_is_what_gitlab_says(served: LoopbackForge, forge: GitLab) -> None:
    """Refused with 429, it is left alone for as long as it wants."""
    served.fails(operation="listMergeRequests", status=429, headers={"Retry-After": "33"})
    with pytest.raises(RetryLater) as raised:
        forge.open_pull_requests()
    assert timedelta(seconds=32) < raised.value.after <= timedelta(seconds=33)
    with pytest.raises(RetryLater):
        forge.identity()
