"""Modules from elsewhere, and what a destroy reads: neither another commit nor a host that is gone is in its way."""

import base64
import shutil
import zipfile
from pathlib import Path

import pytest

from envmgr.adapters.terraform.modules import ModuleFolder
from envmgr.commands import operations
from envmgr.daemon.housekeeping import tidy
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Status
from tests.support.engine import MODULE, Engine, code
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

WORD = 'output "word" { value = "%s" }\nmodule "inner" { source = "./inner" }\n'
INNER = 'resource "terraform_data" "inner" { input = "inner" }\n'


@pytest.fixture
def modules(engine: Engine) -> GitRepository:
    """A repository with a module of one word."""
    made = GitRepository.create(engine.folder / "remotes" / "modules.git")
    made.commit("main", {"main.tf": WORD % "one", "inner/main.tf": INNER})
    return made


def calling(source: str, more: str = "") -> dict[str, str]:
    """A branch whose code calls a module."""
    call = f'module "word" {{ source = "{source}" }}\noutput "word" {{ value = module.word.word }}\n'
    return code(module=f"{MODULE}\n{call}\n{more}")


def of(modules: GitRepository, ref: str = "main") -> str:
    """The module's source by a ref."""
    return f"git::file://{modules.path}?ref={ref}"


def word(engine: Engine, name: str) -> object:
    """What an environment has of the module."""
    return engine.environment(name).applied.outputs["word"].value


def gone(engine: Engine) -> None:
    """Let a deleted branch be confirmed and its grace period pass."""
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)


@pytest.mark.parametrize("lost", ["workspace", "data folder", "nothing"])
def test_a_destroy_needs_no_module_host_and_no_init_of_another_commit(
    engine: Engine, modules: GitRepository, lost: str
) -> None:
    """A later commit's `init` failed half-way, and the modules' host is gone by then."""
    engine.seal_with_a_key()
    shop = engine.repository()
    shop.commit("env-alice", calling(of(modules)))
    engine.turn()
    shop.commit("env-alice", {"README.md": "no infrastructure"})
    engine.turn(seconds=30)
    shop.commit("env-alice", calling(f"git::file://{modules.path}-nowhere"))
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.FAILED
    shutil.rmtree(modules.path)
    if lost == "workspace":
        shutil.rmtree(engine.data / "workspaces")
    if lost == "data folder":
        engine.lose_data()
        engine.turn()
    shop.delete("env-alice")
    gone(engine)
    alice = engine.environment("alice")
    assert alice.status is Status.DESTROYED, alice.message
    assert not engine.state("alice").exists()


@pytest.mark.parametrize("bundles", ["refuse", "accept"])
def test_a_host_that_has_not_the_modules_takes_none_away(
    engine: Engine, modules: GitRepository, bundles: str
) -> None:
    """What is kept soundly it leaves as it is; what it seals anew keeps the modules that are kept."""
    engine.seal_with_a_key()
    settings = engine.folder / "daemon.yaml"
    settings.write_text(
        settings.read_text().replace("{bundle_key", f"{{unsealed_bundles: {bundles}, bundle_key")
    )
    engine.repository().commit("env-alice", calling(of(modules)))
    engine.turn()
    kept = engine.state("alice").with_name("envmgr-kept.zip")
    before, at = members(kept), kept.stat().st_mtime_ns
    shutil.rmtree(engine.data / "workspaces")

    tidy(engine.application.services)

    assert before["modules"]
    assert members(kept) == before
    assert (kept.stat().st_mtime_ns == at) is (bundles == "refuse")


def members(file: Path) -> dict[str, bytes]:
    """What a bundle holds."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_data_source_that_finds_nothing_any_more_does_not_keep_a_destroy(engine: Engine) -> None:
    """Planned once more by the state alone; that is said."""
    other = engine.folder / "other.tfstate"
    other.write_text('{"version": 4, "outputs": {}, "resources": []}')
    read = f"""
data "terraform_remote_state" "other" {{
  backend = "local"
  config  = {{ path = "{other}" }}
}}
"""
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE + read))
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    other.unlink()
    shop.delete("env-alice")
    gone(engine)
    alice = engine.environment("alice")
    assert alice.status is Status.DESTROYED, alice.message
    events = engine.application.services.store.events(alice.id, actions=["planned-without-refresh"])
    assert "-refresh=false" in events[-1].message
    assert "Unable to find remote state" in events[-1].message


def test_a_condition_that_holds_no_more_does_not_keep_a_destroy(engine: Engine) -> None:
    there = engine.folder / "there"
    there.touch()
    checked = f"""
resource "terraform_data" "checked" {{
  input = 1
  lifecycle {{
    postcondition {{
      condition     = fileexists("{there}")
      error_message = "It is not there."
    }}
  }}
}}
"""
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE + checked))
    engine.turn()
    there.unlink()
    shop.delete("env-alice")
    gone(engine)
    alice = engine.environment("alice")
    assert alice.status is Status.DESTROYED, alice.message


def test_what_fails_otherwise_is_planned_once(engine: Engine) -> None:
    """Without a refresh it would only fail later, after the steps before a destroy."""
    shop = engine.repository()
    shop.commit("env-alice", code())
    engine.turn()
    engine.use_terraform(
        '[ "$1" = plan ] && { echo "Error: no credentials" >&2; exit 1; }\nexec "$real" "$@"'
    )
    engine.calls()
    with pytest.raises(Exception, match="no credentials"):
        operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)
    assert engine.calls().count("plan") == 1


def test_a_module_by_a_moving_ref_is_read_anew_for_each_commit(
    engine: Engine, modules: GitRepository
) -> None:
    """Two environments at the same commit have the same code, and that it moved is told."""
    shop = engine.repository()
    shop.commit("env-alice", calling(of(modules)))
    engine.turn()
    modules.commit("main", {"main.tf": WORD % "two"})
    commit = shop.commit("env-alice", calling(of(modules), "# pushed"))
    shop.point(["env-bob"], commit)
    engine.turn(seconds=30)
    assert (word(engine, "alice"), word(engine, "bob")) == ("two", "two")
    claims = [engine.environment(name).claim for name in ("alice", "bob")]
    digests = {claim.modules for claim in claims if claim is not None}
    assert len(digests) == 1
    assert digests != {""}
    store, said = engine.application.services.store, ["modules-moving"]
    first, changed = store.events(engine.environment("alice").id, actions=said)
    assert "word (git::file://" in first.message
    assert "no longer at" in changed.message
    [bobs] = store.events(engine.environment("bob").id, actions=said)
    assert bobs.message == first.message

    modules.commit("main", {"main.tf": WORD % "three"})
    shop.delete("env-bob")
    engine.turn(2, seconds=30)
    operations.plan(engine.application, engine.environment("bob"), destroy=True)
    folder = ModuleFolder(engine.data / "workspaces" / "acme" / "shop" / "bob" / "terraform")
    assert {folder.digest()} == digests


def test_a_module_by_a_version_is_not_read_again(engine: Engine, modules: GitRepository) -> None:
    modules.git("tag", "v1.2.3", "main")
    shop = engine.repository()
    shop.commit("env-alice", calling(of(modules, "v1.2.3")))
    engine.turn()
    shutil.rmtree(modules.path)
    shop.commit("env-alice", calling(of(modules, "v1.2.3"), "# pushed"))
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.READY
    assert engine.environment("alice").applied.commit == shop.head("env-alice")


def test_a_private_module_says_how_it_is_let_in_and_is_then(
    engine: Engine, modules: GitRepository, git_server: GitServer, git_repository: object
) -> None:
    """By credentials that may read modules only; the repository's own are given to nobody."""
    served = Path(git_repository("modules").path)  # type: ignore[operator]
    shutil.rmtree(served)
    shutil.copytree(modules.path, served)
    git_server.protect("modules", "bot", "hush-hush")
    url = git_server.http_url("modules")
    shop = engine.repository()
    shop.commit("env-alice", calling(f"git::{url}?ref=main"))
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "GIT_CONFIG_KEY_0" in alice.message
    with pytest.raises(NeedsPerson, match="environment_variables"):
        operations.plan(engine.application, alice)

    header = engine.folder / "header"
    header.write_text("Authorization: Basic " + base64.b64encode(b"bot:hush-hush").decode())
    host = url.rpartition("/")[0]
    engine.settings["environment_variables"] = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{host}.extraHeader",
        "GIT_CONFIG_VALUE_0": {"file": str(header)},
    }
    engine.restart()
    operations.apply(engine.application, engine.environment("alice"), lambda *_: True)
    assert word(engine, "alice") == "one"


def test_an_archive_that_leads_out_is_refused(tmp_path: Path) -> None:
    leads_out, is_none = tmp_path / "packed", tmp_path / "none"
    with zipfile.ZipFile(leads_out, "w") as archive:
        archive.writestr("modules/../../out", "x")
        archive.writestr("modules.json", '{"Modules": []}')
    is_none.write_bytes(b"no archive")
    for packed in (leads_out, is_none):
        with pytest.raises(NeedsPerson, match="cannot be read"):
            ModuleFolder(tmp_path / "data").unpack(packed)
    assert not (tmp_path / "out").exists()


def test_a_destroy_needs_no_place_where_providers_come_from(
    engine: Engine, provider_cli_config: Path, tmp_path: Path
) -> None:
    """What the lock file names was had from there once; the failed `init` of a later commit asks for it again."""
    configured = tmp_path / "terraform.rc"
    shutil.copy(provider_cli_config, configured)
    engine.settings["terraform"]["cli_config"] = str(configured)
    needs = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE + needs))
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    shop.commit("env-alice", calling("git::file:///nowhere", needs))
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.FAILED
    empty = tmp_path / "empty"
    empty.mkdir()
    configured.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{empty}" }}\n}}\n')
    shop.delete("env-alice")
    gone(engine)
    alice = engine.environment("alice")
    assert alice.status is Status.DESTROYED, alice.message
