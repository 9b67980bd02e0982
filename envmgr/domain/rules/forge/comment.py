"""The one comment of a pull request: how all of its environments stand, in Markdown that each forge shows alike.

What is ours is Markdown; what may be a stranger's stands in code (see `text`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from envmgr.domain.values.environment import Changes
from envmgr.domain.values.forge.shown import (
    AnswerShown,
    ApprovalShown,
    CommentStyle,
    EnvironmentShown,
    PlanShown,
    PullRequestShown,
    ResourceShown,
)
from envmgr.domain.values.names import counted
from envmgr.domain.values.pipeline.proposal import Checked, CheckOutcome

from .mark import first_line, last_line
from .text import address, cell, code, fenced, fenced_line, size

Redact = Callable[[str], str]

_ROWS, _FINDINGS, _RESOURCES = 40, 5, 2_000
_ROOM = 200
"""Characters that are left free: for what is said of what did not fit."""
_SIGNS = {
    "pending": "⏳",
    "running": "⏳",
    "ready": "✅",
    "degraded": "⚠️",
    "failed": "❌",
    "waiting": "✋",
    "suspended": "💤",
    "destroying": "⏳",
    "destroyed": "🗑️",
}
_OUTCOMES = {
    CheckOutcome.PASSED: "✅ passed",
    CheckOutcome.WARNED: "⚠️ warns",
    CheckOutcome.ASKS: "✋ asks for an approval",
    CheckOutcome.REFUSED: "❌ refused",
}
_UNNAMED = re.compile(r"[^A-Za-z0-9:-]")
_ANSWERS = {"seen": "seen", "done": "done", "failed": "failed", "refused": "refused"}
_MARKS = {"create": "+", "delete": "-", "update": "~", "replace": "±", "read": "<"}
_VERBS = "`/envmgr plan` · `apply` · `destroy` · `approve` · `reject` · `extend 3d` · `suspend` · `resume` · `help`"


def comment(shown: PullRequestShown, style: CommentStyle, redact: Redact = lambda text: text) -> str:
    """The text, no longer than a forge takes; where it is, plans are cut by whole resources, and then left out."""
    shown = _redacted(shown, redact)
    head, foot = _head(shown, style), _foot(shown, style)
    parts = [head]
    room = style.longest - size(head) - size(foot) - _ROOM
    missing = 0
    for part in _parts(shown):
        if size(part) + 2 <= room:
            parts.append(part)
            room -= size(part) + 2
        else:
            missing += 1
    for environment in shown.environments[:_ROWS]:
        plan = _plan(environment, style, room) if environment.plan is not None else ""
        if plan:
            parts.append(plan)
            room -= size(plan) + 2
    if missing:
        parts.append(f"There is more to say than fits here ({counted(missing, 'paragraph')}).")
    return "\n\n".join([*parts, foot])


# --- the parts ---------------------------------------------------------------------------------------


def _head(shown: PullRequestShown, style: CommentStyle) -> str:
    mark = [first_line(shown.mark)] if style.hides else []
    return "\n".join([*mark, "### envmgr"])


def _foot(shown: PullRequestShown, style: CommentStyle) -> str:
    commands = [f"Commands for those who may: {_VERBS}"] if shown.commands else []
    mark = [] if style.hides else [last_line(shown.mark)]
    return "\n\n".join([*commands, "envmgr keeps this comment current.", *mark])


def _parts(shown: PullRequestShown) -> Sequence[str]:
    """Paragraph by paragraph, what matters most first."""
    why = [code(shown.why)] if shown.why else []
    table = [_table(shown.environments)] if shown.environments else []
    told = [_told(each, shown) for each in shown.environments[:_ROWS]]
    answers = ["\n".join(map(_answer, shown.answers))] if shown.answers else []
    return [*why, *table, *answers, *filter(None, told)]


def _answer(found: AnswerShown) -> str:
    said = code(found.message)
    what = code(found.verb, 40) or "What was said"
    return (
        f"- {what} by {code(found.by, 60)}: {_ANSWERS.get(found.status, 'seen')}.{f' {said}' if said else ''}"
    )


def _table(environments: Sequence[EnvironmentShown]) -> str:
    rows = [
        f"| {_name(each)} | {_SIGNS.get(each.status, '')} {_word(each.status)} | {address(each.url) if each.url else ''} | {cell(each.commit[:10])} |"
        for each in environments[:_ROWS]
    ]
    more = len(environments) - _ROWS
    return "\n".join(
        [
            "| Environment | Status | Address | Commit |",
            "|---|---|---|---|",
            *rows,
            *([f"| {more} more | | | |"] if more > 0 else []),
        ]
    )


def _name(environment: EnvironmentShown) -> str:
    name = cell(environment.label)
    return f"[{name}]({environment.page})" if environment.page else name


def _word(status: str) -> str:
    return status if status in _SIGNS else ""


def _told(environment: EnvironmentShown, shown: PullRequestShown) -> str:
    """What is to be said of one of them below the table; empty where the table says it all."""
    said = [
        code(environment.sentence),
        _ends(environment.ends, shown.now) if environment.ends is not None else "",
        *(_approval(each, shown.commands) for each in [environment.approval] if each is not None),
    ]
    lines = [" ".join(filter(None, [f"**{code(environment.label)}**", *said]))] if any(said) else []
    return "\n".join([*lines, *(_check(each) for each in environment.checks)])


def _approval(found: ApprovalShown, commands: bool) -> str:
    by = f" by {', '.join(code(name, 60) for name in found.by[:10])}" if found.by else ""
    return f"{len(found.by)} of {found.needed} approvals{by}, role {code(found.role, 30)}, until {_moment(found.until)}.{_how(found) if commands else ''}"


def _how(found: ApprovalShown) -> str:
    """By which command just this plan is approved."""
    is_wanted = found.plan and len(found.by) < found.needed
    return f" To say yes to just this plan: {code(f'/envmgr approve {found.plan}')}." if is_wanted else ""


def _check(found: Checked) -> str:
    findings = "; ".join(code(each, 200) for each in found.findings[:_FINDINGS])
    more = len(found.findings) - _FINDINGS
    said = f": {findings}{f' and {more} more' if more > 0 else ''}" if findings else ""
    return f"- Check {code(found.name, 60)} {_OUTCOMES[found.outcome]}{said}"


def _ends(at: datetime, now: datetime) -> str:
    """When its life ends, in words that change once a day: each other text would be an edit for nobody's sake."""
    left = at - now
    if left <= timedelta():
        return f"Its life ended {_moment(at)}."
    if left < timedelta(days=1):
        return f"It ends {_moment(at)}."
    return f"It ends in {counted(round(left / timedelta(days=1)), 'day')} ({_moment(at)})."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


# --- plans -------------------------------------------------------------------------------------------


def _plan(environment: EnvironmentShown, style: CommentStyle, room: int) -> str:
    plan = environment.plan
    if plan is None or not _is_worth_it(plan):
        return ""
    did = "Applied to" if plan.is_applied else "Plan for"
    counts = _done(plan.changes) if plan.is_applied else plan.changes
    title = f"{did} {_bare(environment.label)} at {_bare(plan.commit[:10])}: {counts}"
    log = f"[The log]({plan.log}) has all of it." if plan.log else ""
    bare = _folded(title, log, style) if log or plan.resources else title
    lines = _fitting([_line(each) for each in plan.resources], room - size(bare) - _ROOM)
    if lines is None:
        return bare if size(bare) <= room else ""
    missing = len(plan.resources) - len(lines)
    cut = f"{counted(missing, 'more resource')} did not fit here." if missing else ""
    body = [fenced(lines, "diff") if lines else "", " ".join(filter(None, [cut, log]))]
    found = _folded(title, "\n\n".join(filter(None, body)), style)
    return found if size(found) <= room else ""


def _done(changes: Changes) -> str:
    return f"{changes.add} added, {changes.change} changed, {changes.destroy} destroyed"


def _is_worth_it(plan: PlanShown) -> bool:
    changes = plan.changes
    return bool(plan.resources) or changes.add + changes.change + changes.destroy > 0


def _folded(title: str, body: str, style: CommentStyle) -> str:
    if not body:
        return title
    if style.folds:
        return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
    return f"{title}\n\n{body}"


def _bare(text: str) -> str:
    """A name without code around it: a summary is HTML, where that would be seen."""
    return _UNNAMED.sub("", text)


def _fitting(lines: Sequence[str], room: int) -> list[str] | None:
    """The first lines that fit; None where none does, or there is none."""
    found: list[str] = []
    for line in lines:
        room -= size(fenced_line(line)) + 1
        if room < 0:
            break
        found.append(line)
    return found or None


def _line(resource: ResourceShown) -> str:
    return f"{_MARKS.get(resource.action, '~')} {resource.address}"


# --- secrets -----------------------------------------------------------------------------------------


def _redacted(shown: PullRequestShown, redact: Redact) -> PullRequestShown:
    """All that is a stranger's word without what is known as secret: before it is made harmless, which would hide it from the search."""

    def of_plan(resource: ResourceShown) -> ResourceShown:
        return replace(resource, address=redact(resource.address))

    def of(environment: EnvironmentShown) -> EnvironmentShown:
        plan = environment.plan
        return replace(
            environment,
            sentence=redact(environment.sentence),
            url=redact(environment.url),
            plan=plan and replace(plan, resources=tuple(map(of_plan, plan.resources[:_RESOURCES]))),
            checks=tuple(
                replace(c, name=redact(c.name), findings=tuple(map(redact, c.findings)))
                for c in environment.checks
            ),
        )

    first, others = shown.environments[:_ROWS], shown.environments[_ROWS:]
    answers = tuple(replace(each, message=redact(each.message)) for each in shown.answers)
    return replace(shown, why=redact(shown.why), answers=answers, environments=(*map(of, first), *others))
