"""What the port `Forge` promises, over each kind of forge on loopback."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from envmgr.domain.errors import EnvmgrError, NeedsPerson, NotThere, RetryLater, Transient
from envmgr.domain.values.forge import (
    CommentSign,
    CommitStatus,
    DeploymentReport,
    ForgePerson,
    Permission,
    PullRequestState,
    Reaction,
    ReportState,
)
from envmgr.ports.forge import Forge
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import ALICE, BOB, BOT, CAROL, HEAD, NEXT, Model, Pull
from tests.support.forges.trials import TRIALS, Trial


@pytest.fixture(params=TRIALS)
def trial(request: pytest.FixtureRequest) -> Trial:
    """A kind of forge."""
    return TRIALS[request.param]


def having(thing: str) -> pytest.MarkDecorator:
    """Only the kinds of forges that have something."""
    names = [name for name, trial in TRIALS.items() if thing not in trial.lacks]
    return pytest.mark.parametrize("trial", names, indirect=True)


@pytest.fixture
def loopback(trial: Trial) -> Iterator[LoopbackForge]:
    """One of that kind, on loopback."""
    with LoopbackForge(trial.kind()) as served:
        yield served


@pytest.fixture
def forge(trial: Trial, loopback: LoopbackForge) -> Forge:
    """What is tried."""
    return trial.open(loopback)


@pytest.fixture
def model(loopback: LoopbackForge) -> Model:
    """What is on the forge."""
    return loopback.model


def status(
    state: ReportState, sentence: str = "It goes well.", url: str = "https://e.example.com/1"
) -> CommitStatus:
    """A status of the head."""
    return CommitStatus(commit=HEAD, context="envmgr/pr-1", state=state, sentence=sentence, url=url, number=1)


def deployment(state: ReportState, commit: str = HEAD) -> DeploymentReport:
    """A report of an environment's deployment."""
    return DeploymentReport(
        environment="pr-1",
        commit=commit,
        ref="topic",
        state=state,
        sentence="Ready.",
        url="https://pr-1.example.com/",
        log_url="https://e.example.com/log",
        is_transient=True,
    )


def test_pull_requests_that_are_open(trial: Trial, forge: Forge, model: Model) -> None:
    """All that is told of them, and none that is not open."""
    first = model.opens(title="One @all <b>", labels=("preview", "ui"))
    model.opens("fork", NEXT, BOB, is_from_fork=True, base="release/1")
    model.opens("draft", is_draft=True)
    model.ends(model.opens("gone"))
    model.ends(model.opens("merged"), PullRequestState.MERGED)
    found = {each.number: each for each in forge.open_pull_requests()}
    assert list(found) == [1, 2, 3]
    one, two, three = found.values()
    assert (one.title, one.head, one.base, one.state) == (
        "One @all <b>",
        "topic",
        "main",
        PullRequestState.OPEN,
    )
    assert one.author.login == "alice"
    assert one.url.startswith(("http://", "https://"))
    assert one.commit in (HEAD, None)
    assert not one.is_from_fork
    assert two.is_from_fork
    assert (two.base, two.author.login) == ("release/1", "bob")
    if "labels" not in trial.lacks:
        assert one.labels == ("preview", "ui")
    if "drafts" not in trial.lacks:
        assert (one.is_draft, three.is_draft) == (False, True)
    if one.updated_at is not None:
        assert abs(one.updated_at - first.updated_at) < timedelta(seconds=1)


@pytest.mark.parametrize("fault", ["", "doubled", "reversed"])
def test_of_many_each_comes_once(forge: Forge, loopback: LoopbackForge, model: Model, fault: str) -> None:
    """Over pages, doubled, and the other way round."""
    for number in range(1, 131):
        model.opens(f"topic-{number}")
    loopback.is_doubled, loopback.is_reversed = fault == "doubled", fault == "reversed"
    assert sorted(each.number for each in forge.open_pull_requests()) == list(range(1, 131))


@pytest.mark.parametrize("fault", [{"status": 502}, {"is_cut": True}])
def test_a_list_of_which_a_page_is_missing_is_none(
    forge: Forge, loopback: LoopbackForge, model: Model, fault: dict[str, object]
) -> None:
    """Rather nothing than one too few; afterwards it is whole. Some forges give so many at once."""
    for number in range(1, 131):
        model.opens(f"topic-{number}")
    broken = loopback.fails(spared=1, times=1_000, **fault)
    try:
        found = len(forge.open_pull_requests())
    except Transient:
        found = 130
    assert found == 130
    broken.times = 0
    assert len(forge.open_pull_requests()) == 130


def test_one_pull_request_however_it_stands(forge: Forge, model: Model) -> None:
    """Open, closed, merged, and none of that number."""
    pull, merged = model.opens(), model.opens("other")
    assert forge.pull_request(1).state is PullRequestState.OPEN
    model.ends(pull)
    model.ends(merged, PullRequestState.MERGED)
    assert forge.pull_request(1).state is PullRequestState.CLOSED
    assert forge.pull_request(2).state is PullRequestState.MERGED
    with pytest.raises(NotThere):
        forge.pull_request(99)


def test_comments_are_told_oldest_first(
    trial: Trial, forge: Forge, loopback: LoopbackForge, model: Model
) -> None:
    """By whom, whether edited, and those of late alone where that is asked."""
    pull = model.opens()
    model.says(model.opens("other"), "elsewhere")
    for number in range(1, 106):
        model.says(pull, f"comment {number}")
    model.says(pull, "beep", BOT)
    late = model.says(pull, "/envmgr apply\n<b>", BOB)
    model.edits(pull.remarks[0], "changed my mind")
    loopback.is_doubled = loopback.is_reversed = True
    found = forge.comments(1)
    assert [each.text for each in found[1:105]] == [f"comment {number}" for number in range(2, 106)]
    assert (found[0].text, found[-1].text, found[-1].author.login) == (
        "changed my mind",
        "/envmgr apply\n<b>",
        "bob",
    )
    assert (found[-1].id, len(found)) == (trial.comment(late.id), 107)
    if "edits" not in trial.lacks:
        assert [each.is_edited for each in (found[0], found[-1])] == [True, False]
    if "bots" not in trial.lacks:
        assert [each.author.is_bot for each in found[-2:]] == [True, False]
    newest = forge.comments(1, since=late.at)
    assert trial.comment(late.id) in [each.id for each in newest]
    assert len(newest) < len(found) or "since" in trial.lacks


def test_a_list_tells_of_a_new_comment_as_it_promises(forge: Forge, model: Model) -> None:
    """By the time of the pull request, or by how many it has, also where that time stays; or not at all, and says so."""
    pull = model.opens()
    model.says(pull, "one")
    (before,), at = forge.open_pull_requests(), pull.updated_at
    model.says(pull, "two")
    if forge.traits.comments_show is not CommentSign.TIME:
        pull.updated_at = at
    (after,) = forge.open_pull_requests()
    told = {
        CommentSign.TIME: None not in (before.updated_at, after.updated_at) and before != after,
        CommentSign.COUNT: (before.comments, after.comments) == (1, 2),
        CommentSign.NOWHERE: (before.comments, after.comments, after.updated_at) == (None, None, None),
    }
    assert told[forge.traits.comments_show]


def test_approvals_are_of_just_this_commit(forge: Forge, model: Model) -> None:
    """Whoever commented since still approves; the author, or of another commit, never does."""
    pull = model.opens()
    model.reviews(pull, BOB)
    model.reviews(pull, ALICE)
    model.reviews(pull, BOB, "comment")
    assert [each.person.login for each in forge.approvals(1, HEAD)] == ["bob"]
    assert [each.commit for each in forge.approvals(1, HEAD)] == [HEAD]
    assert all(each.at is not None for each in forge.approvals(1, HEAD))
    assert list(forge.approvals(1, NEXT)) == []
    model.pushes(pull, NEXT)
    assert list(forge.approvals(1, NEXT)) == []
    model.reviews(pull, CAROL)
    (found,) = forge.approvals(1, NEXT)
    assert (found.person.login, found.at and found.at >= pull.pushed_at.replace(microsecond=0)) == (
        "carol",
        True,
    )


@pytest.mark.parametrize("verdict", ["rejected", "dismissed"])
def test_an_approval_that_was_taken_back_is_none(forge: Forge, model: Model, verdict: str) -> None:
    """And it is one again after another."""
    pull = model.opens()
    review = model.reviews(pull, BOB)
    if verdict == "dismissed":
        review.verdict = "dismissed"
    else:
        model.reviews(pull, BOB, verdict)
    assert list(forge.approvals(1, HEAD)) == []
    model.reviews(pull, BOB)
    assert [each.person.login for each in forge.approvals(1, HEAD)] == ["bob"]


def test_what_somebody_may_do(trial: Trial, forge: Forge, model: Model) -> None:
    """By her ID: who took over a name has nothing by it."""
    pull = model.opens()
    for user in (ALICE, BOB, CAROL):
        model.says(pull, "hello", user)
    people = {each.author.login: each.author for each in forge.comments(1)}
    wanted = {"alice": Permission.WRITE, "bob": Permission.READ, "carol": Permission.ADMIN}
    if "permissions" in trial.lacks:
        wanted = dict.fromkeys(wanted, Permission.UNKNOWN)
    assert {name: forge.permission(person) for name, person in people.items()} == wanted
    for stranger in (ForgePerson("9999", "nobody"), ForgePerson("9999", "carol"), ForgePerson("", "ghost")):
        assert forge.permission(stranger) in (Permission.NONE, Permission.UNKNOWN), stranger


@pytest.mark.parametrize("state", [each for each in ReportState if each is not ReportState.INACTIVE])
def test_a_status_is_told(trial: Trial, forge: Forge, model: Model, state: ReportState) -> None:
    """Twice is no error; a sentence is cut to what the forge takes."""
    model.opens()
    for _ in range(2):
        forge.set_status(status(state, "word " * 100))
    told = model.statuses[-1]
    assert (told.commit, told.context, told.state) == (HEAD, trial.shown("envmgr/pr-1"), trial.states[state])
    assert told.url == "https://e.example.com/1"
    assert len(told.sentence) <= trial.sentence
    assert told.sentence.startswith("word word")
    assert told.sentence.endswith("see the log")


def test_a_status_goes_from_pending_to_its_end(trial: Trial, forge: Forge, model: Model) -> None:
    """Also where there is nothing to read on."""
    model.opens()
    for state in (ReportState.PENDING, ReportState.RUNNING, ReportState.FAILURE, ReportState.PENDING):
        forge.set_status(status(state, url=""))
    forge.set_status(status(ReportState.SUCCESS, "Ready."))
    assert (model.statuses[-1].state, model.statuses[-1].sentence) == (
        trial.states[ReportState.SUCCESS],
        "Ready.",
    )


def test_whether_a_status_still_waits(forge: Forge, model: Model) -> None:
    """Of just that commit and context, by what was told last; one that is not there waits for nothing."""
    model.opens()
    assert not forge.is_pending(HEAD, "envmgr/pr-1")
    forge.set_status(status(ReportState.PENDING))
    assert forge.is_pending(HEAD, "envmgr/pr-1")
    assert not forge.is_pending(HEAD, "envmgr/pr-2")
    assert not forge.is_pending(NEXT, "envmgr/pr-1")
    forge.set_status(status(ReportState.SUCCESS))
    assert not forge.is_pending(HEAD, "envmgr/pr-1")


@having("deployments")
def test_a_deployment_is_one_for_each_commit(forge: Forge, model: Model) -> None:
    """Also where what was known of it was lost, or somebody took it away."""
    model.opens()
    known = forge.report_deployment(deployment(ReportState.PENDING), "")
    known = forge.report_deployment(deployment(ReportState.SUCCESS), known)
    again = forge.report_deployment(deployment(ReportState.SUCCESS), "")
    assert len(model.deployments) == 1
    assert known == again
    told = model.deployments[0]
    assert (told.environment, told.commit) == ("pr-1", HEAD)
    other = forge.report_deployment(deployment(ReportState.RUNNING, NEXT), "")
    assert len(model.deployments) == 2
    assert other != known
    assert forge.report_deployment(deployment(ReportState.INACTIVE), known) == known


def test_own_comments_are_written_edited_and_taken_away(forge: Forge, model: Model) -> None:
    """One that is gone is told when it is edited; when it is taken away it is no error."""
    pull = model.opens()
    made = forge.create_comment(1, "first\n\n<!-- envmgr -->")
    forge.edit_comment(1, made, "second | é")
    assert [each.text for each in pull.remarks] == ["second | é"]
    found = forge.comments(1)[-1]
    assert (found.id, found.text) == (made, "second | é")
    assert found.author.id == forge.identity().person.id
    forge.delete_comment(1, made)
    forge.delete_comment(1, made)
    assert pull.remarks == []
    with pytest.raises(NotThere):
        forge.edit_comment(1, made, "third")


@having("reactions")
def test_a_reaction_is_given_once(trial: Trial, forge: Forge, model: Model) -> None:
    """Each of the three, or the one that there is; twice is no error."""
    remark = model.says(model.opens(), "/envmgr help")
    for reaction in Reaction:
        forge.react(1, trial.comment(remark.id), reaction)
        forge.react(1, trial.comment(remark.id), reaction)
    wanted = 1 if "refusals" in trial.lacks else 3
    assert len(remark.reactions) == len({*remark.reactions}) == wanted


def test_who_envmgr_is(forge: Forge, model: Model) -> None:
    """Its own name, and that it has all that it needs."""
    model.opens()
    forge.create_comment(1, "hello")
    found = forge.identity()
    assert found.missing == ()
    assert found.person.id == forge.comments(1)[0].author.id


def test_what_a_forge_says_of_itself(trial: Trial, forge: Forge) -> None:
    """Is what is tried of it."""
    found = forge.traits
    has = {"deployments": found.has_deployments, "reactions": found.has_reactions, "labels": found.has_labels}
    assert {name for name, is_so in has.items() if not is_so} == trial.lacks & set(has)


def test_the_account_is_no_secret(forge: Forge, loopback: LoopbackForge) -> None:
    """It names the forge."""
    assert loopback.url in forge.account
    assert TOKEN not in forge.account


CALLS: dict[str, Callable[[Forge, str], object]] = {
    "open_pull_requests": lambda forge, _: forge.open_pull_requests(),
    "pull_request": lambda forge, _: forge.pull_request(1),
    "comments": lambda forge, _: forge.comments(1),
    "approvals": lambda forge, _: forge.approvals(1, HEAD),
    "set_status": lambda forge, _: forge.set_status(status(ReportState.PENDING)),
    "report_deployment": lambda forge, _: forge.report_deployment(deployment(ReportState.PENDING), ""),
    "create_comment": lambda forge, _: forge.create_comment(1, "hello"),
    "react": lambda forge, comment: forge.react(1, comment, Reaction.SEEN),
    "identity": lambda forge, _: forge.identity(),
}

NEEDS = {"report_deployment": "deployments", "react": "reactions"}
"""What a forge has to have for a call to do anything."""

FAULTS: dict[str, tuple[dict[str, object], type[EnvmgrError]]] = {
    "unknown": ({"status": 401}, NeedsPerson),
    "limited": ({"status": 429, "headers": {"Retry-After": "7"}}, RetryLater),
    "forbidden for a while": ({"status": 403, "headers": {"Retry-After": "7"}}, RetryLater),
    "conflict": ({"status": 409}, EnvmgrError),
    "not as it may be": ({"status": 422}, EnvmgrError),
    "broken": ({"status": 500}, Transient),
    "away": ({"status": 503}, Transient),
    "cut": ({"is_cut": True}, Transient),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("trial", "call"),
    [(name, call) for name, trial in TRIALS.items() for call in CALLS if NEEDS.get(call) not in trial.lacks],
    indirect=["trial"],
)
def test_a_forge_that_does_not_answer_as_it_should(
    trial: Trial, forge: Forge, loopback: LoopbackForge, model: Model, call: str, fault: str
) -> None:
    """Nothing is taken for an answer, and no secret is told; afterwards it works."""
    pull: Pull = model.opens()
    model.says(pull, "one")
    comment = trial.comment(model.says(pull, "two").id)
    what, kind = FAULTS[fault]
    if (call, fault) == ("react", "conflict"):
        return  # a reaction that is there already is no error
    broken = loopback.fails(**what, times=1_000)
    with pytest.raises(kind) as error:
        CALLS[call](forge, comment)
    assert TOKEN not in str(error.value)
    if kind is RetryLater:
        assert isinstance(error.value, RetryLater)
        assert timedelta(seconds=6) < error.value.after <= timedelta(seconds=7)
        return
    broken.times = 0
    CALLS[call](forge, comment)


@having("tags")
def test_an_answer_that_still_holds_costs_nothing(
    forge: Forge, loopback: LoopbackForge, model: Model
) -> None:
    """The second look is answered by `304`, and a change is seen."""
    assert loopback.kind.has_tags
    pull = model.opens()
    first = forge.open_pull_requests()
    assert forge.open_pull_requests() == first
    assert [status for _, status in loopback.calls][-1] == 304
    model.pushes(pull, NEXT)
    assert forge.open_pull_requests() != first
