"""What people get wrong: each gets a sentence, an exit code, and loses nothing."""

import re
from pathlib import Path

import pytest

from tests.support.git_repository import GitRepository

from .world import CODE, ENVMGR, World

TEN_MISTAKES = """\
organization: Acme Corp
colour: blue
polling: {interval: often}
limits: {concurrency: -1}
destroy: {confirmations: zero}
ttl: {max: 30}
backend:
  local: {}
  s3: {bucket: b}
environment_variables:
  ARM_CLIENT_SECRET: {vault: x}
repositories:
  - name: shop
    url: ftp://git.example.com/shop.git
  - url: /srv/git/other.git
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Nothing has run yet."""
    return World.create(tmp_path)


def test_version_and_an_unknown_verb(world: World) -> None:
    """The nearest verbs are named."""
    assert re.fullmatch(r"envmgr \d+\.\d+\.\d+\n", world.ok("--version").out)
    unknown = world("aply", "alice")
    assert unknown.code == 2
    assert "did you mean apply?" in unknown.err
    assert world("config", "chek").code == 2


def test_ten_mistakes_are_told_at_once(world: World) -> None:
    """With file, line and path; by config check on standard output, by the others beside it."""
    file = world.config / "acme.yaml"
    file.write_text(TEN_MISTAKES)
    said = world("config", "check")
    problems = said.out.splitlines()
    assert said.code == 2
    assert len(problems) - 1 >= 10
    assert problems[-1] == f"{len(problems) - 1} problems"
    assert all(re.match(rf"{re.escape(str(file))}:\d+: \S+: .+", line) for line in problems[:-1])
    assert world("config", "check", "--json").document["problems"] == problems[:-1]
    for verb in (["reconcile"], ["apply", "alice", "--yes"], ["daemon"]):
        refused = world(*verb)
        assert (refused.code, refused.out) == (2, "")
        assert problems[0] in refused.err
    assert not (world.data / "mirrors").exists()


def test_no_configuration_at_all(world: World) -> None:
    """Says where it was looked for, and what writes one."""
    said = world("--config", str(world.folder / "nowhere"), "reconcile")
    assert said.code == 2
    assert "nowhere" in said.err
    assert "envmgr config init" in said.err


def test_config_init_writes_what_check_takes(world: World) -> None:
    """Once: a second time it refuses."""
    place = world.folder / "new"
    world.ok("config", "init", str(place))
    assert (place / "organization.yaml").read_text().startswith("# yaml-language-server: $schema=")
    assert (place / "organization.schema.json").is_file()
    assert "no problems" in world.ok("config", "check", "--config", str(place)).out
    again = world("config", "init", str(place))
    assert again.code == 1
    assert "already exists" in again.err
    assert world.ok("config", "schema").document["$schema"]


def test_ambiguous_and_unknown_names(world: World, tmp_path: Path, terraform_binary: str) -> None:
    """The candidates are listed."""
    blog = GitRepository.create(tmp_path / "blog.git")
    blog.commit("main", {"terraform/main.tf": CODE})
    blog.commit("env-alice", {"terraform/main.tf": CODE})
    second = f"  - name: blog\n    url: {blog.url}\n"
    with (world.config / "acme.yaml").open("a") as file:
        file.write(second)
    world.branch("env-alice")
    world.ok("reconcile")
    for verb in (["show"], ["suspend"], ["plan"], ["output"]):
        said = world(*verb, "alice")
        assert (said.code, said.out) == (2, "")
        assert "acme/blog/alice, acme/shop/alice" in said.err
        unknown = world(*verb, "nobody\x1b[31m")
        assert (unknown.code, unknown.out) == (2, "")
        assert "\x1b" not in unknown.err
        assert "nobody" in unknown.err
    assert world("show").code == 2


def test_terraform_is_absent(world: World) -> None:
    """The environment fails with what to do; doctor says the same."""
    world.branch("env-alice")
    world.configure("terraform: {binary: terraform-is-not-here}")
    said = world("reconcile")
    assert said.code == 1
    assert "terraform-is-not-here was not found" in said.out
    assert "terraform.binary" in said.out
    checks = {f["check"]: f for f in world("doctor", "--json").document}
    assert not checks["terraform acme"]["ok"]
    assert checks["git"]["ok"]
    planned = world("plan", "alice")
    assert planned.code == 1
    assert planned.err.startswith("Error: terraform-is-not-here was not found")


def test_doctor_says_what_to_do(world: World) -> None:
    """A missing secret, a missing remote, an open data folder."""
    world.configure("environment_variables: {TOKEN: {env: NOT_SET_ANYWHERE}}")
    world.repository.path.rename(world.folder / "away.git")
    world.data.mkdir(mode=0o755)
    world.data.chmod(0o755)
    said = world("doctor")
    assert said.code == 1
    failed = [line for line in said.out.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 3
    assert "chmod 700" in failed[0]
    assert "NOT_SET_ANYWHERE" in failed[1]
    assert "repository acme/shop" in failed[2]


def test_doctor_names_a_subscription_that_is_missing(world: World) -> None:
    """Nobody could look into Azure; and a short secret cannot be hidden."""
    world.configure("environment_variables: {ARM_CLIENT_ID: some-client, ARM_CLIENT_SECRET: tiny}")
    checks = {f["check"]: f["message"] for f in world("doctor", "--json").document}
    assert "ARM_SUBSCRIPTION_ID is not" in checks["clouds acme"]
    assert "fewer than 6 characters" in checks["configuration"]


def test_a_branch_name_cannot_steer_the_terminal(world: World, terraform_binary: str) -> None:
    """Odd branches are shown as data; every form of output stays one line for each."""
    odd = "env-$(touch pwned)'\"é"
    world.repository.commit("main", {"terraform/main.tf": CODE})
    world.repository.git("update-ref", f"refs/heads/{odd.replace(' ', '_')}", "refs/heads/main")
    world("reconcile")
    (found,) = world.ok("list", "--json").document
    assert found["branch"] == odd.replace(" ", "_")
    assert found["status"] == "ready"
    assert not (world.folder / "pwned").exists()


def test_a_data_folder_that_cannot_be(world: World) -> None:
    """A sentence with the option that helps."""
    (world.folder / "file").write_text("")
    said = world("--data-dir", str(world.folder / "file" / "data"), "list")
    assert said.code == 1
    assert "--data-dir" in said.err


def test_a_damaged_database_is_left_alone(world: World) -> None:
    """The reading verbs say which file, and change nothing."""
    world.data.mkdir(mode=0o700)
    database = world.data / "envmgr.db"
    database.write_bytes(b"no database at all" * 100)
    said = world("list")
    assert said.code == 1
    assert str(database) in said.err
    assert database.read_bytes() == b"no database at all" * 100


def test_a_closed_pipe_is_no_error(world: World) -> None:
    """`envmgr config schema | head -1` ends quietly."""
    import subprocess

    done = subprocess.run(
        f"{ENVMGR} config schema | head -c 1",
        shell=True,
        env=world.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.stderr == ""


def test_records_move_to_another_database(world: World, postgres_database: str) -> None:
    """By a file that names it; a password never stands on the command line, and the other must be empty."""
    world.branch("env-alice")
    world.ok("reconcile")
    shown = world("migrate", "--to", postgres_database.replace("@", ":hush-hush@"))
    assert shown.code == 2
    assert "file:/path" in shown.err
    assert "hush-hush" not in shown.err
    assert world("migrate", "--to", "mysql://host/name").code == 2
    address = world.folder / "address"
    address.write_text(f"{postgres_database}\n")

    moved = world.ok("migrate", "--to", f"file:{address}", "--json").document

    assert moved["rows"]["environments"] == len(world.ok("list", "--all", "--json").document)
    again = world("migrate", "--to", f"file:{address}")
    assert again.code == 1
    assert "is not empty" in again.err
    (world.config / "daemon.yaml").write_text(f"daemon: {{database: {{file: {address}}}}}\n")
    assert world.ok("list", "--json").document[0]["environment"] == "alice"
    (world.config / "daemon.yaml").unlink()
    old = world("list")
    assert old.code == 2
    assert "works with the PostgreSQL database" in old.err
