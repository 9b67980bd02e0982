"""Registries of images."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Login:
    """How a registry lets envmgr in."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """The newest image that was looked for: `IMAGE@DIGEST`, and the tag that it had."""

    reference: str
    tag: str


class Registry(Protocol):
    """Answers what images there are; nothing is ever written to one."""

    def newest(self, image: str, tags: str, login: Login | None) -> FoundImage:
        """
        The newest image of which the tag matches a pattern.

        :param image: the registry's host, with its port if need be, and the repository in it
        :raises Transient: the registry does not answer, or not as it should
        :raises NeedsPerson: it refuses, has no such image, or none of its tags is one to choose
        """
        ...
