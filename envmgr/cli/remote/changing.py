"""Verbs that change an environment, done by a server: planned, shown, asked, and followed to their end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import click

from envmgr.cli.consent import Consent
from envmgr.cli.invocation import Invocation
from envmgr.cli.progress import Display
from envmgr.cli.screen import emit_json_of, say
from envmgr.cli.verbs.see.plan import emit_plan
from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.values.drift import Drift, failed
from envmgr.domain.values.environment import Environment, Run
from envmgr.domain.values.names import ref_component

from . import parsing
from .wishes import Planned, Subject, Wishes, wishes

_CHANGES = 2
_KEPT = 200_000
"""How much of a plan's text a server keeps."""
Show = Callable[[Environment, Drift], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for of an environment: how, and how a person is asked whether she wants it (not with `yes`)."""

    verb: str
    environment: str
    yes: bool
    options: Mapping[str, Any]
    consent: Callable[[Environment, Display], Consent]


def change(invocation: Invocation, wish: Wish, *, afresh: bool = False) -> Sequence[Environment]:
    """Has it planned, shows that, asks, and has just that done; with `yes` it is only done. The environments afterwards.

    `afresh` reads them once more, as they are by then, with what they warn of.
    """
    with wishes(invocation) as asking:
        subject, done = asking.find(wish.environment), list[Environment]()
        for part in _parts(asking, subject, wish):
            # One build is for all applications.
            options = {**wish.options, "rebuild": False} if done else dict(wish.options)
            if not wish.yes:
                options |= _agreed(asking, part, replace(wish, options=options))
            done += asking.environments(part, wish.verb, **options)
        if not afresh:
            return done
        now = {each.id: each for each in asking.find(subject.where).records}
        return [now.get(each.id, each) for each in done]


def _parts(asking: Wishes, subject: Subject, wish: Wish) -> Sequence[Subject]:
    """What is planned, shown and done together: all of it, but for what has outputs yet to come that others need."""
    is_first = any(each.applied.commit is None for each in subject.records)
    return asking.parts(subject) if wish.verb == "apply" and is_first and not wish.yes else [subject]


def _agreed(asking: Wishes, subject: Subject, wish: Wish) -> Mapping[str, Any]:
    """What is meant by what a person said yes to. Ends the program where she said no."""
    rolls_back = wish.verb == "rollback"
    shown = asking.plans(
        subject,
        destroy=wish.verb == "destroy",
        revision=wish.options["revision"] if rolls_back else None,
        rebuild=wish.options.get("rebuild"),
        override_window=wish.options.get("override_window"),
        override_freeze=wish.options.get("override_freeze"),
    )
    _end_if_refused(shown.plans)
    for each in shown.plans[::-1] if wish.verb == "destroy" else shown.plans:
        _say_rest(each)
        if not wish.consent(each.environment, Display())(_text(each, wish.verb), each.plan):
            say("Nothing was done.")
            raise SystemExit(1)
    if not rolls_back:
        return {"plan": shown.request, "rebuild": False}  # built anew it was for the plan
    commits = {each.commit for each in shown.plans if each.commit is not None}
    return {"revision": commits.pop()} if len(commits) == 1 else {}


def promoted(
    invocation: Invocation,
    environment: str,
    to: str,
    consent: Callable[[Environment, Display], Consent],
    *,
    yes: bool,
    override_window: bool,
) -> Sequence[Environment]:
    """Has the commit of one environment planned for another, shows that, asks, and has it come there."""
    with wishes(invocation) as asking:
        source = asking.find(environment)
        first = source.records[0]
        if not yes:
            goal = asking.find(f"{first.id.repository_id}/{to}")
            plans = asking.plans(goal, revision=first.applied.commit, override_window=override_window).plans
            _end_if_refused(plans)
            for each in plans:
                _say_rest(each)
                if not consent(each.environment, Display())(_text(each, "promote"), each.plan):
                    say("Nothing was done.")
                    raise SystemExit(1)
        return asking.environments(source, "promote", to=to, override_window=override_window)


def _end_if_refused(plans: Sequence[Planned]) -> None:
    """Asks nobody about what would be refused after the yes."""
    if said := " ".join(each.refused for each in plans if each.refused):
        raise NeedsPerson(f"{said} Nothing was applied.")


def _text(found: Planned, verb: str) -> str:
    return found.text if verb == "destroy" else "\n".join([found.text.rstrip(), *found.warnings])


def _say_rest(found: Planned) -> None:
    if len(found.text) >= _KEPT:
        say(f"The plan is long, and shown in part: `envmgr logs {found.run}` has all of it.")


def plan(
    invocation: Invocation,
    environment: str,
    *,
    destroy: bool,
    revision: str | None,
    saves: bool,
    as_json: bool,
) -> int:
    """Shows what would change; the exit code."""
    if saves:
        raise click.UsageError("--save works on envmgr's own host alone.")
    with wishes(invocation) as asking:
        shown = asking.plans(asking.find(environment), destroy=destroy, revision=revision).plans
    if as_json:
        emit_json_of([each.object for each in shown])
    else:
        for each in shown:
            emit_plan(each.environment.label, each.plan, each.text, (*each.warnings, each.refused), each.run)
            _say_rest(each)
    return 0 if all(each.plan is None for each in shown) else _CHANGES


def protection(invocation: Invocation, environment: str) -> tuple[str, ...] | None:
    """The patterns of protected branches of an environment's repository; None where that is not configured."""
    with wishes(invocation) as asking:
        return asking.protected(asking.find(environment).records[0].id.repository_id)


def cancelled(invocation: Invocation, environment: str) -> tuple[Environment, Run | None, bool]:
    """Has what runs there ended: the environment then, the run that was to end, and whether it has."""
    with wishes(invocation) as asking:
        subject = asking.find(environment)
        if len(subject.records) > 1:
            names = ", ".join(each.label for each in subject.records)
            raise UsageError(
                f"{ref_component(environment)!r} has several applications: say which of {names}."
            )
        return asking.cancelled(subject)


def drifted(
    invocation: Invocation, environments: Sequence[str], show: Show | None
) -> Iterator[tuple[Environment, Drift]]:
    """Has each environment checked, all that can be where none is named, and shows what was found as it comes."""
    with wishes(invocation) as asking:
        named = map(asking.find, environments or asking.comparable())
        subjects = {subject.where: subject for subject in named}
        for subject in subjects.values():
            for found in _checked(asking, subject):
                if show is not None:
                    show(*found)
                yield found


def _checked(asking: Wishes, subject: Subject) -> Iterator[tuple[Environment, Drift]]:
    """What a check found; one that could not even begin keeps no other from it."""
    known = {each.id: each for each in subject.records}
    try:
        found = asking.checked(subject)
    except NeedsPerson as error:
        for each in subject.records:
            yield each, failed(each.drift, str(error), datetime.now(UTC))
        return
    with asking.records.connection.understood():
        done = [
            (known[parsing.identity(each)], parsing.drift(each["drift"], datetime.now(UTC))) for each in found
        ]
    yield from ((environment, drift) for environment, drift in done if drift is not None)
