"""Bad input gets a sentence, that environment is `failed`, all others go on (and invariant 13)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import environment_name
from tests.support.engine import MODULE, Engine, code, push
from tests.support.waiting import stopwatch

HOSTILE = [
    "env-a/b/../c".replace("..", "x"),
    "env-'quote'",
    'env-"double"',
    "env-$(touch pwned)".replace(" ", "${IFS}"),
    "env-`touch${IFS}pwned`",
    "env-;touch${IFS}pwned;",
    "env-" + "long" * 60,
    "env-größe-日本語",
    "env--dash-first",
    "env-a&b|c>d",
    "env-%2e%2e",
    "env-UPPER",
    "env-#x!",
    "env-{a,b}",
    "env-!bang-%0A",
]

BAD_CODE = {
    "syntax": ('resource "terraform_data" "x" {', "terraform/main.tf:1"),
    "variable": ('variable "needed" {}\noutput "x" { value = var.needed }', "needed"),
    "backend": (
        'terraform {\n  backend "s3" {\n    bucket = "mine"\n  }\n}',
        "terraform/main.tf:2 has a backend block of its own (s3)",
    ),
    "cloud": ('terraform {\n  cloud {\n    organization = "x"\n  }\n}', "cloud"),
    "provider": ('resource "nosuch_thing" "x" {}', "nosuch"),
    "module": ('module "m" { source = "./missing" }', "missing"),
    "function": ("output x { value = nosuch() }", "nosuch"),
}


def failed(engine: Engine, name: str) -> Environment:
    """The environment, which has failed while `good` is ready."""
    environment = engine.environment(name)
    assert environment.status is Status.FAILED, environment
    assert engine.environment("good").status is Status.READY
    assert "Traceback" not in environment.message
    return environment


@pytest.mark.parametrize("branches", [HOSTILE[:8], HOSTILE[8:]])
def test_branch_names_are_data(engine: Engine, branches: list[str]) -> None:
    """Whatever git lets a branch be called: an environment of its own, and nothing executed."""
    engine.settings["limits"] = {"concurrency": 4}
    shop = engine.repository()
    show = 'variable "branch" {}\noutput "branch" { value = var.branch }'
    for branch in branches:
        subprocess.run(["git", "check-ref-format", f"refs/heads/{branch}"], check=True)
        shop.commit(branch, code({"terraform/branch.tf": show}))

    engine.turn()

    for branch in branches:
        name = environment_name(branch, ("env-*",))
        assert name is not None
        environment = engine.environment(name)
        assert environment.status is Status.READY, environment.message
        assert environment.applied.outputs["branch"].value == branch
    assert not list(engine.folder.rglob("pwned"))
    shop.delete(*branches)
    engine.settings["destroy"] = {"confirmations": 1, "grace_period": "1s", "max_at_once": 50}
    engine.restart()
    engine.turn(2, minutes=1)
    assert set(engine.statuses().values()) == {"destroyed"}


@pytest.mark.parametrize("fault", sorted(BAD_CODE))
def test_code_that_is_wrong_fails_only_its_environment(engine: Engine, fault: str) -> None:
    """It says what and where; a mended push makes it ready."""
    shop = engine.repository()
    push(shop, ["good"])
    module, said = BAD_CODE[fault]
    shop.commit("env-bad", code(module=module))

    engine.turn()

    bad = failed(engine, "bad")
    assert said in bad.message
    engine.calls()
    engine.turn(minutes=20) if bad.failure.retry_at is None else None
    assert bad.failure.retry_at is not None or engine.calls() == [], "no sense in trying the same again"
    shop.commit("env-bad", code())
    engine.turn(minutes=1)
    assert engine.environment("bad").status is Status.READY, engine.environment("bad").message


def test_an_empty_backend_block_of_our_kind_is_welcome(engine: Engine) -> None:
    """As NubesGen's code has it."""
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE + '\nterraform {\n  backend "local" {\n  }\n}\n'))

    engine.turn()

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert engine.state("alice").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("variables: [1]", "variables"),
        ("variables: {environment: mine}", "environment"),
        ("nonsense: true", "nonsense"),
        ("ttl: soon", "ttl"),
        ("a: &a [*a, *a]", ".envmgr.yaml"),
        ("deploy: [{name: x, run: id}]", "allow_branch_deploy"),
        ("\tx", ".envmgr.yaml"),
    ],
)
def test_a_branch_file_that_is_wrong_fails_only_its_environment(engine: Engine, text: str, said: str) -> None:
    """With the line and what to do."""
    shop = engine.repository()
    push(shop, ["good"])
    shop.commit("env-bad", code({".envmgr.yaml": text}))

    engine.turn()

    bad = failed(engine, "bad")
    assert said in bad.message
    assert engine.runs()[-1].environment.name == "good"


def test_a_branch_file_or_folder_that_is_a_link_is_not_followed(engine: Engine) -> None:
    """Neither reads a file of the host."""
    shop = engine.repository()
    push(shop, ["good"])
    secret = engine.folder / "secret.tf"
    secret.write_text('output "stolen" { value = "host" }')
    commit_link(shop.path, "env-file", ".envmgr.yaml", "/etc/hostname")
    commit_link(shop.path, "env-folder", "terraform", str(engine.folder))

    engine.turn()

    failed(engine, "file")
    failed(engine, "folder")


def commit_link(repository: Path, branch: str, name: str, target: str) -> None:
    """Commit a symbolic link, which is all that the branch then holds beside `terraform/main.tf`."""
    stream = (
        f"commit refs/heads/{branch}\ncommitter T <t@example.com> 1700000000 +0000\ndata 1\nx\n"
        f"from refs/heads/main\n"
        + (
            f"M 100644 inline terraform/main.tf\ndata {len(MODULE)}\n{MODULE}\n"
            if name != "terraform"
            else ""
        )
        + f"M 120000 inline {name}\ndata {len(target)}\n{target}\n"
    )
    subprocess.run(
        ["git", "-C", str(repository), "fast-import", "--quiet"], input=stream.encode(), check=True
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 127", "terraform"),
        ('case $1 in version) echo \'{"terraform_version": "0.11.0"}\';; esac', "0.11.0"),
        ("echo hello", "terraform"),
    ],
)
def test_a_terraform_that_is_none_is_said(engine: Engine, script: str, said: str) -> None:
    """Not Terraform, too old; what is ready stays ready."""
    shop = engine.repository()
    push(shop, ["good"])
    engine.turn()
    engine.use_terraform(script)
    push(shop, ["bad"])

    engine.turn(seconds=30)

    assert said in failed(engine, "bad").message.lower()


def test_a_terraform_that_is_absent_is_said(engine: Engine) -> None:
    """With the option to set; once it is there, the environment becomes ready by itself."""
    shop = engine.repository()
    push(shop, ["good"])
    engine.turn()
    kept = engine.binary.with_name("kept")
    engine.binary.rename(kept)
    push(shop, ["bad"])
    engine.turn(seconds=30)
    assert "terraform.binary" in failed(engine, "bad").message
    kept.rename(engine.binary)

    engine.turn(seconds=30)

    assert engine.environment("bad").status is Status.READY, engine.environment("bad").message


def test_a_terraform_that_hangs_is_ended_at_its_time_limit(engine: Engine) -> None:
    """The others' work goes on meanwhile."""
    engine.settings["terraform"]["timeout"] = "2s"
    shop = engine.repository()
    push(shop, ["good"])
    hanging = 'resource "terraform_data" "x" {\n  provisioner "local-exec" { command = "sleep 600" }\n}'
    shop.commit("env-bad", code(module=hanging))

    engine.turn()

    bad = failed(engine, "bad")
    assert "2s" in bad.message or "2 s" in bad.message
    assert bad.failure.retry_at is not None


def test_a_full_disk_starts_no_run(engine: Engine) -> None:
    """Below the reserve nothing starts, and the sentence says where to make room."""
    shop = engine.repository()
    push(shop, ["alice"])
    (engine.folder / "conf").mkdir()
    engine.config = engine.folder / "conf" / "acme.yaml"
    free = shutil.disk_usage(engine.folder).total
    (engine.folder / "conf" / "daemon.yaml").write_text(f"daemon: {{disk_reserve: {free * 2 // 10**9}GB}}\n")

    engine.turn()

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "make room" in alice.message
    assert engine.runs() == []
    assert alice.failure.retry_at is not None


def test_a_corrupt_database_is_left_as_it_is(engine: Engine) -> None:
    """The sentence names the file; nothing starts and nothing is overwritten."""
    engine.repository()
    engine.data.mkdir(mode=0o700)
    database = engine.data / "envmgr.db"
    database.write_bytes(b"this is no database" * 1000)

    with pytest.raises(NeedsPerson, match=r"envmgr\.db"):
        engine.restart()

    assert database.read_bytes() == b"this is no database" * 1000


def test_a_wrong_secret_reference_fails_the_environment_with_its_name(engine: Engine) -> None:
    """The reference, not a value."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.settings["environment_variables"] = {"TF_VAR_size": {"env": "NOT_THERE"}}

    engine.turn()

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "NOT_THERE" in alice.message


def test_a_terraform_that_hangs_at_its_version_is_asked_once_for_all(engine: Engine) -> None:
    """Whoever asks next does not wait ten seconds more; other environments of other binaries go on."""
    shop = engine.repository()
    push(shop, ["good"])
    engine.turn()
    engine.use_terraform('[ "$1" = version ] && sleep 60')
    push(shop, ["bad", "worse"])
    engine.calls()

    seconds = stopwatch()
    engine.turn(seconds=30)

    assert seconds() < 15
    assert "did not report its version" in failed(engine, "bad").message
    assert engine.calls().count("version") == 1


@pytest.mark.parametrize("name", ["terraform.tfstate", "terraform.tfstate.d/other/terraform.tfstate"])
def test_a_committed_state_is_left_out(engine: Engine, name: str) -> None:
    """The state is in the backend: `init` asks nobody whether it is to be moved there, now, later, or for the destroy."""
    resource = {
        "mode": "managed",
        "type": "terraform_data",
        "name": "strange",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": {"id": "x"}}],
    }
    state = json.dumps({"version": 4, "serial": 9, "lineage": "strange", "resources": [resource]})
    shop = engine.repository()
    shop.commit("env-alice", code({f"terraform/{name}": state}))
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.resources) == (Status.READY, ("terraform_data.app",))
    shop.delete("env-alice")
    engine.turn(3, minutes=5)
    assert engine.statuses() == {"alice": "destroyed"}
