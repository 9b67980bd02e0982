"""The data folder is lost: records come back from what is beside the states, and nothing is destroyed unproven."""

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.daemon.housekeeping import tidy
from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.documents.seal import Seal
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Claim, Environment, RunKind, Source, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import tags_for
from envmgr.ports import Remote, StateStore
from tests.support import warm
from tests.support.aws import S3_BACKEND
from tests.support.engine import MODULE, Engine, code, push
from tests.support.git_repository import GitRepository
from tests.support.state_backends import Backend

ALICE = EnvironmentId("acme", "shop", "alice")
KEY = "a key that is kept elsewhere, for tests"
MARK = """
variable "environment" {}
variable "folder" {}
resource "terraform_data" "mark" {
  input = "${var.folder}/${var.environment}"
  provisioner "local-exec" { command = "echo made >> ${self.input}" }
  provisioner "local-exec" {
    when    = destroy
    command = "sh ${path.module}/scripts/unmake.sh ${self.input}"
  }
}
"""
UNMAKE = "#!/bin/sh\necho unmade by %s >> $1\n"


def marked(version: str, **files: str) -> dict[str, str]:
    """A branch whose destroy says by which version of its code it was done."""
    return code({"terraform/scripts/unmake.sh": UNMAKE % version, "app/big.bin": "x" * 1000, **files}, MARK)


def local(_: pytest.FixtureRequest, engine: Engine) -> Backend:
    return Backend("local", {"path": str(engine.folder / "state")}, {})


def s3(request: pytest.FixtureRequest, _: Engine) -> Backend:
    settings = {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}
    return Backend("s3", settings, request.getfixturevalue("aws_environment"))


def azurerm(request: pytest.FixtureRequest, _: Engine) -> Backend:
    azurite = request.getfixturevalue("azurite")
    settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
    return Backend("azurerm", settings, azurite.environment)


@pytest.fixture(params=[local, s3, azurerm], ids=lambda make: str(make.__name__))
def states(request: pytest.FixtureRequest, engine: Engine) -> StateStore:
    """Where the engine keeps its states, as envmgr sees it."""
    backend: Backend = request.param(request, engine)
    engine.settings["backend"] = {backend.kind: dict(backend.settings)}
    engine.settings["environment_variables"] = dict(backend.environment)
    return backend.store()


@pytest.fixture
def marks(engine: Engine) -> Path:
    """Where environments leave what was done to them; with a repository `shop` of code that does."""
    folder = engine.folder / "marks"
    folder.mkdir()
    with_key(engine, KEY)
    engine.repository(variables={"folder": str(folder)})
    return folder


def with_key(engine: Engine, key: str, bundles: str = "refuse") -> None:
    """The key of the bundles is where the data folder is not."""
    secret = engine.folder / "bundle.key"
    secret.write_text(key)
    settings = f"daemon: {{bundle_key: {{file: {secret}}}, unsealed_bundles: {bundles}}}\n"
    (engine.folder / "daemon.yaml").write_text(settings)


def lose(engine: Engine) -> None:
    """The data folder is gone; the program starts anew."""
    engine.close()
    shutil.rmtree(engine.data)
    engine.restart()


def gone(engine: Engine) -> None:
    """Let a deleted branch be confirmed and its grace period pass."""
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)


def kept(engine: Engine) -> Path:
    """The file beside alice's state."""
    return engine.folder / "state" / ALICE.kept_key


def change(file: Path, alter: Callable[[dict[str, Any]], None], without: str = "") -> None:
    """Alter a manifest where it is kept, as somebody could who has our key; what is `without` has a part less."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != without}
    document = json.loads(members["manifest.json"])
    alter(document)
    members["manifest.json"] = json.dumps(document).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    seal = Seal(sha256(KEY.encode()).digest())
    key = ALICE.kept_key.replace("alice", file.parent.name)
    file.write_bytes(seal.close(key, buffer.getvalue()))


def test_everything_comes_back_and_what_is_gone_is_destroyed_by_its_own_code(
    engine: Engine, states: StateStore, marks: Path
) -> None:
    """Alice's branch is there, bob's is gone with all history, carol's code is a module; none is made twice."""
    shop, tiny = engine.repositories["shop"], with_module(engine)
    for name in ("alice", "bob"):
        shop.commit(f"env-{name}", marked("the first"))
    tiny.commit("env-carol", {"app.py": ""})
    engine.turn()
    before = engine.application.services.store.environments()
    assert [e.status for e in before] == [Status.READY] * 3, [e.message for e in before]
    forget(shop, "env-bob")
    tiny.delete("env-carol")
    (engine.folder / "modules" / "small" / "main.tf").write_text('variable "needed_now" {}')
    lose(engine)
    engine.calls()

    engine.turn()

    assert engine.statuses() == {"alice": "ready", "bob": "waiting", "carol": "waiting"}
    assert "apply" not in engine.calls()
    for environment in before:
        assert same(engine.environment(environment.id.name, environment.id.repository), environment)
    assert engine.environment("bob").absences == 1
    assert engine.actions("bob")[0] == "rebuilt"

    gone(engine)

    assert engine.statuses() == {"alice": "ready", "bob": "destroyed", "carol": "destroyed"}
    assert (marks / "alice").read_text() == "made\n"
    assert (marks / "bob").read_text() == "made\nunmade by the first\n"
    assert "code-restored" in engine.actions("bob")
    assert set(states.objects("acme/")) == {ALICE.state_key, ALICE.kept_key, "acme/envmgr-owner.json"}


def with_module(engine: Engine) -> GitRepository:
    """A repository whose environments are a module of this test's own."""
    engine.modules = engine.folder / "modules"
    (engine.modules / "small").mkdir(parents=True)
    (engine.modules / "small" / "main.tf").write_text(MODULE)
    return engine.repository("tiny", terraform={"module": "small"})


def forget(repository: GitRepository, branch: str) -> None:
    """Delete a branch and all that the remote had of it."""
    repository.delete(branch)
    repository.git("gc", "--quiet", "--prune=now")


def same(one: Environment, other: Environment) -> bool:
    """Whether two records would destroy the same by the same."""
    assert one.claim is not None
    assert other.claim is not None
    return (one.branch, one.applied.resources, one.claim) == (
        other.branch,
        other.applied.resources,
        other.claim,
    )


def test_what_is_applied_after_a_loss_is_kept_and_destroyed_as_ever(engine: Engine, marks: Path) -> None:
    """The commit that was applied before is nowhere here any more: that holds up nothing."""
    shop = engine.repositories["shop"]
    shop.commit("env-alice", marked("the first"))
    engine.turn()
    shop.force_push("env-alice", marked("the second"))
    shop.git("gc", "--quiet", "--prune=now")
    lose(engine)
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert (marks / "alice").read_text() == "made\n"
    shop.delete("env-alice")
    lose(engine)

    gone(engine)

    assert engine.statuses() == {"alice": "destroyed"}
    assert (marks / "alice").read_text() == "made\nunmade by the second\n"
    assert (
        next(path for path in engine.state("alice").parents if path.exists())
        == engine.folder / "state" / "acme"
    )


# --- what cannot be proven ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda d: d.update(environment="acme/shop/bob"), "another environment"),
        (lambda d: d.update(branch="env-bob"), "its variables are another"),
        (lambda d: d["claim"]["tags"].update(environment="bob"), "its tags are another"),
        (lambda d: d["claim"]["variables"].update(environment="bob"), "its variables are another"),
        (lambda d: d["claim"]["source"].update(path="../../..", scope="."), "its source points elsewhere"),
        (lambda d: d["claim"]["source"].update(scope="app"), "its source points elsewhere"),
        (lambda d: d["claim"]["source"].update(kind="module"), "its source points elsewhere"),
        (lambda d: d["claim"]["source"].update(tree="0" * 40), "not that of commit"),
        (lambda d: d["claim"].update(commit="0" * 40), "not that of commit"),
        (lambda d: d["claim"].update(commit="--help"), "its commit is not valid"),
        (lambda d: d["claim"].update(terraform_version="../../bin"), "its Terraform version is not valid"),
        (lambda d: d["claim"].update(source=[]), "not something envmgr wrote there"),
        (lambda d: d.update(version=2), "another release"),
        (lambda d: d.clear(), "not something envmgr wrote there"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_refused(
    manifest_of_alice: tuple[bytes, Path], tmp_path: Path, alter: Callable[[Any], None], said: str
) -> None:
    """No name in it leads anywhere else, and code that is another's is not taken."""
    manifest, pack = manifest_of_alice
    document = json.loads(manifest)
    alter(document)

    def take() -> None:
        claim = Manifest.from_json(json.dumps(document).encode(), ALICE).claim
        Mirrors(tmp_path).unpack(pack, claim.commit, claim.source, tmp_path / "source")

    with pytest.raises(NeedsPerson, match=said):
        take()
    assert not (tmp_path / "source").exists()


@pytest.fixture(scope="module")
def manifest_of_alice(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    """What is kept of an environment: its manifest, and a pack that proves itself."""
    folder = tmp_path_factory.mktemp("kept")
    shop = GitRepository.create(folder / "shop.git")
    commit = shop.commit("env-alice", marked("the first"))
    mirrors = Mirrors(folder / "mirrors")
    mirrors.fetch(Remote(repository=ALICE.repository_id, url=shop.url), {"env-alice": commit})
    tree = mirrors.inspect(ALICE.repository_id, commit, "terraform", "x", 9).tree
    pack = folder / "pack"
    mirrors.export(ALICE.repository_id, commit, "terraform", pack)
    assert tree is not None
    now = datetime(2026, 1, 2, tzinfo=UTC)
    variables = {"environment": "alice", "project": "shop", "organization": "acme", "branch": "env-alice"}
    source = Source(SourceKind.DIRECTORY, "terraform", tree, "terraform")
    claim = Claim(
        commit=commit,
        source=source,
        variables={**variables, "list": [{}]},
        tags=tags_for(ALICE, "env-alice"),
        terraform_version="1.11.4",
        backend=("local", {"path": "/nonexistent"}),
        fingerprint="",
    )
    manifest = Manifest(environment=ALICE, branch="env-alice", claim=claim, created_at=now)
    text = manifest.to_json().encode()
    assert Manifest.from_json(text, ALICE) == manifest
    mirrors.unpack(pack, commit, source, folder / "source")
    assert {p.name for p in (folder / "source" / "terraform").rglob("*")} == {
        "main.tf",
        "scripts",
        "unmake.sh",
    }
    assert (folder / "source" / "terraform" / "scripts" / "unmake.sh").stat().st_mode & 0o100
    assert not (folder / "source" / "app").exists()
    return text, pack


def test_what_is_unsound_is_said_and_nothing_is_destroyed(engine: Engine, marks: Path) -> None:
    """Alice's manifest is another's, bob's is missing, carol's repository is unknown, dora's state is torn; all gone."""
    shop, tiny = engine.repositories["shop"], engine.repository("tiny")
    for name in ("alice", "bob", "dora"):
        shop.commit(f"env-{name}", marked("the first"))
    push(tiny, ["carol"])
    engine.turn()
    shop.delete("env-alice", "env-bob", "env-dora")
    change(kept(engine), lambda d: d.update(branch="env-bob"))
    engine.state("bob").with_name("envmgr-kept.zip").unlink()
    engine.state("dora").write_text('{"version": 4')
    del engine.repositories["tiny"]
    before = {p: p.read_bytes() for p in (engine.folder / "state").rglob("*") if p.is_file()}
    engine.close()
    shutil.rmtree(engine.data)
    engine.write()

    command = [f"--config={engine.config}", f"--data-dir={engine.data}", "reconcile", "--json"]
    done = warm.run("envmgr", command, timeout=200)
    assert done.returncode == 1, done.stderr

    errors = json.loads(done.stdout)["errors"]
    for name, why in {
        "shop/alice": "its variables are another",
        "shop/bob": "nothing beside its state",
        "shop/dora": "is not a Terraform state",
        "tiny/carol": "not in the configuration",
    }.items():
        (said,) = [error for error in errors if error.startswith(f"acme/{name} was not rebuilt")]
        assert why in said
        assert "destroy it by hand" in said
    gone(engine)
    assert engine.statuses() == {}
    assert {p: p.read_bytes() for p in (engine.folder / "state").rglob("*") if p.is_file()} == before
    assert (marks / "alice").read_text() == "made\n"
    assert engine.actions("bob") == ["not-rebuilt"]
    bob = EnvironmentId("acme", "shop", "bob")
    engine.application.services.record(bob, "noted", "Something else came meanwhile.")
    engine.close()
    gone(engine)
    assert engine.actions("bob") == ["not-rebuilt", "noted"]


class TaggedCloud:
    """A cloud in which alice has a group, and something of the organization has no state."""

    lag = timedelta(0)

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """What carries the tags."""
        mine = ["/groups/alice"] if tags.get("environment", "alice") == "alice" else []
        return mine if "environment" in tags else [*mine, "/groups/stray"]


def test_what_carries_the_tags_and_has_no_state_is_said(engine: Engine, marks: Path) -> None:
    """Only after a loss: nothing else asks the cloud about it."""
    engine.repositories["shop"].commit("env-alice", marked("the first"))
    engine.turn()
    lose(engine)
    organization = engine.application.services.organizations["acme"]
    organization.open_clouds = lambda *_: [TaggedCloud()]

    engine.poll()

    (said,) = organization.rebuilding.unrecovered
    assert "/groups/stray" in said
    assert "/groups/alice" not in said
    assert engine.actions("alice") == ["rebuilt", "branch-back"]


def test_a_branch_that_is_there_goes_on_with_its_state_though_nothing_is_kept(
    engine: Engine, marks: Path
) -> None:
    """Terraform adopts it: nothing is made twice, and from then on it is kept again."""
    shop = engine.repositories["shop"]
    shop.commit("env-alice", marked("the first"))
    engine.turn()
    kept(engine).unlink()
    lose(engine)

    engine.turn()

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert (marks / "alice").read_text() == "made\n"
    assert kept(engine).exists()


def test_nothing_is_applied_for_the_first_time_before_the_lost_records_were_looked_for(
    engine: Engine, marks: Path
) -> None:
    """The store is away while alice's branch is seen; bob's is gone, and she alone would end the looking for him."""
    shop = engine.repositories["shop"]
    for name in ("alice", "bob"):
        shop.commit(f"env-{name}", marked("the first"))
    engine.turn()
    shop.delete("env-bob")
    states, hidden = engine.folder / "state", engine.folder / "hidden"
    states.rename(hidden)
    states.write_text("in the way")
    lose(engine)
    engine.poll()
    assert engine.statuses() == {"alice": "pending"}
    states.unlink()
    hidden.rename(states)

    engine.work()

    assert engine.statuses() == {"alice": "ready", "bob": "waiting"}, engine.environment("alice").message
    assert engine.environment("bob").absences == 0
    gone(engine)
    assert engine.statuses() == {"alice": "ready", "bob": "destroyed"}
    assert (marks / "bob").read_text() == "made\nunmade by the first\n"
    assert (marks / "alice").read_text() == "made\n"


def test_another_host_destroys_with_the_records_alone(engine: Engine, marks: Path) -> None:
    """The database is there, the files are not: mirrors and workspaces were on the host that is gone."""
    shop = engine.repositories["shop"]
    shop.commit("env-alice", marked("the first"))
    engine.turn()
    shop.commit("env-alice", {"app.py": "no infrastructure"})  # the claim moves on, what is kept need not
    written = kept(engine).stat().st_mtime_ns
    engine.turn(seconds=30)
    assert kept(engine).stat().st_mtime_ns == written
    shop.delete("env-alice")
    engine.close()
    for part in ("mirrors", "workspaces", "modules"):
        shutil.rmtree(engine.data / part)
    engine.restart()

    gone(engine)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert (marks / "alice").read_text() == "made\nunmade by the first\n"
    assert not kept(engine).exists()


def test_it_is_kept_before_the_first_apply_and_for_nobody_else(engine: Engine, marks: Path) -> None:
    """Terraform itself looks for it when it is called to apply; a branch that fails then is destroyed after a loss."""
    seen = engine.folder / "seen"
    engine.use_terraform(f'[ "$1" != apply ] || stat -c %a {kept(engine)} > {seen}; exec "$real" "$@"')
    shop = engine.repositories["shop"]
    broken = {
        "terraform/broken.tf": 'resource "terraform_data" "x" {\nprovisioner "local-exec" { command = "exit 3" }\n}'
    }
    shop.commit("env-alice", {**marked("the first"), **broken})
    engine.turn()
    assert seen.read_text() == "600\n"
    assert engine.environment("alice").status is Status.FAILED
    shop.delete("env-alice")
    lose(engine)

    gone(engine)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert (marks / "alice").read_text() == "made\nunmade by the first\n"
    assert [run.kind for run in engine.runs()] == [RunKind.DESTROY]


def test_code_of_any_size_is_kept(engine: Engine, marks: Path) -> None:
    """More than any bundle had before, of which no byte is like another: the branch is gone, and the data folder, too."""
    shop = engine.repositories["shop"]
    big = random.Random(1).randbytes(26 * 2**20)
    shop.commit("env-alice", {**marked("the first"), "terraform/one": big, "terraform/two": big[::-1]})
    engine.turn()
    assert kept(engine).stat().st_size > 50 * 2**20
    assert kept(engine).stat().st_mode & 0o777 == 0o600
    shop.delete("env-alice")
    lose(engine)

    gone(engine)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert (marks / "alice").read_text() == "made\nunmade by the first\n"
    assert not kept(engine).exists()
    assert list((engine.data / "tmp").glob("kept-*")) == []


def test_code_that_cannot_be_kept_is_not_applied(engine: Engine, marks: Path) -> None:
    """Nothing is made whose destroy would miss its code; why stands with the environment."""
    shop = engine.repositories["shop"]
    kept(engine).mkdir(parents=True)
    shop.commit("env-alice", marked("the first"))

    engine.turn()

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert kept(engine).name in alice.message
    assert not (marks / "alice").exists()
    kept(engine).rmdir()
    shop.commit("env-alice", marked("the second"))
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message


def test_what_an_earlier_release_found_too_large_is_had_from_the_branch(engine: Engine, marks: Path) -> None:
    """And where the branch is gone, nothing is destroyed."""
    shop = engine.repositories["shop"]
    for name in ("alice", "bob"):
        shop.commit(f"env-{name}", marked("the first"))
    engine.turn()
    for file in (kept(engine), kept(engine).parent.with_name("bob") / kept(engine).name):
        change(file, lambda _: None, without="code")
    shop.delete("env-bob")
    lose(engine)

    engine.turn()

    assert engine.statuses() == {"alice": "ready"}
    assert engine.actions("alice")[0] == "rebuilt"
    assert engine.actions("bob") == ["not-rebuilt"]
    bob = EnvironmentId("acme", "shop", "bob")
    engine.application.services.record(bob, "noted", "Something else came meanwhile.")
    engine.close()
    gone(engine)
    assert engine.actions("bob") == ["not-rebuilt", "noted"]
    gone(engine)
    assert (marks / "bob").read_text() == "made\n"


@pytest.mark.parametrize(("ttl", "file"), [({"default": "1h"}, ""), ({}, "ttl: 1h")])
def test_a_time_to_live_never_ends_because_of_a_loss(engine: Engine, ttl: dict[str, str], file: str) -> None:
    """It counts from now, or is what it was, as the last push had it, though that changed no infrastructure."""
    engine.settings["ttl"] = ttl
    with_key(engine, KEY)
    shop = engine.repository()
    for minutes, files in (0, code()), (1, code({"terraform/a.tf": ""})), (50, {"app.py": ""}):
        shop.commit("env-alice", {".envmgr.yaml": file, **files})
        engine.turn(minutes=minutes)
    ends = engine.environment("alice").life.expires_at
    assert ends == engine.clock.now + timedelta(hours=1)
    engine.clock.forward(minutes=20)
    shop.commit("env-alice", code(module="resource {"))  # which no apply of makes it live longer
    lose(engine)

    engine.turn()
    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.resources) == (Status.FAILED, ("terraform_data.app",))
    assert alice.life.expires_at == (engine.clock.now + timedelta(minutes=59, seconds=30) if ttl else ends)


# --- who kept it -----------------------------------------------------------------------------------


def unseal(file: Path) -> None:
    """As a release without seals kept it."""
    file.write_bytes(file.read_bytes().partition(b"\n")[2])


def forge(file: Path) -> None:
    """Another's content behind our seal."""
    seal, line, _ = file.read_bytes().partition(b"\n")
    unseal(file)
    change(file, lambda d: d["claim"]["variables"].update(folder="/elsewhere"))
    file.write_bytes(seal + line + file.read_bytes().partition(b"\n")[2])


def reseal(file: Path) -> None:
    """With a key that somebody else made up."""
    unseal(file)
    file.write_bytes(Seal(b"x" * 32).close(ALICE.kept_key, file.read_bytes()))


@pytest.mark.parametrize(
    ("alter", "said"),
    [(unseal, "has no seal"), (forge, "was altered after"), (reseal, "was sealed with another key")],
)
def test_what_has_no_right_seal_restores_nothing_until_a_person_says_so(
    engine: Engine, marks: Path, alter: Callable[[Path], None], said: str
) -> None:
    """Else whoever may write to the store would say what a destroy runs."""
    shop = engine.repositories["shop"]
    shop.commit("env-alice", marked("the first"))
    engine.turn()
    shop.delete("env-alice")
    alter(kept(engine))
    lose(engine)

    gone(engine)

    assert engine.statuses() == {}
    (refused,) = engine.application.services.organizations["acme"].rebuilding.unrecovered
    assert said in refused
    assert "unsealed_bundles: accept" in refused
    assert (marks / "alice").read_text() == "made\n"

    with_key(engine, KEY, "accept")
    engine.restart()
    engine.poll()

    assert "rebuilt" in engine.actions("alice")


def test_without_a_key_elsewhere_one_is_made_in_the_data_folder(engine: Engine, marks: Path) -> None:
    """Whoever has a copy of it is as well off as with one of his own."""
    (engine.folder / "daemon.yaml").unlink()
    engine.repositories["shop"].commit("env-alice", marked("the first"))
    engine.turn()
    own = engine.data / "bundle.key"
    assert own.stat().st_mode & 0o777 == 0o600
    with_key(engine, own.read_text())
    lose(engine)

    engine.turn()

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert "rebuilt" in engine.actions("alice")


def test_what_an_older_release_kept_is_sealed_from_our_own_records(engine: Engine, marks: Path) -> None:
    """Not from what lies in the store: that may be another's by now."""
    engine.repositories["shop"].commit("env-alice", marked("the first"))
    engine.turn()
    whole = kept(engine).read_bytes()
    kept(engine).write_bytes(b"another's")
    services = engine.application.services
    services.layout.sealed(ALICE).unlink()

    tidy(services)

    assert kept(engine).read_bytes() == whole
    written = kept(engine).stat().st_mtime_ns
    tidy(services)
    assert kept(engine).stat().st_mtime_ns == written
