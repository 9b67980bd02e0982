"""Notices in words: plain text, in which nothing that a stranger typed means anything to a chat."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import EnvironmentId, counted
from envmgr.domain.values.notices import Notice
from envmgr.domain.values.shown.unseen import is_unseen

TEMPLATE = "{message}\n{url}"
"""What a message says unless somebody wants it otherwise."""

PLACES = ("environment", "organization", "repository", "name", "kind", "message", "actor", "commit", "url")
"""What a template may have in braces."""

_PLACE = re.compile(r"\{([A-Za-z_]+)\}")
_LONGEST = 1000
_LONGEST_IN_DIGEST = 160
_LINES = 20
_TITLES = {
    "failed": "has failed",
    "recovered": "is ready again",
    "expires-soon": "ends soon",
    "waiting": "waits",
    "drift": "has drifted",
}
_NOTHING = "\u200b"  # a space without width: what stands on both sides of it is no word of a chat's any more
_QUIET = str.maketrans({"@": f"@{_NOTHING}", "<": "\u2039", ">": "\u203a", "`": "'"})

Link = Callable[[EnvironmentId], str]
"""Where people read on about an environment; nothing where they cannot."""


def unknown_places(template: str) -> tuple[str, ...]:
    """What a template has in braces that means nothing."""
    return tuple(name for name in _PLACE.findall(template) if name not in PLACES)


def harmless(text: str, longest: int = _LONGEST) -> str:
    """A stranger's text that pings nobody, opens no markup and turns no line around, cut where it is too long."""
    lines = text.replace("\r\n", "\n")[: longest * 4]
    plain = "".join(" " if c != "\n" and _is_hidden(c) else c for c in lines).strip()
    quiet = plain.translate(_QUIET).replace("](", f"]{_NOTHING}(").replace("://", f":{_NOTHING}//")
    return quiet if len(quiet) <= longest else f"{quiet[: longest - 1]}…"


def _is_hidden(character: str) -> bool:
    return is_unseen(character) or unicodedata.category(character) == "Co"


def title(notices: Sequence[Notice], organization: str) -> str:
    """In a few words what it is about."""
    if len(notices) > 1:
        return f"{len(notices)} messages of {organization}"
    kind = notices[0].kind
    subject = harmless(_subject(notices[0].event), 200) or "envmgr"
    return f"{subject} {_TITLES[kind]}" if kind in _TITLES else f"{subject}: {kind}"


def text(notices: Sequence[Notice], template: str, link: Link) -> str:
    """The whole of it: a template for one, a digest for several."""
    return _digest(notices) if len(notices) > 1 else _filled(template, notices[0], link)


def _filled(template: str, notice: Notice, link: Link) -> str:
    event, identity = notice.event, notice.event.environment
    organization, repository = (
        (identity.organization, identity.repository) if identity is not None else event.place or ("", "")
    )
    values = {
        "environment": _subject(event),
        "organization": organization,
        "repository": repository or "",
        "name": identity.name if identity is not None else "",
        "kind": notice.kind,
        "message": event.message,
        "actor": event.actor,
        "commit": event.commit or "",
    }
    shown = {name: harmless(value) for name, value in values.items()}
    shown["url"] = link(identity) if identity is not None else ""
    # One pass: what a value has in braces is no place.
    return _PLACE.sub(lambda found: shown.get(found[1], found[0]), template).strip()


def _digest(notices: Sequence[Notice]) -> str:
    kinds = Counter(notice.kind for notice in notices)
    lines = [", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))]
    for notice in notices[:_LINES]:
        subject = _subject(notice.event)
        subject = f"{harmless(subject, 200)}: " if subject else ""
        said = harmless(notice.event.message).partition("\n")[0][:_LONGEST_IN_DIGEST]
        lines.append(f"• {notice.kind}: {subject}{said}")
    if len(notices) > _LINES:
        lines.append(f"… and {counted(len(notices) - _LINES, 'message')} more: `envmgr events` has them all.")
    return "\n".join(lines)


def _subject(event: Event) -> str:
    """What it is about: an environment, a repository, an organization, or nothing in particular."""
    if event.environment is not None:
        return str(event.environment)
    return "/".join(part for part in event.place or () if part)
