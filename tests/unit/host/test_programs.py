"""Programs of this host, as `doctor` reports them."""

from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.host.programs import located, reported_version


def program(folder: Path, script: str) -> Path:
    """One that does this."""
    path = folder / "git"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_program_is_found_and_says_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "echo git version 2.39.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert located("git", "git 2.34 or newer") == path
    assert reported_version(path) == "git version 2.39.0"


def test_a_program_that_is_not_there_or_broken_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NeedsPerson, match=r"There is no git on the PATH: install git 2\.34 or newer"):
        located("git", "git 2.34 or newer")
    broken = program(tmp_path, "exit 3")
    with pytest.raises(NeedsPerson, match="does not report its version: install git again"):
        reported_version(broken)
