"""A branch that asks too much of this host, or brings what is no tree of files, fails alone and by name."""

from pathlib import Path

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.commands.doctor import of_organizations
from envmgr.domain.errors import NeedsOperator
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import GitLimits, Remote
from tests.support.engine import MODULE, Engine, code
from tests.support.git_objects import commit_of, entry, tree_of
from tests.support.git_repository import GitRepository, Symlink
from tests.support.git_server import GitServer
from tests.support.privileges import as_ordinary_user

SHOP = RepositoryId("acme", "shop")
MANY = """
locals { k = range(1000) }
output "many" { value = [for i in local.k : [for j in local.k : [for k in local.k : "${i}${j}${k}"]]] }
"""


def failed(engine: Engine, name: str = "bad") -> Environment:
    """The environment of a bad branch: it failed, and the good one's did not."""
    assert engine.statuses() == {"good": "ready", name: "failed"}
    return engine.environment(name)


def test_code_that_takes_too_much_memory_fails_alone(engine: Engine) -> None:
    """A few characters that mean gigabytes; the limit and how to raise it are said, and it will be tried again in an hour."""
    engine.settings["limits"] = {"terraform": {"memory": "400MiB"}}
    shop = engine.repository()
    shop.commit("env-good", code())
    shop.commit("env-bad", code(module=MODULE + MANY))

    engine.turn()

    bad = failed(engine)
    assert "terraform plan ended because it, or a provider, needs more memory than the 400MiB" in bad.message
    assert "raise limits.terraform.memory in the organization file" in bad.message
    assert bad.failure.retry_at is not None
    assert (bad.failure.retry_at - engine.clock.now).total_seconds() > 3000


def test_code_of_many_megabytes_and_links_out_are_not_given_to_terraform(engine: Engine) -> None:
    engine.settings["limits"] = {"terraform": {"code": "1MB"}}
    shop = engine.repository()
    shop.commit("env-good", code())
    shop.commit("env-bad", code({"terraform/zeros.tf": "\0" * 2_000_000}))
    engine.turn()
    assert (
        "terraform/zeros.tf has 2MB): make it smaller, or raise limits.terraform.code"
        in failed(engine).message
    )

    shop.force_push("env-bad", code({"terraform/more.tf": Symlink("/dev/zero")}))
    engine.turn(seconds=30)

    assert "terraform/more.tf is a link that leads out of the checkout" in failed(engine).message


def test_a_hostile_tree_fails_its_branch_alone_and_is_not_tried_again(engine: Engine) -> None:
    shop = engine.repository()
    shop.commit("env-good", code())
    main = shop.git("rev-parse", "env-good:terraform")
    hooks = tree_of(
        shop, [entry("100755", "post-checkout", shop.git("hash-object", "-w", "--stdin", stdin=b"#!"))]
    )
    module = shop.git("rev-parse", "env-good:terraform/main.tf")
    inner = tree_of(shop, [entry("40000", ".git", hooks), entry("100644", "main.tf", module)])
    shop.point(["env-bad"], commit_of(shop, tree_of(shop, [entry("40000", "terraform", inner)])))
    assert main

    engine.turn()

    bad = failed(engine)
    assert "git refuses the path terraform/.git/post-checkout" in bad.message
    assert "push a commit without that" in bad.message
    assert bad.failure.retry_at is None
    shop.commit("env-good", code({"terraform/more.tf": "# more"}))
    engine.turn(2, hours=2)
    assert failed(engine).failure.count == 1


def checked(engine: Engine) -> str:
    """What doctor says of the repository."""
    found = [f for f in of_organizations(engine.application) if f.check == "repository acme/shop"]
    assert [f.ok for f in found] == [False]
    return found[0].message


def test_a_damaged_mirror_needs_a_person_once_and_then_works_again(engine: Engine) -> None:
    """It is not called something that is tried again; doctor sees it; mended, it goes on within the hour."""
    shop = engine.repository()
    shop.commit("env-good", code())
    engine.turn()
    mirror = engine.data / "mirrors/acme/shop.git"
    for pack in (mirror / "objects/pack").iterdir():
        pack.write_bytes(b"damaged")
    shop.commit("env-bad", code())

    engine.turn(seconds=30)

    bad = failed(engine)
    assert f"The mirror {mirror} " in bad.message
    assert "move it away, and it will be fetched again" in bad.message
    assert "tried again" not in bad.message
    assert str(mirror) in checked(engine)
    mirror.rename(mirror.with_name("away"))
    engine.turn(minutes=61)
    assert engine.statuses() == {"good": "ready", "bad": "ready"}


@pytest.fixture
def shop(git_root: Path) -> GitRepository:
    repository = GitRepository.create(git_root / "shop.git")
    repository.commit("main", {"a": "a"})
    return repository


def test_a_mirror_that_may_not_be_written_is_a_sentence(tmp_path: Path, shop: GitRepository) -> None:
    """As after a restore by root: for a fetch, and for doctor, which also sees it deeper within."""
    there = Remote(repository=SHOP, url=shop.url)
    mirrors = Mirrors(tmp_path / "mirrors")
    mirrors.fetch(there, {"main": shop.head("main") or ""})
    commit = shop.commit("env-a", {"b": "b"})
    for place in ("acme", "acme/shop.git/objects/pack", "acme/shop.git"):
        closed = tmp_path / "mirrors" / place
        closed.chmod(0)
        try:
            with as_ordinary_user():
                with pytest.raises(NeedsOperator, match=f"{tmp_path / 'mirrors'}.* cannot be used"):
                    mirrors.check(SHOP)
                if place == "acme":
                    with pytest.raises(
                        NeedsOperator, match=r"cannot be used: .*Permission denied.* envmgr's user"
                    ):
                        mirrors.fetch(there, {"env-a": commit})
        finally:
            closed.chmod(0o700)
    mirrors.fetch(there, {"env-a": commit})
    mirrors.check(SHOP)


def test_a_file_in_the_mirrors_place_is_a_sentence(tmp_path: Path, shop: GitRepository) -> None:
    mirrors = Mirrors(tmp_path / "mirrors", limits=lambda _: GitLimits())
    (tmp_path / "mirrors/acme").mkdir(parents=True)
    (tmp_path / "mirrors/acme/shop.git").touch()
    with pytest.raises(NeedsOperator, match="cannot be used"):
        mirrors.fetch(Remote(repository=SHOP, url=shop.url), {"main": shop.head("main") or ""})
    with pytest.raises(NeedsOperator, match="cannot be used"):
        mirrors.check(SHOP)


def test_a_mirror_that_lost_objects_is_seen(tmp_path: Path, shop: GitRepository) -> None:
    mirrors = Mirrors(tmp_path / "mirrors")
    commit = shop.commit("env-a", {"terraform/main.tf": "#", "b": "b"})
    mirrors.fetch(Remote(repository=SHOP, url=shop.url), {"env-a": commit})
    mirrors.check(SHOP)
    for pack in (tmp_path / "mirrors/acme/shop.git/objects/pack").iterdir():
        pack.unlink()
    with pytest.raises(NeedsOperator, match="move it away"):
        mirrors.check(SHOP)


def test_a_checkout_of_a_ready_environment_is_of_the_right_status(engine: Engine) -> None:
    """Limits that suffice change nothing."""
    engine.settings["limits"] = {"git": {"files": 2, "refs": 5, "size": "5KB"}, "terraform": {"code": "5KB"}}
    shop = engine.repository()
    shop.commit("env-good", code())
    engine.turn()
    assert engine.environment("good").status is Status.READY


def test_an_apply_may_take_twice_what_a_plan_may(engine: Engine) -> None:
    """And all that Terraform starts as much: one that died in an apply would lose what it made."""
    engine.settings["limits"] = {"terraform": {"memory": "1GiB"}}
    engine.use_terraform('sleep 0.3; echo "$1 $(ulimit -d) $(ulimit -c)" >> "$0.limits"; exec "$real" "$@"')
    engine.repository().commit("env-good", code())

    engine.turn()

    assert engine.environment("good").status is Status.READY
    kib = 1024**2
    lines = set(engine.binary.with_name("terraform.limits").read_text().splitlines())
    assert {f"init {kib} 0", f"plan {kib} 0", f"apply {2 * kib} 0"} <= lines


def test_a_large_file_is_never_in_gits_memory_as_a_whole(
    tmp_path: Path, shop: GitRepository, git_server: GitServer
) -> None:
    commit = shop.commit("env-a", {"film.bin": bytes(200_000_000)})
    mirrors = Mirrors(tmp_path / "mirrors", limits=lambda _: GitLimits(memory=96 * 1024**2))
    mirrors.fetch(Remote(repository=SHOP, url=git_server.http_url("shop")), {"env-a": commit})
    mirrors.checkout(SHOP, commit, tmp_path / "checkout")
    assert (tmp_path / "checkout/film.bin").stat().st_size == 200_000_000
