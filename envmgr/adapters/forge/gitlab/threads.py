"""Which comments begin a thread, and which answer in one."""

from collections.abc import Iterable
from dataclasses import replace

from envmgr.adapters.forge.answer import Object
from envmgr.domain.values.forge import Comment


def threaded(comments: Iterable[Comment], threads: Iterable[Object]) -> list[Comment]:
    """Comments of which the first of each thread is no reply; one that is in no thread that is told of stays one.

    `threads` have their notes in the order in which these were written.
    """
    firsts = {notes[0].id("id") for each in threads if (notes := each.listed("notes"))}
    return [replace(each, is_reply=each.is_reply and each.id not in firsts) for each in comments]
