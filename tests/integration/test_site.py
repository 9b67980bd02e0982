"""Sites to S3 on moto and to Azure Blob Storage on Azurite: what is served, what moves, what stays."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.adapters.site import record, synchronisation
from envmgr.domain.errors import StepFailed
from tests.support.faulty_proxy import Fault
from tests.support.site_store import Object, record_of, site_of
from tests.support.site_trial import CLOUDS, Trial, site_trial

TEXT = "text/plain; charset=utf-8"
PAGE = "text/html; charset=utf-8"


@pytest.fixture(params=CLOUDS)
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """For each cloud."""
    with site_trial(request, tmp_path) as made:
        yield made


# --- what is served ----------------------------------------------------------------------------


def test_a_folder_is_served_as_it_is(trial: Trial) -> None:
    """Names, bytes, types and cache headers; the first pattern that matches counts."""
    trial.store.make()
    names = ["odd ü.txt", "50%25+1.txt", "?#&=.txt", "a b/c+d/é.txt", f"{'y' * 200}/{'z' * 200}", ".hidden"]
    for name in names:
        trial.step.write(name, name)
    trial.step.write("index.html", "<p>")
    trial.step.write("empty.svg", "")
    trial.step.write("assets/IMAGE.PNG", b"\x89")
    trial.step.write(".git/config", "[credential]")
    trial.step.write("a b/.git", "gitdir: elsewhere")

    said = trial.step.run(cache={"*.html": "no-cache", "assets/*": "max-age=9, immutable", "*": "max-age=1"})

    there = site_of(trial.store)
    assert there.pop("index.html") == Object(b"<p>", PAGE, "no-cache")
    assert there.pop("empty.svg") == Object(b"", "image/svg+xml; charset=utf-8", "max-age=1")
    assert there.pop("assets/IMAGE.PNG") == Object(b"\x89", "image/png", "max-age=9, immutable")
    unknown = "application/octet-stream"
    assert there == {
        name: Object(name.encode(), TEXT if name.endswith(".txt") else unknown, "max-age=1") for name in names
    }
    size = sum(len(name.encode()) for name in names) + 4
    assert said.endswith(f": 9 sent ({size} bytes), 0 with other headers, 0 unchanged, 0 deleted")
    assert "sent odd ü.txt (10 bytes)" in said
    assert [progress.phase for progress in trial.step.seen] == ["step_start", "step_complete"]

    assert ": 0 sent (0 bytes), 9 with other headers, 0 unchanged, 0 deleted" in trial.step.run()
    assert set(site_of(trial.store)) == {*names, "index.html", "empty.svg", "assets/IMAGE.PNG"}
    assert {thing.cache_control for thing in site_of(trial.store).values()} == {""}


def test_pages_go_when_their_assets_are_there_and_deletions_last(trial: Trial) -> None:
    trial.start()
    trial.step.write("index.html", '<script src="new.js">')
    trial.step.write("new.js", "two()")
    (trial.step.public / "app.js").unlink()
    trial.step.run()
    assert [line for line, _ in trial.traffic.writes()] == ["PUT new.js", "PUT index.html", "DELETE app.js"]


def test_a_page_is_deleted_before_its_assets(trial: Trial) -> None:
    """Whatever the order of their names."""
    trial.start()
    for name in ("index.html", "app.js", "app.css"):
        (trial.step.public / name).unlink()
    trial.step.write("other.txt")
    trial.step.run()
    gone = [line for line, _ in trial.traffic.writes() if line.startswith("DELETE ")]
    assert gone[0] == "DELETE index.html"
    assert set(gone[1:]) == {"DELETE app.js", "DELETE app.css"}


# --- what moves --------------------------------------------------------------------------------


def test_nothing_moves_where_nothing_changed(trial: Trial) -> None:
    """Not even the record; whoever wrote the files anew with the same bytes changed nothing."""
    trial.start()
    trial.step.write("index.html", "<p>one</p>")
    assert ": 0 sent (0 bytes), 0 with other headers, 3 unchanged, 0 deleted" in trial.step.run()
    assert trial.traffic.writes() == []
    assert trial.traffic.records() == 0
    assert len(trial.traffic.seen) == 2, "the record and one list"


def test_a_changed_file_moves_alone(trial: Trial) -> None:
    trial.start()
    trial.step.write("app.js", "second()")
    trial.step.run()
    assert trial.traffic.writes() == [("PUT app.js", 8)]
    assert trial.content("app.js") == b"second()"


def test_other_headers_move_no_bytes(trial: Trial) -> None:
    trial.start()
    before = site_of(trial.store)
    said = trial.step.run(cache={"*.js": "max-age=60"})
    assert trial.traffic.writes() == [("PUT app.js", 0)]
    assert "changed the headers of app.js" in said
    assert site_of(trial.store) == {**before, "app.js": before["app.js"]._replace(cache_control="max-age=60")}
    assert "3 unchanged" in trial.step.run(cache={"*.js": "max-age=60"})


def test_what_somebody_altered_is_put_right(trial: Trial) -> None:
    """Other bytes, other headers, and no object at all."""
    trial.start()
    before = site_of(trial.store)
    trial.store.put("index.html", before["index.html"]._replace(content=b"<p>eve</p>"))
    trial.store.put("app.css", before["app.css"]._replace(content_type="text/html"))
    trial.store.delete("app.js")
    assert site_of(trial.store) != before
    trial.step.run()
    assert site_of(trial.store) == before
    assert "3 unchanged" in trial.step.run()


@pytest.mark.parametrize("cache", [None, {"*.js": "max-age=60"}])
def test_what_somebody_altered_meanwhile_is_put_right(trial: Trial, cache: dict[str, str] | None) -> None:
    """After it was sent or its headers were changed, and before envmgr asked for its version."""
    trial.start()
    if cache is None:
        trial.step.write("app.js", "two()")
    written: list[str] = []

    def meddle(line: str, _: bytes) -> bool:
        if line.startswith("PUT ") and "app.js" in line:
            written.append(line)
        elif written and line.startswith("GET ") and "list" in line:
            trial.store.put("app.js", Object(b"eve()", TEXT, ""))
            written.clear()
        return False

    trial.traffic.proxy.fail(Fault(), meddle)
    trial.step.run(cache=cache)
    assert trial.content("app.js") == b"eve()"
    trial.traffic.proxy.heal()
    assert "1 sent" in trial.step.run(cache=cache)
    assert trial.content("app.js") == (b"one()" if cache else b"two()")


def test_headers_that_were_set_on_what_somebody_else_wrote_do_not_make_it_ours(trial: Trial) -> None:
    """Between the list and the request."""
    trial.start()
    put: list[str] = []

    def meddle(line: str, _: bytes) -> bool:
        if line.startswith("PUT ") and "app.js" in line and not put:
            put.append(line)
            trial.store.put("app.js", Object(b"eve()", TEXT, ""))
        return False

    trial.traffic.proxy.fail(Fault(), meddle)
    cache = {"*.js": "max-age=60"}
    with suppress(StepFailed):  # moto heeds no condition of a copy
        trial.step.run(cache=cache)
    assert trial.content("app.js") == b"eve()"
    assert "1 sent" in trial.step.run(cache=cache)
    assert (trial.content("app.js"), trial.store.get("app.js").cache_control) == (b"one()", "max-age=60")


# --- what is deleted, and what stays -----------------------------------------------------------


def test_only_what_envmgr_brought_is_deleted(trial: Trial) -> None:
    """By this very step: another one's files are not its own, and a stranger's least of all."""
    trial.start()
    trial.store.put("stranger.txt", Object(b"kept", TEXT, ""))
    (trial.step.public / "app.js").unlink()
    other = replace(trial.step, root=trial.step.root / "other", name="docs")
    other.write("docs/a.txt", "a")
    other.run()

    said = trial.step.run()

    assert "deleted app.js" in said
    assert said.endswith("2 unchanged, 1 deleted")
    assert set(site_of(trial.store)) == {"app.css", "index.html", "stranger.txt", "docs/a.txt"}
    assert "1 unchanged, 0 deleted" in other.run()
    assert "2 unchanged, 0 deleted" in trial.step.run()


def test_the_record_tells_no_names(trial: Trial) -> None:
    """Whoever may read the site may perhaps read it too."""
    trial.start()
    record = trial.store.get(record_of(trial.store))
    assert record.cache_control == "no-store"
    assert b"index" not in record.content
    assert b"text/html" in record.content


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"files": {"k": ["x"]}}', b'{"files": 7}', b"\xff", b"[" * 100_000]
)
def test_a_record_that_cannot_be_read_deletes_nothing(trial: Trial, content: bytes) -> None:
    trial.start()
    trial.store.put(record_of(trial.store), Object(content, TEXT, ""))
    (trial.step.public / "app.js").unlink()
    said = trial.step.run()
    assert "cannot be read: everything is sent, nothing is deleted" in said
    assert "2 sent" in said
    assert set(site_of(trial.store)) == {"app.css", "app.js", "index.html"}


def test_a_record_is_never_read_whole_where_it_is_too_large(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have made it."""
    trial.start()
    monkeypatch.setattr(record, "LARGEST", 1000)
    monkeypatch.setattr(synchronisation, "LARGEST", 1000)
    true = trial.store.get(record_of(trial.store))
    trial.store.put(record_of(trial.store), true._replace(content=true.content + b" " * 5000))
    lengths: list[int] = []
    read = record.Record.from_json

    def noted(content: bytes) -> record.Record:
        lengths.append(len(content))
        return read(content)

    monkeypatch.setattr(record.Record, "from_json", noted)
    assert "cannot be read: everything is sent, nothing is deleted" in trial.step.run()
    assert lengths == [1001]
    assert "3 unchanged" in trial.step.run(), "the next one is sound"
