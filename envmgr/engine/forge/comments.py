"""One comment of ours for a pull request: found again, edited, and never two of it."""

from collections.abc import Sequence

from envmgr.domain.errors import NotThere
from envmgr.domain.rules.forge.mark import carries
from envmgr.domain.values.forge import Comment, ForgePerson
from envmgr.domain.values.forge.telling import CommentText
from envmgr.ports.forge import Forge


def keep(forge: Forge, wanted: CommentText, known: str, us: ForgePerson) -> str:
    """Has the comment say the text; gives what the forge calls it, nothing where there is none and none was to be made.

    What is known of it may be wrong, or lost: then it is sought among all comments, by mark and author. Whatever carries
    our mark and is somebody else's is no concern of ours. Raises what the forge raises.
    """
    if known and _edited(forge, wanted, known):
        return known
    ours = _ours(forge, wanted, us)
    if ours and _edited(forge, wanted, ours[0].id):
        return ours[0].id
    return _made(forge, wanted, us) if wanted.creates else ""


def _made(forge: Forge, wanted: CommentText, us: ForgePerson) -> str:
    made = forge.create_comment(wanted.number, wanted.text)
    # Who envmgr is, some forges tell only on what it has written.
    us = us if us.id else forge.identity().person
    # Another process may have made one at the same moment, or the answer to an earlier try was lost: the oldest stays.
    oldest, *others = [each.id for each in _ours(forge, wanted, us)] or [made]
    for other in others:
        forge.delete_comment(wanted.number, other)
    if oldest != made:
        forge.edit_comment(wanted.number, oldest, wanted.text)
    return oldest


def _ours(forge: Forge, wanted: CommentText, us: ForgePerson) -> Sequence[Comment]:
    """Those with our mark that are our own, oldest first; none as long as it is not known who we are."""
    if not us.id:
        return []
    found = [
        c for c in forge.comments(wanted.number) if c.author.id == us.id and carries(c.text, wanted.mark)
    ]
    return sorted(found, key=lambda c: c.at)


def _edited(forge: Forge, wanted: CommentText, comment: str) -> bool:
    try:
        forge.edit_comment(wanted.number, comment, wanted.text)
    except NotThere:
        return False
    return True
