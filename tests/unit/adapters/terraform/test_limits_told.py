"""Which limit a Terraform command ran into, and where it is raised."""

from datetime import timedelta

from envmgr.adapters.terraform.failures import failure
from envmgr.adapters.terraform.messages import Transcript, parse
from envmgr.adapters.terraform.session import Outcome
from envmgr.domain.errors import EnvmgrError, NeedsOperator, Transient
from envmgr.domain.values.cage import Cage, CageLimits, Limit, Purpose
from envmgr.host.children.child import Cause, Ended

HOUR = timedelta(hours=1)


def failed(ended: Ended, *, said: str = "", **limits: object) -> EnvmgrError:
    """The failure of an apply in a cage with these limits, of all together and of each process."""
    transcript = Transcript()
    for line in said.splitlines():
        transcript.add(parse(line))
    allowed = CageLimits(**limits)  # type: ignore[arg-type]
    cage = Cage(kind="bwrap", purpose=Purpose.APPLY, limits=allowed, together=allowed)
    return failure(Outcome("apply", ended, transcript, cage), HOUR, str)


def test_a_limit_that_was_reached_comes_before_what_it_led_to() -> None:
    error = failed(Ended(1, None, (Limit.MEMORY,)), said="Error: Plugin did not respond", memory=1024)
    assert type(error) is NeedsOperator
    assert "after it had reached the 1KiB of memory that cage.memory gives a whole run" in str(error)


def test_processor_time_is_told_where_envmgr_ended_it() -> None:
    error = failed(Ended(1, Cause.LIMITED, (Limit.CPU,)), cpu_seconds=9)
    assert "the 9 s of processor time that cage.cpu gives a whole run" in str(error)


def test_the_time_of_a_run_may_do_at_another_try() -> None:
    error = failed(Ended(-2, Cause.LIMITED, (Limit.TIME,)), time=timedelta(minutes=5))
    assert type(error) is Transient
    assert "the 5m that cage.time gives a whole run: reduce the code, or raise that limit" in str(error)


def test_one_process_that_needs_too_much_is_told_as_such() -> None:
    error = failed(Ended(2), said="fatal error: runtime: out of memory", memory=1024)
    assert type(error) is NeedsOperator
    assert "more memory than the 1KiB it is allowed" in str(error)


def test_the_shorter_time_is_named_by_where_it_is_set() -> None:
    error = failed(Ended(-2, Cause.TIMED_OUT), time=timedelta(minutes=5))
    assert type(error) is Transient
    assert "took longer than 5m and was ended: see its log, or raise cage.time." in str(error)
    error = failed(Ended(-2, Cause.TIMED_OUT), time=timedelta(hours=5))
    assert "took longer than 1h and was ended: see its log, or raise terraform.timeout." in str(error)
