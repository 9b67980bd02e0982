"""Credentials for one run, in place of what an organization's environment variables hold for good."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from envmgr.domain.values.backend import Backend
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.names import EnvironmentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose a run's credentials are: an environment, where its state is, and who is to hide them in what is said."""

    environment: EnvironmentId
    backend: Backend
    learn: Callable[[Sequence[str]], None] = lambda _: None


SignIn = Callable[[Holder, Credentials, Mapping[str, str]], AbstractContextManager[Mapping[str, str]]]
"""From an organization's environment variables to those of a child, good within the block, however long it takes.

Raises NeedsPerson, Refused or Transient where they cannot be had.
"""


@contextmanager
def as_given(
    _holder: Holder, _use: Credentials, environment: Mapping[str, str]
) -> Iterator[Mapping[str, str]]:
    """The organization's own variables, for all uses."""
    yield environment
