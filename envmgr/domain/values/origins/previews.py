"""Environments of pull requests, as the configuration asks for them, and why one of them has none or goes on no further."""

from dataclasses import dataclass
from enum import StrEnum

from envmgr.domain.values.forge import PreviewRules


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPreviews:
    """Which pull requests are to have an environment.

    `heads` is the git ref at which the forge keeps a pull request's head, with `{number}` in it; None where it keeps
    none. `are_merges`: what is there is a merge on trial, whose second parent is the head. `is_caged`: what a branch runs is confined.
    """

    rules: PreviewRules
    heads: str | None = None
    are_merges: bool = False
    is_caged: bool = False

    def name(self, number: int) -> str:
        """The name of a pull request's environment."""
        return self.rules.name.replace("{number}", str(number))

    def ref(self, number: int) -> str:
        """The git ref of a pull request's head in the repository itself; empty where the forge keeps none."""
        return self.heads.replace("{number}", str(number)) if self.heads is not None else ""


class Why(StrEnum):
    """Why a pull request has no environment, or its environment is not taken further."""

    NOT_OPEN = "not open"
    LOST = "lost"
    BASE = "base"
    LABELS = "labels"
    DRAFT = "draft"
    AUTHOR = "author"
    FORKS = "forks"
    NOT_CAGED = "not caged"
    NO_REF = "no ref"
    UNAPPROVED = "unapproved"
    HEAD = "head"
    NAME = "name"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Objection:
    """What keeps a pull request from an environment, or from its newest commit: `why`, and what it is about, as a sentence says it."""

    why: Why
    said: str
    about: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.said
