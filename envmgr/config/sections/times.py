"""The types of options that name times: times that come again, time zones, moments."""

from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from envmgr.domain.errors import UsageError

from .duration import is_duration, read_duration
from .patterns import matching
from .values import Named

_CRON_FIELD = r"(?:\*|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/[0-9]+)?"
_CRON_LIST = rf"{_CRON_FIELD}(?:,{_CRON_FIELD})*"
CRON_PATTERN = rf"{_CRON_LIST}(?: +{_CRON_LIST}){{4}}"

_CRON_SENTENCE: Final = (
    'it must be a cron time of five fields, such as "0 8 * * 1-5" (08:00, Monday to Friday)'
)


def _cron(value: str) -> str:
    matching(CRON_PATTERN, _CRON_SENTENCE)(value)
    try:
        next(CronSim(value, datetime(2000, 1, 1)))  # noqa: DTZ001  any moment will do
    except (CronSimError, StopIteration):
        raise ValueError(_CRON_SENTENCE) from None
    return value


Cron = Annotated[
    str,
    AfterValidator(_cron),
    Named("cron time"),
]


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    # Of what is no name at all, or a folder of them, the library raises each of these.
    except (ValueError, OSError, LookupError):
        raise ValueError("it must be a time zone's name, such as Europe/Berlin or UTC") from None
    return value


TimeZone = Annotated[str, AfterValidator(_timezone), Named("time zone")]


def _moment(value: object) -> datetime:
    """A time with its offset from UTC; YAML gives some of them as times already."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise ValueError('it must be a time with its zone, such as "2026-12-01T06:00Z"')
    return found.astimezone(UTC)


def _utc(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"


Moment = Annotated[
    datetime,
    PlainValidator(_moment),
    PlainSerializer(_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Named("time"),
]
"""A time as ISO 8601 with its zone; kept as UTC."""


def read_moment(text: str, now: datetime, what: str) -> datetime:
    """A time that a person gives as one, or as how long from `now` on, called `what` where it is neither. Raises UsageError."""
    if is_duration(text):
        return now + read_duration(text, what)
    try:
        return _moment(text)
    except ValueError as error:
        raise UsageError(f"{what}: {error}, or how long from now on, such as 4h.") from error
