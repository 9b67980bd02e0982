"""What a repository's forge is to be told, worked out from the records and written into the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass

from envmgr.domain.rules.forge.comment import comment
from envmgr.domain.rules.forge.mark import mark_of
from envmgr.domain.rules.forge.showing import environment_shown
from envmgr.domain.rules.forge.statuses import Place
from envmgr.domain.rules.forge.wanted import Asked, revised
from envmgr.domain.rules.origins.previews import objections
from envmgr.domain.values.environment import Changes, Environment, OriginKind, Run, RunKind, RunStatus
from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.forge.shown import AnswerShown, CommentStyle, PullRequestShown
from envmgr.domain.values.forge.telling import CommentText
from envmgr.domain.values.origins.previews import Objection, Why
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.ports.forge import Forge, ForgeTraits

_ANSWERED = 3
"""Of how many of the last commands the comment tells what became of them."""
_TOLD = frozenset({Why.UNAPPROVED, Why.LIMIT, Why.NAME, Why.HEAD, Why.NOT_CAGED, Why.NO_REF})
"""For which reasons it is told unasked that a pull request has no environment: somebody can do something about them."""
_RUNS = 5
"""Among how many of its last runs an environment's last apply is looked for."""


def work_out(services: Services, repository: Repository, page: str, *, anew: bool = False) -> bool:
    """Writes what the forge of a repository is to be told by now; whether that is anything new.

    `page` is where people reach envmgr's own page, empty where it has none. `anew`: what was refused is tried once more.
    """
    forge = repository.forge
    if forge is None:
        return False
    store, now = services.store, services.clock()
    records = store.environments(repository=repository.id, destroyed=True)
    asked = Asked(
        repository=repository.id,
        place=Place(repository.forge_rules.context, page.rstrip("/")),
        has_deployments=forge.traits.has_deployments,
        comments=_comments(services, repository, forge, records, page.rstrip("/")),
    )
    if anew:
        refused = [t for t in store.outbox.of(repository.id) if not t.is_said and not t.is_waiting]
        store.outbox.revise(repository.id, lambda _: (refused, ()))
    return store.outbox.revise(repository.id, lambda known: revised(asked, records, known, now))


def _comments(
    services: Services, repository: Repository, forge: Forge, records: Sequence[Environment], page: str
) -> list[CommentText]:
    if not repository.forge_rules.comments:
        return []
    pulls = {each.number: each for each in services.store.pull_requests.all(repository.id)}
    numbers = {e.origin.number for e in records if e.origin.kind is OriginKind.PULL_REQUEST}
    asked = repository.asked.previews
    against = objections(pulls.values(), records, asked) if asked is not None else {}
    subjects = [
        _Subject(number, pulls.get(number), _of(pulls.get(number), number, records), against.get(number))
        for number in sorted({*pulls, *filter(None, numbers)})
    ]
    return [_comment(services, repository, forge, each, page) for each in subjects]


def _of(pull: KnownPullRequest | None, number: int, records: Sequence[Environment]) -> list[Environment]:
    """The open environments of a pull request: its own, and that of its branch."""
    head = pull.told.head if pull is not None and pull.is_open and not pull.told.is_from_fork else None
    return [
        each
        for each in records
        if each.is_open
        and (
            each.origin.number == number
            if each.origin.kind is OriginKind.PULL_REQUEST
            else each.origin.kind is OriginKind.BRANCH and not each.origin.is_named and each.branch == head
        )
    ]


@dataclass(frozen=True, slots=True)
class _Subject:
    """A pull request, what is known of it, its environments, and why it has none."""

    number: int
    pull: KnownPullRequest | None
    records: Sequence[Environment]
    against: Objection | None

    @property
    def why(self) -> str:
        """What is said of it as such."""
        if self.records:
            return ""
        if self.pull is None or not self.pull.is_open:
            return "It is closed, and its environment is gone."
        return (
            f"It has no environment. {self.against}."
            if self.against is not None
            else "It has no environment yet."
        )

    @property
    def is_worth_it(self) -> bool:
        """Whether there is to be a comment, be it only to say for what a person is waited."""
        return bool(self.records) or (self.against is not None and self.against.why in _TOLD)


def _comment(
    services: Services, repository: Repository, forge: Forge, subject: _Subject, page: str
) -> CommentText:
    rules = repository.forge_rules
    mark, place = mark_of(rules.context, str(repository.id)), Place(rules.context, page)
    shown = PullRequestShown(
        environments=tuple(
            environment_shown(each, _last_apply(services, each), place) for each in subject.records
        ),
        why=subject.why,
        mark=mark,
        commands=rules.obeys and subject.is_worth_it,
        now=services.clock(),
        answers=_answers(subject.pull),
    )
    text = comment(shown, style_of(forge.traits), repository.organization.access().redact)
    creates = subject.is_worth_it or bool(shown.answers)
    return CommentText(number=subject.number, text=text, mark=mark, creates=creates)


def _answers(pull: KnownPullRequest | None) -> tuple[AnswerShown, ...]:
    """What became of the last commands; who gave them sees a reaction at once, and here why."""
    commands = pull.commands[-_ANSWERED:] if pull is not None else ()
    return tuple(
        AnswerShown(verb=each.verb, by=each.by, status=each.status.value, message=each.message)
        for each in commands
    )


def _last_apply(services: Services, found: Environment) -> Run | None:
    """The newest run that changed something, and came to its end; none where nothing is there of it any more."""
    if found.applied.commit is None or found.proposal is not None:
        return None
    runs = services.store.runs(found.id, limit=_RUNS)
    return next((run for run in runs if _has_changed(run)), None)


def _has_changed(run: Run) -> bool:
    is_apply = run.kind is RunKind.APPLY and run.status is RunStatus.SUCCEEDED
    return is_apply and run.changes not in (None, Changes())


def style_of(traits: ForgeTraits) -> CommentStyle:
    """How a kind of forge takes comments."""
    return CommentStyle(longest=traits.comment_characters, folds=traits.folds, hides=traits.hides_comments)
