"""Showing a plan to a person and asking for consent to it."""

from collections.abc import Callable
from dataclasses import dataclass

import click

from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.environment import Environment

from .progress import Display
from .screen import ask, say, visible
from .work import interruptible


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Called with a plan in Terraform's words, and the plan (None: it changes nothing); gives the answer.

    With `typed`, the sentence why, the environment's name must be typed, as for a protected branch. With `always` the question is
    asked also where nothing changes in the cloud.
    """

    environment: Environment
    question: str
    nothing: str
    yes: bool
    display: Display
    typed: str = ""
    always: bool = False

    def __call__(self, text: str, plan: Plan | None) -> bool:
        """Shows what would be done and asks, unless told not to."""
        with self.display.paused():
            if plan is None:
                say(self.nothing)
                return self.yes or not self.always or _answer(self._ask)
            say(text.strip("\n"))
            say(f"\n{self.environment.label}: {plan.changes}.")
            return self.yes or _answer(self._ask)

    def _ask(self) -> bool:
        if not self.typed:
            return ask(self.question)
        name = self.environment.id.name
        typed = click.prompt(
            visible(f"{self.typed} {self.question} Type {name} to go on"),
            default="",
            show_default=False,
            err=True,
        )
        return bool(typed.strip() == name)


def _answer(question: Callable[[], bool]) -> bool:
    try:
        with interruptible():
            return question()
    except (click.Abort, KeyboardInterrupt):
        say()
        return False
