"""What cancelling writes: work ends and is not begun again; what had ended by then is held back by nothing."""

from envmgr.domain.rules.transitions.wishes import came_too_late, cancelled
from envmgr.domain.rules.transitions.work import interrupted
from envmgr.domain.values.environment import Status, Suspension
from tests.support.records import altered, flat
from tests.unit.domain_example import NOW, pending


def test_cancelled_work_stays_ended() -> None:
    """Until a push replaces the commit."""
    marked = cancelled(pending(status=Status.RUNNING), "Cancelled.", NOW)
    assert (marked.status, flat(marked)["suspended_commit"]) == (Status.RUNNING, marked.commit)
    assert interrupted(marked, "goes on").status is Status.SUSPENDED
    assert interrupted(pending(status=Status.RUNNING), "goes on").status is Status.WAITING


def test_what_had_ended_is_held_back_by_nothing() -> None:
    """Nor is a person's suspension that came meanwhile taken off."""
    before = pending(status=Status.RUNNING)
    ready = altered(cancelled(before, "Cancelled.", NOW), status=Status.READY)
    assert came_too_late(ready, before).suspended is None
    assert came_too_late(ready, before).status is Status.READY
    by_person = altered(ready, suspended="By hand.", suspended_by=Suspension.PERSON)
    assert came_too_late(by_person, before) == by_person
