"""Sites to S3 on moto and to Azure Blob Storage on Azurite: what fails, what stops, and what is left then."""

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from envmgr.domain.errors import Interrupted, NeedsPerson, StepFailed
from envmgr.host.uploads.content import Content
from tests.support.faulty_proxy import Fault
from tests.support.processes import HOST
from tests.support.site_store import site_of
from tests.support.site_trial import CLOUDS, Trial, site_trial

NO_RETRY = 403
"""A status that no library tries again; 500 costs their waits."""


@pytest.fixture(params=CLOUDS)
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """For each cloud."""
    with site_trial(request, tmp_path) as made:
        yield made


def test_a_store_that_is_not_there_is_named(trial: Trial) -> None:
    """And not made; clouds do not know everywhere at once what was just made, so it is looked for again."""
    trial.step.write("index.html")
    name = trial.step.target.bucket or trial.step.target.container
    for _ in range(2):
        with pytest.raises(StepFailed, match=rf"^Step page failed: \w+ {name} .*does not exist: .+\.$"):
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
    with pytest.raises(StepFailed, match=r"^Step page failed: (bucket|container) .*(Access|403)"):
        trial.step.run()
    assert trial.content("index.html") == b"<p>one</p>"

    trial.traffic.watch()
    trial.step.run()

    sent = [line for line, _ in trial.traffic.writes()]
    assert "PUT asset-7.js" in sent
    assert "PUT asset-0.js" not in sent, "what was sent is known"
    assert trial.content("index.html") == b"<p>two</p>"
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
    assert trial.content("app.js") == b"two()"


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
    with pytest.raises(StepFailed):
        trial.step.run()
    assert "lost.txt" in site_of(trial.store)
    trial.traffic.proxy.heal()
    (trial.step.public / "lost.txt").unlink()
    assert "deleted lost.txt" in trial.step.run()
    assert "lost.txt" not in site_of(trial.store)


def test_a_stop_within_a_file_ends_the_run(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is as it was; the next run does all. Each file is read once before any is sent."""
    trial.start()
    trial.step.write("index.html", "<p>two</p>")
    trial.step.write("video.mp4", bytes(12 * 1024 * 1024))
    total = sum(path.stat().st_size for path in trial.step.public.iterdir())
    pieces: list[int] = []
    read = Content.read

    def counted(body: Content, size: int | None = -1, /) -> bytes:
        piece = read(body, size)
        pieces.append(len(piece))
        return piece

    monkeypatch.setattr(Content, "read", counted)
    with pytest.raises(Interrupted, match="Step page was stopped before its end"):
        trial.step.run(stop=lambda: sum(pieces) > total)
    assert total < sum(pieces) < total + 12 * 1024 * 1024
    assert trial.content("index.html") == b"<p>one</p>"
    assert "2 sent" in trial.step.run()
    assert len(trial.content("video.mp4")) == 12 * 1024 * 1024


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
    assert trial.content("index.html") == b"<p>one</p>"


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
    assert len(trial.content("3.bin")) == size
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
    with pytest.raises(StepFailed, match=r"\*\*\*") as caught:
        trial.step.run(redact=lambda text: text.replace(name, "***"))
    assert name not in f"{caught.value}{trial.step.said()}"
