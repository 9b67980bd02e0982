"""What is known of pull requests as JSON text, exactly and both ways."""

import json
from collections.abc import Sequence
from typing import Any

from envmgr.adapters.store.codec import dump_moment, load_moment
from envmgr.domain.values.forge import ApprovedHead, Command, CommandStatus, ForgePerson


def dump_author(author: ForgePerson) -> str:
    """Somebody on a forge, as a JSON list."""
    return json.dumps([author.id, author.login, author.is_bot])


def load_author(text: str) -> ForgePerson:
    """What `dump_author` wrote."""
    return ForgePerson(*json.loads(text))


def dump_approved(approved: ApprovedHead) -> str:
    """An approval of a fork's head, as a JSON list."""
    return json.dumps([approved.commit, approved.by, dump_moment(approved.at)])


def load_approved(text: str) -> ApprovedHead:
    """What `dump_approved` wrote."""
    commit, by, at = json.loads(text)
    return ApprovedHead(commit, by, _time(at))


def dump_commands(commands: Sequence[Command]) -> str:
    """Commands of comments, as a JSON list of objects."""
    return json.dumps([_command(each) for each in commands])


def load_commands(text: str) -> tuple[Command, ...]:
    """What `dump_commands` wrote."""
    return tuple(
        Command(**{**each, "at": _time(each["at"]), "status": CommandStatus(each["status"])})
        for each in json.loads(text)
    )


def _command(command: Command) -> dict[str, Any]:
    return {
        "comment": command.comment,
        "at": dump_moment(command.at),
        "by": command.by,
        "verb": command.verb,
        "request": command.request,
        "status": command.status,
        "message": command.message,
        "answered": command.answered,
    }


def _time(text: str) -> Any:
    return load_moment(text)
