"""Durations on the command line."""

from datetime import timedelta
from typing import Any

import click


class Duration(click.ParamType[timedelta]):
    """A duration such as `30s`, `5m`, `1h`, `7d`; with `positive` not none at all."""

    name = "duration"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Reads it; a wrong one is a usage error."""
        from envmgr.config.sections.duration import parse_duration

        if isinstance(value, timedelta):
            return value
        try:
            found = parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)
        if self._positive and not found:
            self.fail(f"{value!r}: it must be longer than zero, such as 7d.", param, ctx)
        return found
