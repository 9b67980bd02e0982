"""Durations on the command line."""

from datetime import timedelta
from typing import Any

import click


class Duration(click.ParamType[timedelta]):
    """A duration such as `30s`, `5m`, `1h`, `7d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Reads it; a wrong one is a usage error."""
        from envmgr.config.duration import parse_duration

        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)
