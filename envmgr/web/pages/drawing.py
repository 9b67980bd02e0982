"""Templates with what is given to them: everything is escaped, and a name that is not given is an error."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from envmgr.config.sections.duration import rounded_duration
from envmgr.domain.values.names import counted
from envmgr.views.visible import escaped

STATIC = Path(__file__).parents[1] / "static"
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


def draw(template: str, now: datetime, facts: Mapping[str, object]) -> str:
    """A template as HTML; `now` is what ages and ends are told from."""
    return _templates().get_template(template).render(now=now, **facts)


def part(macro: str, *arguments: object) -> str:
    """A macro of `parts.html` as HTML."""
    made: str = getattr(_templates().get_template("parts.html").module, macro)(*arguments)
    return made


@cache
def _templates() -> Templates:
    made = Templates(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        # Text of strangers reaches HTML through here alone: what would turn the reading order is made visible first.
        # Whatever is no text yet becomes one there and nowhere else: it may have a stranger's words in it.
        finalize=lambda value: value if isinstance(value, (Markup, int)) else escaped(str(value)),
    )
    made.filters.update(ago=ago, ends=ends, moment=moment, iso=iso, took=took, brief=brief, value=value_of)
    made.filters.update(without_scheme=without_scheme, said=said, counted=counted)
    made.tests.update(web_address=is_web_address)
    made.globals.update(static=static)
    return made


@cache
def static(name: str) -> str:
    """The address of a file of the page; another one with every content, so that it may be kept for ever."""
    return f"/static/{name}?{sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in its largest unit: `3 hours ago`."""
    return f"{_spelled(now - at)} ago" if now - at >= timedelta(seconds=2) else "just now"


def ends(at: datetime, now: datetime) -> str:
    """How long until: `in 3 days`, `now` where that is over."""
    return f"in {_spelled(at - now)}" if at > now else "now"


def _spelled(duration: timedelta) -> str:
    rounded = rounded_duration(duration)
    number, unit = int(rounded[:-1]), _UNITS[rounded[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"


def moment(at: datetime) -> str:
    """A time for people, in UTC."""
    return f"{at.astimezone(UTC).isoformat(' ')[:19]} UTC"


def iso(at: datetime) -> str:
    """A time for programs."""
    return f"{at.astimezone(UTC).isoformat()[:19]}Z"


def took(duration: timedelta) -> str:
    """How long something took: `41s`, `3m 12s`, `2h 5m`."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60}s"
    return f"{seconds // 3600}h {seconds % 3600 // 60}m"


def brief(commit: str | None) -> str:
    """A commit as people write it."""
    return (commit or "")[:7]


def said(message: str) -> Markup:
    """A sentence with what stands in backticks as code."""
    parts = escaped(message).split("`")
    if len(parts) % 2 == 0:  # one without its partner is none
        return escape(escaped(message))
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if number % 2 else part for number, part in enumerate(parts))


def is_web_address(text: str) -> bool:
    """Whether a text may become a link: an output is its branch's, and `javascript:` would be an address as well."""
    return re.match(r"https?://[^\s\\]+\Z", text) is not None and text.isprintable()


def without_scheme(url: str) -> str:
    """An address as people read it."""
    return re.sub(r"\Ahttps?://", "", url).rstrip("/")


def value_of(value: object) -> str:
    """A value of Terraform's: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
