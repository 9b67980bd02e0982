"""What is released is whole: it is built, installed into a bare environment and used from there."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import envmgr

CHECKOUT = Path(__file__).parents[2]
CHANGES = f"""# Changelog

## [Unreleased]

- not yet

## [{envmgr.__version__}] - 2026-01-02

- something new

## [0.0.1] - 2026-01-01

- the first
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has of this checkout, with a changelog that is ready for a release."""
    copy = tmp_path_factory.mktemp("release") / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, copy / name)
    (copy / "CHANGELOG.md").write_text(CHANGES)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def build(checkout: Path, *tag: str) -> subprocess.CompletedProcess[str]:
    """Builds a release."""
    return subprocess.run([checkout / ".ci/dist", *tag], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dist(checkout: Path) -> Path:
    """The folder of a release that was built."""
    done = build(checkout, f"v{envmgr.__version__}")
    assert done.returncode == 0, done.stderr
    return checkout / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """The wheel of it."""
    (found,) = dist.glob("*.whl")
    return found


def test_the_wheel_brings_all_that_an_installation_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = f"envmgr-{envmgr.__version__}.data/data/share"
    assert {
        "envmgr/py.typed",
        "envmgr/_terraform_modules/aws-environment/main.tf",
        f"{data}/envmgr/config/organization.yaml.example",
        f"{data}/envmgr/systemd/envmgr@.service",
        f"{data}/man/man1/envmgr.1",
        f"{data}/bash-completion/completions/envmgr",
        f"{data}/zsh/site-functions/_envmgr",
        f"{data}/fish/vendor_completions.d/envmgr.fish",
        f"envmgr-{envmgr.__version__}.dist-info/licenses/LICENSE",
    } <= names
    assert not [
        name for name in names if "__pycache__" in name or "/.terraform/" in name or name.startswith("tests/")
    ]


def test_the_release_says_what_changed_in_it_alone(dist: Path) -> None:
    assert (dist / "CHANGES.md").read_text().strip() == "- something new"
    sums = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=dist, capture_output=True, text=True, check=False
    )
    assert sums.returncode == 0
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = set(archive.getnames())
    # README's links lead to pages, so who unpacks the one needs the others.
    assert {f"envmgr-{envmgr.__version__}/{name}" for name in ("SECURITY.md", "docs/index.md")} <= names


def test_a_tag_of_another_version_is_refused(checkout: Path, wheel: Path) -> None:
    done = build(checkout, "v99.0.0")
    assert done.returncode == 1
    assert f"the tag is v99.0.0, but the version in pyproject.toml is {envmgr.__version__}" in done.stderr
    assert wheel.is_file(), "what was built before is left"


@pytest.mark.timeout(300)
def test_the_demo_runs_from_a_bare_environment(wheel: Path, tmp_path: Path, terraform_binary: str) -> None:
    """Of the newest Python that is there, with the packages that the lock file names, and nothing of the checkout."""
    environment = tmp_path / "environment"
    python = newest_python()
    run(python, "-m", "venv", str(environment))
    pins = tmp_path / "constraints.txt"
    pins.write_text(
        "\n".join(re.findall(r"^[\w.-]+==[\w.]+", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE))
    )
    installer = [str(environment / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    run(*installer, "--no-compile", "--constraint", str(pins), str(wheel))
    bare = {
        "PATH": f"{Path(terraform_binary).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    program = str(environment / "bin/envmgr")
    assert run(program, "--version", env=bare).strip() == f"envmgr {envmgr.__version__}"
    told = run(program, "demo", env=bare)
    assert re.search(r"^Done in \d+ s\.$", told, re.MULTILINE)
    unit = environment / "share/envmgr/systemd/envmgr.service"
    assert unit.read_bytes() == (CHECKOUT / "systemd/envmgr.service").read_bytes()


def newest_python() -> str:
    """The newest interpreter of this host that envmgr says it runs on; where there is no other, this one."""
    classifiers = (CHECKOUT / "pyproject.toml").read_text()
    supported = sorted(map(int, re.findall(r":: 3\.(\d+)\"", classifiers)), reverse=True)
    for minor in supported:
        for found in (
            shutil.which(f"python3.{minor}"),
            *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"),
        ):
            probe = [
                str(found),
                "-c",
                f"import sys, ensurepip, venv; sys.exit(sys.version_info[1] != {minor})",
            ]
            if found and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return str(found)
    return sys.executable


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """What a command says; it is to succeed."""
    done = subprocess.run(
        command, env=env or dict(os.environ), capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout
