"""Column types that turn domain values into what both databases store, and back."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from . import codec

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""A plain word that envmgr or git made, such as a name or a commit; ordered byte by byte."""


class Converted(TypeDecorator[T]):
    """A text column whose values are converted by a pair of functions; NULL is None.

    Compared byte by byte, so that order and equality are the same in every database.
    """

    impl = Text
    cache_ok = True

    def __init__(self, dump: Callable[[T], str], load: Callable[[str | None], T | None]) -> None:
        """`dump` gives a value's text, `load` the value of a text, and None for None."""
        super().__init__()
        self.dump = dump
        self.load = load

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """The database's own text, in PostgreSQL without a language's rules of order."""
        return Text(collation="C") if dialect.name == "postgresql" else Text()

    def bind_processor(self, dialect: Dialect) -> Any:
        """Domain value → text."""
        dump = self.dump
        return lambda value: None if value is None else dump(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Text → domain value: `load` itself, as a hundred thousand values are read at once."""
        return self.load


def encoded(dump: Callable[[T], str], load: Callable[[str], T]) -> Converted[T]:
    """Values that the codec turns into text and back."""
    return Converted(dump, lambda text: None if text is None else load(text))


def moment() -> Converted[datetime]:
    """An aware time as ISO 8601 in UTC with six digits of a second: it sorts, and people can read it."""
    return Converted(codec.dump_moment, codec.load_moment)


def free_text() -> Converted[str]:
    """Any text at all: what a database refuses (NUL, a branch's undecodable bytes) is escaped."""
    return Converted(codec.dump_text, codec.load_text)


def word(kind: type[E]) -> Converted[E]:
    """One of an enumeration's words."""
    members: dict[str | None, E | None] = {None: None, **{member.value: member for member in kind}}
    return Converted(str, members.__getitem__)
