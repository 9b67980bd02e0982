"""What the shell offers after TAB."""

import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values import reference

from .invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.domain.values.names import EnvironmentId

_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
"""A name goes back to the shell, which would read more into anything else."""


def environments(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The environments that what was typed may become; none where the records cannot be read.

    Nothing is written, not even an empty data folder: people press TAB before they have set anything up.
    """
    invocation = context.ensure_object(Invocation)
    # Whoever presses TAB wants a name or nothing: a message would land in the line that she types.
    with suppress(EnvmgrError, OSError):
        known = _known(invocation, incomplete)
        return sorted(name for name in _names(known, incomplete) if name.startswith(incomplete))
    return []


def _known(invocation: Invocation, incomplete: str) -> "set[EnvironmentId]":
    """Those that there are, here or at a server."""
    if invocation.server:
        with invocation.remote_records() as elsewhere:
            return elsewhere.called(incomplete)
    if not invocation.data_dir.is_dir():
        return set()
    with invocation.records() as store:
        return {environment.id.environment for environment in store.environments()}


def _names(known: "Iterable[EnvironmentId]", incomplete: str) -> "set[str]":
    """The shortest form of each that means only one, with at least as many parts as were typed already."""
    written = [reference.forms(each, each.name) for each in known]
    times = Counter(form for forms in written for form in forms)
    typed = min(incomplete.count("/"), 2)
    shortest = (next((form for form in forms[typed:] if times[form] == 1), forms[-1]) for forms in written)
    return {name for name in shortest if _PLAIN.fullmatch(name)}
