"""The log of a run, read on another host than wrote it, while it runs and after its disk is gone."""

import shutil
from pathlib import Path

import pytest

from envmgr.daemon.housekeeping import tidy
from envmgr.domain.errors import Transient
from envmgr.domain.values.environment import Run
from envmgr.engine.context import logs
from envmgr.engine.context.services import Services
from envmgr.host.children.run_log import RunLog
from tests.support.in_memory.terraform import Point

from .test_hosts import Two

PLACE = "acme/envmgr-logs/"


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Two hosts, of which each may do all."""
    made = Two(tmp_path)
    made.serve()
    return made


def services(two: Two) -> tuple[Services, Services]:
    """Those of the first and of the second host."""
    return two.first.application.services, two.second.application.services


def say(of: Services, run: Run, text: str) -> None:
    """Terraform of a run says something."""
    with RunLog(of.layout.log_of(run), lambda found: found) as log:
        log.write(text)


def read(of: Services, run: Run) -> str | None:
    """What a host shows of a run's log, however old its copy is."""
    found = logs.readable(of, run)
    return found.read_text() if found is not None else None


def applied(two: Two, *said: str) -> Run:
    """A run of the first host whose Terraform said this."""
    first, _ = services(two)

    def at(point: Point) -> None:
        if (point.command, point.step) == ("apply", "locked"):
            for text in said:
                say(first, first.store.runs(limit=1)[0], text)

    two.world.terraform.at = at
    two.world.push("alice")
    two.first.turn()
    return first.store.runs(limit=1)[0]


def test_a_log_outlives_the_disk_of_its_host(two: Two) -> None:
    run = applied(two, "one", "two")
    first, second = services(two)
    written = first.layout.log_of(run).read_text()
    shutil.rmtree(first.layout.root)

    assert read(second, run) == written
    assert written.endswith("two\n")
    assert [key for key in two.world.place.objects if key.startswith(PLACE)] == [f"{PLACE}/{run.id}/whole"]


def test_a_log_is_read_elsewhere_while_it_is_written(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, and what was read once is not asked for again; at the end they are one."""
    monkeypatch.setattr(logs, "FRESH", logs.FRESH * 0)
    first, second = services(two)
    seen: list[str | None] = []

    def at(point: Point) -> None:
        if (point.command, point.step) == ("apply", "locked"):
            run = first.store.runs(limit=1)[0]
            seen.append(read(second, run))
            for text in ("one", "two"):
                say(first, run, text)
                first.logs.look()
                first.logs.look()
                seen.append(read(second, run))

    two.world.terraform.at = at
    two.world.push("alice")
    two.first.turn()

    run = first.store.runs(limit=1)[0]
    whole = first.layout.log_of(run).read_text()
    assert seen[0] is None
    assert [str(each).split()[-1] for each in seen[1:]] == ["one", "two"]
    assert whole.startswith(str(seen[2]))
    assert read(second, run) == whole
    assert [key for key in two.world.place.objects if key.startswith(PLACE)] == [f"{PLACE}/{run.id}/whole"]


def test_what_a_dead_host_had_put_away_is_read(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the log is gone with it; what there is says what happened until then."""
    first, second = services(two)
    begun: list[Run] = []

    def at(point: Point) -> None:
        if (point.command, point.step) == ("apply", "locked"):
            begun.append(first.store.runs(limit=1)[0])
            say(first, begun[0], "one")
            first.logs.look()
            say(first, begun[0], "two")
            raise KeyboardInterrupt

    two.world.terraform.at = at
    two.world.push("alice")
    two.world.place.objects["before"] = b""
    monkeypatch.setattr(first.logs, "end", lambda _: None)  # it dies before it could
    with pytest.raises(KeyboardInterrupt):
        two.first.turn()
    shutil.rmtree(first.layout.root)
    assert str(read(second, begun[0])).endswith("one\n")


def test_a_log_that_could_not_be_put_away_is_put_away_later(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the run fails because of it, and its own host has it meanwhile."""
    first, second = services(two)
    organization = first.organizations["acme"]
    store = type(two.world.place.open())
    put = store.put

    def refused(self: object, key: str, content: bytes) -> None:
        if key.startswith(PLACE):
            raise Transient("The place takes no logs.")
        put(self, key, content)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "put", refused)
    run = applied(two, "one")
    assert run.status.value == "succeeded"
    assert read(second, run) is None
    assert (
        logs.missing(second, run) == f"Run {run.id} left no log: nothing was started, or the log was pruned."
    )
    assert str(read(first, run)).endswith("one\n")
    monkeypatch.setattr(store, "put", put)

    tidy(first)

    assert organization.state().objects(PLACE) == [f"{PLACE}/{run.id}/whole"]
    assert str(read(second, run)).endswith("one\n")
    assert not list(first.layout.logs.rglob("*.unkept"))


def test_a_log_goes_with_its_run(two: Two) -> None:
    """What this database does not know any more; the logs of another one that used the place are not ours to judge."""
    run = applied(two, "one")
    first, _ = services(two)
    two.world.place.objects[f"{PLACE}another/1/whole"] = b"of another database"
    two.world.place.objects[f"{PLACE}/{run.id + 1}/whole"] = b"of a run that was forgotten"

    tidy(first)

    left = [key for key in two.world.place.objects if key.startswith(PLACE)]
    assert left == [f"{PLACE}/{run.id}/whole", f"{PLACE}another/1/whole"]


def test_what_is_in_the_hosts_own_folder_stays_there(two: Two) -> None:
    """Nothing is doubled where the states are in the data folder itself, or where no other host could be."""
    first, _ = services(two)
    organization = first.organizations["acme"]
    assert logs.is_needed(first, organization)
    organization.backend = ("local", {"path": str(first.layout.states)})
    assert not logs.is_needed(first, organization)
    organization.backend = ("local", {"path": "/mnt/shared"})
    assert logs.is_needed(first, organization)
    first.fleet._fences = False
    assert not logs.is_needed(first, organization)


def test_a_log_that_is_about_to_be_written_here_is_followed_here(two: Two) -> None:
    """And not as a copy of what is put beside the states now and then."""
    first, second = services(two)
    places: list[Path | None] = []

    def at(point: Point) -> None:
        if (point.command, point.step) == ("apply", "locked"):
            run = first.store.runs(limit=1)[0]
            first.layout.log_of(run).unlink(missing_ok=True)
            places.extend((logs.place(first, run), logs.place(second, run), logs.readable(first, run)))

    two.world.terraform.at = at
    two.world.push("alice")
    two.first.turn()
    run = first.store.runs(limit=1)[0]
    copy = second.layout.log_copies / f"{run.id}.log"
    assert places == [first.layout.log_of(run), copy, None]
