"""The page of statuses, guards, kinds of run, findings and events."""

from collections.abc import Mapping

from envmgr.domain.rules.severity import level_of

from . import meanings
from .markdown import page, table

INTRODUCTION = """\
These words appear in `envmgr list`, `show`, `history`, `events` and `audit`, in the log, and in [JSON](json.md)."""

_EVENTS = """\
Everything that changes an environment is an event, written together with the change. `envmgr events` shows them, and
the log has them with the level given here: in the journal, `error` has priority `err`. Each names who caused it:
`daemon`, `reconcile`, `user NAME` at the command line, `person NAME` or `token NAME` over the network, or
`push (author NAME)`, where the author is what the commit says."""


def pages() -> dict[str, str]:
    """Each page by its name."""
    return {
        "events-and-statuses.md": page(
            "Events and statuses",
            INTRODUCTION,
            "## Environments",
            _words("status", meanings.STATUSES),
            "## Guards",
            "What holds an environment back until somebody runs `envmgr approve`.",
            _words("guard", meanings.GUARDS),
            "## Suspended by",
            _words("by", meanings.SUSPENSIONS),
            "## Health",
            _words("condition", meanings.CONDITIONS),
            "## Kinds of run",
            _words("kind", meanings.RUN_KINDS),
            "## Statuses of a run",
            _words("status", meanings.RUN_STATUSES),
            "## Findings of the audit",
            _words("finding", meanings.FINDINGS),
            "## Events",
            _EVENTS,
            table(
                ("event", "level", "meaning"),
                [(f"`{name}`", level_of(name), meaning) for name, meaning in meanings.EVENTS.items()],
            ),
        )
    }


def _words(title: str, words: Mapping[str, str]) -> str:
    return table((title, "meaning"), [(f"`{word}`", meaning) for word, meaning in words.items()])
