"""What the operating system refuses is a sentence with place and remedy, wherever it is met, and passes once it is mended."""

import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envmgr.daemon.housekeeping import tidy
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, push

UNFORESEEN = ("Traceback", "Unexpected", "an unexpected error")


def a_file(place: Path) -> None:
    """A file where a folder goes."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")


def a_loop(place: Path) -> None:
    """A link that leads to itself."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(place.name)


def a_folder(place: Path) -> None:
    """A folder where a file goes."""
    place.mkdir(parents=True)


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("mirrors/acme", a_file),
        ("mirrors/acme", a_loop),
        ("mirrors/acme/shop.lock", a_folder),
        ("mirrors/acme/shop.lock", a_loop),
        ("logs/{records}/0000", a_file),
        ("logs/{records}/0000/1.log", a_folder),
        ("plans", a_loop),
        ("terraform/1.11.4", a_file),
        ("cache/organizations/acme/providers", a_file),
        ("cache/organizations/acme/terraform.rc", a_folder),
        ("by-hand", a_file),
    ],
)
def test_a_place_that_cannot_be_used_is_named_and_goes_on_once_it_is_mended(
    engine: Engine, capsys: pytest.CaptureFixture[str], place: str, fault: Callable[[Path], None]
) -> None:
    """In no look, no work and no housekeeping is it an error that nobody foresaw."""
    push(engine.repository(ttl={"default": "1d"}), ["alice"])
    engine.restart()
    at = engine.data / place.format(records=engine.application.services.layout.records)
    if at.is_dir() and not at.is_symlink():
        at.rename(at.with_name("elsewhere"))
    fault(at)

    errors = engine.turn(2, seconds=90)
    tidy(engine.application.services)

    said = [*errors, engine.environment("alice").message, *capsys.readouterr()]
    assert not [text for text in said if any(each in text for each in UNFORESEEN)]
    if engine.environment("alice").status is not Status.READY:
        assert any(str(at) in text for text in said), said

    at.rmdir() if at.is_dir() and not at.is_symlink() else at.unlink()
    elsewhere = at.with_name("elsewhere")
    if elsewhere.exists():
        elsewhere.rename(at)
    engine.turn(minutes=30)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message


def small_files() -> None:
    """No file may be longer than this."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


def few_files() -> None:
    """Hardly more files may be open than it has anyway."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14))


@pytest.mark.parametrize(
    ("arguments", "before", "said"),
    [
        ("reconcile --data-dir {folder}/a-file", None, "a-file"),
        ("list --data-dir {folder}/a-file/below", None, "a-file"),
        ("list --data-dir {folder}/a-loop", None, "a-loop"),
        ("reconcile --config {folder}/a-loop/below.yaml", None, "a-loop"),
        ("reconcile", small_files, "disk I/O error"),
        ("reconcile", few_files, "Too many open files"),
        ("list --json > /dev/full", None, "No space left on device"),
        ("plan alice --save /dev/null/below", None, "/dev/null/below"),
    ],
)
def test_a_verb_says_what_this_host_refuses(
    engine: Engine, arguments: str, before: Callable[[], None] | None, said: str
) -> None:
    """One sentence, exit code 1 or 2, and nothing to report."""
    push(engine.repository(), ["alice"])
    engine.write()
    a_file(engine.folder / "a-file")
    a_loop(engine.folder / "a-loop")
    filled = arguments.format(folder=engine.folder)
    options = [f"--config={engine.config}", f"--data-dir={engine.data}"]
    verb = " ".join([shlex.join([sys.executable, "-m", "envmgr", *options]), filled])

    done = subprocess.run(
        ["sh", "-c", verb],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        preexec_fn=before,
        env=dict(os.environ),
    )

    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert not [each for each in UNFORESEEN if each in done.stderr + done.stdout]


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_whoever_closes_the_output_gets_none(engine: Engine, closed: str) -> None:
    """And no file that is opened later takes its place."""
    push(engine.repository(), ["alice"])
    engine.turn()
    options = [f"--config={engine.config}", f"--data-dir={engine.data}"]
    verb = shlex.join([sys.executable, "-m", "envmgr", *options, "list", "--json"])

    done = subprocess.run(["sh", "-c", f"{verb} {closed}"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert engine.statuses() == {"alice": "ready"}
