"""Invariant 14: disk and memory stay bounded, whatever comes and goes and however much is printed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote
from tests.support import git_server as git_server_module
from tests.support.engine import Engine, push
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
ROUNDS, IN_A_ROUND = 5, 10
BRANCHES, WANTED = 5000, 20
LOG_BYTES = 300_000_000


def child(*command: str) -> Any:
    """The JSON that a process of ours printed; it ended well."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_environments_that_come_and_go_leave_nothing() -> None:
    """Files, refs, database and memory after each round: what the first one left, no later one adds to."""
    left = child("tests.benchmarks.thousand", str(ROUNDS), str(IN_A_ROUND))

    first, last = left[1], left[-1]
    assert last["files"] - first["files"] <= ROUNDS, left  # not one for each environment
    assert last["refs"] == first["refs"], left
    assert last["database"] - first["database"] <= 64 * 1024, left
    assert last["memory"] - first["memory"] <= 8, left


def test_a_terraform_that_prints_much_fills_neither_memory_nor_disk() -> None:
    """A quarter of a gigabyte: the stand-in goes on only while little of its output is on the disk: all of it was read and given back."""
    seen = child("tests.integration.flood")

    assert seen["read_to_its_end"], seen
    assert seen["log"] <= 21 * MIB
    assert seen["memory"] <= 64 * MIB


def test_reading_a_large_log_takes_little_memory(engine: Engine) -> None:
    """`envmgr logs` of 300 MB, read to its end."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    run = engine.runs()[-1]
    log = engine.data / run.log
    engine.close()
    with log.open("wb") as file:
        piece = (b"2026-01-01T00:00:00Z " + b"x" * 5000 + b"\n") * 200
        for _ in range(LOG_BYTES // len(piece)):
            file.write(piece)

    printed, memory = read_log(engine, run.id)

    assert printed == log.stat().st_size
    assert memory <= 150 * MIB


def read_log(engine: Engine, run: int) -> tuple[int, int]:
    """How much `envmgr logs` printed, and how much memory it took at most."""
    options = ["--config", str(engine.config), "--data-dir", str(engine.data)]
    command = [sys.executable, "-m", "tests.integration.measured", *options, "logs", str(run)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        output, messages = process.stdout, process.stderr
        assert output is not None
        assert messages is not None
        printed = sum(map(len, iter(lambda: output.read(MIB), b"")))
        said = messages.read().decode()
        assert process.wait() == 0, said
    return printed, int(said.splitlines()[-1])


def test_of_thousands_of_branches_only_what_matches_crosses_the_wire(
    git_root: Path, tmp_path: Path, git_server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first look a poll costs what the twenty branches cost, and the mirror holds no other's commits."""
    shop = GitRepository.create(git_root / "shop.git")
    shop.git("fast-import", "--quiet", stdin=_many_branches())
    shop.git("pack-refs", "--all")
    sent = _count_bytes(monkeypatch)
    mirrors = Mirrors(tmp_path / "mirrors")
    remote = Remote(repository=RepositoryId("acme", "shop"), url=git_server.http_url("shop"))

    def poll(default: str | None) -> int:
        """The bytes of one look."""
        sent.clear()
        listing = mirrors.listing(remote, ["env-*"], default)
        assert len(listing.branches) == WANTED + 1
        return sum(sent)

    first = poll(None)
    poll("main")  # brings the twenty's commits
    later = [poll("main") for _ in range(3)]

    assert first > BRANCHES * 50
    assert max(later) < first / 50, (first, later)
    mirror = GitRepository(tmp_path / "mirrors" / "acme" / "shop.git")
    assert int(mirror.git("rev-list", "--all", "--count")) == WANTED + 1
    assert len(mirror.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()) <= 3 * (
        WANTED + 1
    )


def _many_branches() -> bytes:
    """A history for fast-import: each branch has a commit and a file of its own."""
    parts = []
    for number in range(BRANCHES + 1):
        name = "main" if not number else f"env-{number}" if number <= WANTED else f"feature/{number}"
        text = f"branch {number}"
        parts.append(
            f"commit refs/heads/{name}\ncommitter T <t@example.com> 1700000000 +0000\ndata {len(text)}\n{text}\n"
            f"M 100644 inline file\ndata {len(text)}\n{text}\n\n"
        )
    return "".join(parts).encode()


def _count_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sent: list[int] = []
    honest = git_server_module._http_backend

    def counted(*args: Any) -> bytes:
        output = honest(*args)
        sent.append(len(output))
        return output

    monkeypatch.setattr(git_server_module, "_http_backend", counted)
    return sent
