"""Sites to S3 on moto and to Azure Blob Storage on Azurite: what is served, what moves, what stays, what fails."""

import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from envmgr.adapters.site import files
from envmgr.domain.errors import Interrupted, NeedsPerson, StepFailed
from tests.support.certificates import make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.processes import HOST
from tests.support.site import SiteStep
from tests.support.site_store import (
    AzureSiteStore,
    Object,
    S3SiteStore,
    SiteStore,
    Traffic,
    record_of,
    site_of,
)

if TYPE_CHECKING:
    from tests.support.azure import Azurite

TEXT = "text/plain; charset=utf-8"
PAGE = "text/html; charset=utf-8"
CLOUDS = ("s3", "azure")
NO_RETRY = 403
"""A status that no library tries again; 500 costs their waits."""


@dataclass
class Trial:
    """A site, the store it goes to, and the way there."""

    step: SiteStep
    store: SiteStore
    traffic: Traffic

    def start(self) -> None:
        """A page with two assets, served."""
        self.store.make()
        self.step.write("index.html", "<p>one</p>")
        self.step.write("app.js", "one()")
        self.step.write("app.css", "p {}")
        self.step.run()
        self.traffic.watch()


@pytest.fixture(params=CLOUDS)
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """For each cloud."""
    yield from request.getfixturevalue(f"{request.param}_trial")(tmp_path)


@pytest.fixture
def s3_trial(moto_url: str, aws_environment: dict[str, str]) -> object:
    """A bucket that is not there yet."""

    def make(root: Path) -> Iterator[Trial]:
        with FaultyProxy(urlsplit(moto_url).port or 0) as proxy:
            environment = {**aws_environment, "AWS_ENDPOINT_URL": proxy.url}
            store = S3SiteStore(moto_url)
            yield Trial(SiteStep(root, store.target, environment), store, Traffic(proxy))

    return make


@pytest.fixture
def azure_trial(azurite: "Azurite", tmp_path_factory: pytest.TempPathFactory) -> object:
    """A container that is not there yet; the proxy ends TLS and so sees each request."""
    certificates = make_certificates(tmp_path_factory.mktemp("proxy"), ["*.blob.core.windows.net"], HOST)
    port = urlsplit(azurite.endpoint).port or 0

    def make(root: Path) -> Iterator[Trial]:
        with (
            FaultyProxy(port, certificates, str(azurite.authority)) as proxy,
            ConnectProxy(lambda _: proxy.port) as connect,
        ):
            own = {"HTTPS_PROXY": connect.url, "SSL_CERT_FILE": str(certificates.authority)}
            store = AzureSiteStore(azurite)
            yield Trial(SiteStep(root, store.target, {**azurite.environment, **own}), store, Traffic(proxy))

    return make


def of(trial: Trial, name: str) -> bytes:
    """An object's bytes."""
    return trial.store.get(name).content


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
    assert of(trial, "app.js") == b"second()"


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


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files": {"k": ["x"]}}', b'{"files": 7}', b"\xff"])
def test_a_record_that_cannot_be_read_deletes_nothing(trial: Trial, content: bytes) -> None:
    trial.start()
    trial.store.put(record_of(trial.store), Object(content, TEXT, ""))
    (trial.step.public / "app.js").unlink()
    said = trial.step.run()
    assert "cannot be read: all is sent, nothing deleted" in said
    assert "2 sent" in said
    assert set(site_of(trial.store)) == {"app.css", "app.js", "index.html"}


# --- what fails --------------------------------------------------------------------------------


def test_a_store_that_is_not_there_is_named(trial: Trial) -> None:
    """And not made."""
    trial.step.write("index.html")
    name = trial.step.target.bucket or trial.step.target.container
    for _ in range(2):
        with pytest.raises(NeedsPerson, match=rf"^Step page failed: \w+ {name} .*does not exist: .+\.$"):
            trial.step.run()
    assert "does not exist" in trial.step.said()[-1]


def test_a_failure_on_the_way_leaves_the_old_page_and_the_next_run_does_the_rest(trial: Trial) -> None:
    trial.start()
    for number in range(10):
        trial.step.write(f"asset-{number}.js", f"{number}")
    trial.step.write("index.html", "<p>two</p>")
    trial.traffic.proxy.fail(
        Fault(status=NO_RETRY), lambda line, _: line.startswith("PUT ") and "asset-7" in line
    )
    with pytest.raises(NeedsPerson, match=r"^Step page failed: .*(Access|403)"):
        trial.step.run()
    assert of(trial, "index.html") == b"<p>one</p>"

    trial.traffic.watch()
    trial.step.run()

    sent = [line for line, _ in trial.traffic.writes()]
    assert "PUT asset-7.js" in sent
    assert "PUT asset-0.js" not in sent, "what was sent is known"
    assert of(trial, "index.html") == b"<p>two</p>"
    assert len(site_of(trial.store)) == 13


def test_a_passing_failure_is_tried_again_within_the_run(trial: Trial) -> None:
    """By the cloud's library."""
    trial.start()
    trial.step.write("app.js", "two()")
    first: list[str] = []

    def once(line: str, _: bytes) -> bool:
        if line.startswith("PUT ") and "app.js" in line and not first:
            first.append(line)
            return True
        return False

    trial.traffic.proxy.fail(Fault(status=503), once)
    assert "1 sent" in trial.step.run()
    assert first
    assert of(trial, "app.js") == b"two()"


def test_what_was_sent_before_a_sudden_end_is_known_as_ours(trial: Trial) -> None:
    """The record could be written before sending, but not after it."""
    trial.start()
    trial.step.write("lost.txt", "x")
    written: list[str] = []

    def second(line: str, _: bytes) -> bool:
        if line.startswith("PUT ") and ".envmgr-site-" in line:
            written.append(line)
        return len(written) > 1 and ".envmgr-site-" in line

    trial.traffic.proxy.fail(Fault(status=NO_RETRY), second)
    with pytest.raises(NeedsPerson):
        trial.step.run()
    assert "lost.txt" in site_of(trial.store)
    trial.traffic.proxy.heal()
    (trial.step.public / "lost.txt").unlink()
    assert "deleted lost.txt" in trial.step.run()
    assert "lost.txt" not in site_of(trial.store)


def test_a_stop_within_a_file_ends_the_run(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is as it was; the next run does all."""
    trial.start()
    trial.step.write("index.html", "<p>two</p>")
    trial.step.write("video.mp4", bytes(12 * 1024 * 1024))
    pieces: list[int] = []
    read = files._Body.read

    def counted(body: files._Body, size: int | None = -1, /) -> bytes:
        piece = read(body, size)
        pieces.append(len(piece))
        return piece

    monkeypatch.setattr(files._Body, "read", counted)
    with pytest.raises(Interrupted, match="Step page was stopped before its end"):
        trial.step.run(stop=lambda: bool(pieces))
    assert sum(pieces) < 12 * 1024 * 1024
    assert of(trial, "index.html") == b"<p>one</p>"
    assert "2 sent" in trial.step.run()
    assert len(of(trial, "video.mp4")) == 12 * 1024 * 1024


def test_a_failure_at_the_end_of_a_step_is_that_end(trial: Trial) -> None:
    """A library makes a broken connection of it, and that would read as an outage."""
    trial.start()
    trial.step.write("app.js", "two()")
    failed = trial.traffic.proxy.failed
    trial.traffic.proxy.fail(
        Fault(status=NO_RETRY), lambda line, _: line.startswith("PUT ") and "app.js" in line
    )
    with pytest.raises(Interrupted):
        trial.step.run(stop=lambda: bool(failed))


def test_a_step_has_its_time(trial: Trial) -> None:
    trial.start()
    trial.step.write("index.html", "<p>two</p>")
    trial.traffic.proxy.fail(Fault(delay=1.5), lambda line, _: line.startswith("GET "))
    with pytest.raises(StepFailed, match=r"^Step page failed: it took longer than 1s\.$"):
        trial.step.run(seconds=1)
    assert of(trial, "index.html") == b"<p>one</p>"


def test_large_files_stay_out_of_memory(trial: Trial) -> None:
    """Several at once, each read piece by piece."""
    trial.start()
    size = 20 * 1024 * 1024
    for number in range(4):
        trial.step.write(f"{number}.bin")
        os.truncate(trial.step.public / f"{number}.bin", size)
    trial.step.environment = direct(trial)
    tracemalloc.start()
    try:
        trial.step.run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(of(trial, "3.bin")) == size
    assert peak < 2 * size


def direct(trial: Trial) -> dict[str, str]:
    """Without the proxy, which has a memory of its own."""
    environment = dict(trial.step.environment)
    if trial.step.target.bucket:
        return {**environment, "AWS_ENDPOINT_URL": f"http://{HOST}:{trial.traffic.proxy.upstream}"}
    return environment


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "ARM_ACCESS_KEY": "bm8="}, r"(credentials|refuses)"),
        ({"AWS_ENDPOINT_URL": f"http://{HOST}:9", "HTTPS_PROXY": f"http://{HOST}:9"}, "cannot be reached"),
    ],
)
def test_who_is_not_let_in_is_told(trial: Trial, environment: dict[str, str], said: str) -> None:
    trial.start()
    trial.step.environment = {**trial.step.environment, **environment}
    with pytest.raises((NeedsPerson, StepFailed), match=rf"^Step page failed: .*{said}"):
        trial.step.run()


def test_secrets_are_hidden(trial: Trial) -> None:
    trial.step.write("index.html")
    name = trial.step.target.bucket or trial.step.target.container
    with pytest.raises(NeedsPerson, match=r"\*\*\*") as caught:
        trial.step.run(redact=lambda text: text.replace(name, "***"))
    assert name not in f"{caught.value}{trial.step.said()}"
