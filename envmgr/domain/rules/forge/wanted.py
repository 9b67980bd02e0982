"""From the records of a repository, and what was said of it, to what is to be said now: each target ends some time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from envmgr.domain.values.combined import by_environment, combined
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.forge.report import CommitStatus, DeploymentReport, ReportState
from envmgr.domain.values.forge.telling import CommentText, Document, Target, Telling, TellingKind, Wanted
from envmgr.domain.values.names import RepositoryId

from .deployments import deployment_of
from .statuses import Place, statuses_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a repository's forge is to be told at all: `comments` are the texts by pull request, None where there are to be none."""

    repository: RepositoryId
    place: Place
    has_deployments: bool
    comments: Sequence[CommentText] = ()


def revised(
    asked: Asked, records: Sequence[Environment], known: Sequence[Telling], now: datetime
) -> tuple[list[Telling], list[Target]]:
    """The rows that are to be written, and those that can go: of records in order of name, destroyed ones among them.

    What is there as it is to be is in neither. What nobody wants to be said any more is ended, if it said that something
    is still to come, and forgotten once that was said.
    """
    rows = {each.target: each for each in known}
    groups = {group[0].id.name: group for group in by_environment(records)}
    wanted = {each.target: each for each in _wanted(asked, groups, rows)}
    ends = [_ended(asked, row, groups) for row in known if row.target not in wanted]
    forgotten = [
        row.target
        for row, end in zip((r for r in known if r.target not in wanted), ends, strict=True)
        if end is None
    ]
    put = [*wanted.values(), *(end for end in ends if end is not None)]
    return [*filter(None, (_row(each, rows.get(each.target), now) for each in put))], forgotten


def digest_of(document: Document) -> str:
    """What tells one text from another."""
    return digest([type(document).__name__, repr(document)])


def _row(wanted: Wanted, before: Telling | None, now: datetime) -> Telling | None:
    """The row to be written; None where it is there, or there was nothing that could be ended."""
    found = digest_of(wanted.document)
    if before is not None and (before.digest, before.is_last) == (found, wanted.is_last):
        return None
    return Telling(
        target=wanted.target, document=wanted.document, digest=found, since=now, is_last=wanted.is_last
    )


def _wanted(
    asked: Asked, groups: Mapping[str, Sequence[Environment]], rows: Mapping[Target, Telling]
) -> Iterator[Wanted]:
    for records in groups.values():
        if not any(each.is_open for each in records):
            continue
        for status in statuses_of(records, asked.place):
            yield Wanted(target=_of_status(asked, status.context, status.commit), document=status)
        if asked.has_deployments:
            yield from _deployments(asked, records, rows)
    for text in asked.comments:
        target = Target(asked.repository, TellingKind.COMMENT, str(text.number))
        if text.creates or target in rows:
            yield Wanted(target=target, document=text, is_last=not text.creates)


def _deployments(
    asked: Asked, records: Sequence[Environment], rows: Mapping[Target, Telling]
) -> Iterator[Wanted]:
    report = deployment_of(records, asked.place)
    if report is None:
        return
    target = Target(asked.repository, TellingKind.DEPLOYMENT, report.environment, report.commit)
    if report.state is not ReportState.INACTIVE or target in rows:
        yield Wanted(target=target, document=report)


def _of_status(asked: Asked, context: str, commit: str) -> Target:
    return Target(asked.repository, TellingKind.STATUS, context, commit)


# --- ends --------------------------------------------------------------------------------------------


def _ended(asked: Asked, row: Telling, groups: Mapping[str, Sequence[Environment]]) -> Wanted | None:
    """What a row that nobody wants is to say at last, or for now; None where it can be forgotten."""
    document = row.document
    if not row.began and not row.said and not row.is_last:
        return None  # nothing was ever said of it
    if isinstance(document, CommentText):
        return _kept(row) if not row.is_said else None
    if isinstance(document, DeploymentReport):
        return _inactive(row, document, groups.get(document.environment, ()))
    return _closed(asked, row, document, groups)


def _kept(row: Telling) -> Wanted:
    return Wanted(target=row.target, document=row.document, is_last=True)


def _closed(
    asked: Asked, row: Telling, status: CommitStatus, groups: Mapping[str, Sequence[Environment]]
) -> Wanted | None:
    name = status.context.removeprefix(f"{asked.place.context}/")
    is_plan = name.endswith("/plan")
    records = groups.get(name.removesuffix("/plan"), ())
    is_current = any(each.is_open and each.target == status.commit for each in records)
    if not status.state.is_open:
        # How the commit did stays as it was said, for as long as the environment is to have it.
        if is_current and not is_plan:
            return replace(_kept(row), is_last=False)
        return _kept(row) if row.is_waiting else None
    is_applied = is_plan and any(each.applied.commit == status.commit for each in records)
    done = ReportState.SUCCESS if is_applied else ReportState.FAILURE
    ended = replace(
        status, state=done, sentence=_last_word(records, is_current=is_current, is_applied=is_applied)
    )
    return Wanted(target=row.target, document=ended, is_last=not is_current or is_plan)


def _last_word(records: Sequence[Environment], *, is_current: bool, is_applied: bool) -> str:
    if is_applied:
        return "Approved and applied."
    found = combined(records) if records else None
    if found is None or not found.is_open:
        return "The environment is gone; this did not come to its end."
    if is_current:
        return found.said or "This did not come to its end."
    return f"{found.target[:10]} came before this was done."


def _inactive(row: Telling, report: DeploymentReport, records: Sequence[Environment]) -> Wanted | None:
    """An older deployment counts until a newer one has come to a good end, one that never did not even that long."""
    found = combined(records) if any(each.is_open for each in records) else None
    if found is not None and found.suspended is None and not report.state.is_open:
        is_the_last_good_one = report.commit in (found.target, found.applied.commit)
        if is_the_last_good_one and report.state is not ReportState.INACTIVE:
            return replace(_kept(row), is_last=False)
    if report.state is ReportState.INACTIVE and not row.is_waiting:
        return None
    over = replace(report, state=ReportState.INACTIVE, sentence="", url=None)
    is_current = found is not None and found.target == report.commit
    return Wanted(target=row.target, document=over, is_last=not is_current)
