"""The audit on a whole envmgr: what nobody wants is found, also without a record; fixing goes through the guards."""

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands.audit import Audit, audit_what_is_due
from envmgr.commands.audit_fixes import mend
from envmgr.domain.audit.compare import Finding, Fix, Kind, findings
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, NeedsPerson
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import tags_for
from tests.support.engine import Engine, code, push


def look(engine: Engine) -> dict[str, Finding]:
    """The findings of the organization by what they are and are about."""
    application = engine.application
    found = Audit(application, application.services.organizations["acme"]).findings()
    assert len({f.key for f in found}) == len(found)
    return {f"{f.kind} {f.subject}": f for f in found}


def fix(engine: Engine, *keys: str) -> list[str]:
    """Mends these findings, in one go."""
    application = engine.application
    found = look(engine)
    whole = Audit(application, application.services.organizations["acme"])
    whole.inventory()
    return [mend(whole, found[key]) for key in keys]


def forget(engine: Engine, *names: str) -> None:
    """Records are lost, by one who knows SQL."""
    with sqlite3.connect(engine.data / "envmgr.db") as database:
        for name in names:
            database.execute("DELETE FROM environments WHERE name = ?", [name])


def state(name: str, resource: str = "terraform_data.app") -> str:
    """A state as Terraform writes it; with no resources where none is named."""
    kind, _, label = resource.partition(".")
    body = f'[{{"mode":"managed","type":"{kind}","name":"{label}","instances":[{{}}]}}]' if kind else "[]"
    return f'{{"version":4,"serial":1,"lineage":"{name}","outputs":{{}},"resources":{body}}}'


def put_state(
    engine: Engine, name: str, resource: str = "terraform_data.app", repository: str = "shop"
) -> Path:
    """A state by hand, of an environment that nobody knows."""
    file = engine.state(name, repository)
    file.parent.mkdir(parents=True)
    file.write_text(state(name, resource))
    return file


def test_what_is_as_it_should_be_is_no_finding(engine: Engine) -> None:
    """Ready, in its grace period, suspended, failed and just pushed: the daemon takes care of all of them."""
    shop = engine.repository()
    push(shop, ["alice", "bob", "carol"])
    engine.turn()
    shop.commit("env-dave", code(module="nonsense"))
    shop.delete("env-bob")
    engine.turn()
    push(shop, ["erin"])
    assert engine.environment("bob").status is Status.WAITING
    assert look(engine) == {}
    shop.delete("env-carol")
    assert look(engine) == {}, "the daemon will see it at its next look"
    shop.delete("env-dave")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.statuses() == {
        "alice": "ready", "bob": "destroyed", "carol": "destroyed", "dave": "destroyed", "erin": "ready",
    }  # fmt: skip
    assert look(engine) == {}


def test_a_branch_that_went_while_records_were_lost(engine: Engine) -> None:
    """Taken in again, it is destroyed by what was applied, after all confirmations and the grace period."""
    shop = engine.repository()
    push(shop, ["alice", "bob"])
    engine.turn()
    shop.delete("env-bob")
    forget(engine, "alice", "bob")
    push(shop, ["carol"])
    engine.turn()
    assert engine.statuses() == {"alice": "ready", "carol": "ready"}

    (key,) = look(engine)
    found = look(engine)[key]
    assert (found.kind, found.subject, found.fix) == (Kind.STATE_WITHOUT_BRANCH, "acme/shop/bob", Fix.ADOPT)
    assert "terraform_data.app" in found.what
    assert "bob" not in engine.statuses(), "looking changes nothing"

    fix(engine, key)
    assert look(engine) == {}, "the daemon takes care of it"
    engine.turn()
    assert engine.environment("bob").status is Status.WAITING
    engine.turn(seconds=30)
    assert engine.environment("bob").status is Status.WAITING
    engine.turn(minutes=5)
    assert engine.environment("bob").status is Status.DESTROYED
    assert engine.actions("bob")[-2:] != ["adopted"]
    assert "adopted" in engine.actions("bob")
    assert not engine.state("bob").exists()
    assert look(engine) == {}


def test_a_lost_data_folder_is_no_cover(engine: Engine) -> None:
    """This host has no record at all, nor looked at any remote."""
    shop = engine.repository()
    push(shop, ["alice", "bob"])
    engine.turn()
    shop.delete("env-bob")
    engine.close()
    shutil.rmtree(engine.data)
    engine.restart()
    assert list(look(engine)) == ["state-without-branch acme/shop/bob"]
    assert engine.statuses() == {}


def test_what_is_taken_in_again_waits_for_a_person_where_too_many_leave(engine: Engine) -> None:
    """The guard against mass deletion is not passed by."""
    engine.settings["destroy"]["max_at_once"] = 2
    shop = engine.repository()
    names = ["alice", "bob", "carol"]
    push(shop, [*names, "dave"])
    engine.turn()
    for name in names:
        shop.delete(f"env-{name}")
    forget(engine, *names)
    fix(engine, *(f"state-without-branch acme/shop/{name}" for name in names))
    engine.turn(3, minutes=5)
    assert engine.statuses() == {"alice": "waiting", "bob": "waiting", "carol": "waiting", "dave": "ready"}
    assert all("max_at_once" in engine.environment(name).message for name in names)
    assert all(engine.state(name).exists() for name in names)


def test_states_by_hand(engine: Engine) -> None:
    """Without what was kept beside it none is taken in; an empty one is archived; other files are none of ours."""
    push(engine.repository(), ["alice"])
    engine.turn()
    put_state(engine, "orphan")
    empty = put_state(engine, "hollow", "")
    put_state(engine, "stranger", repository="gone")
    (empty.parent / "notes.tfstate").write_text("{}")
    (engine.state("zero").parent).mkdir()
    engine.state("zero").touch()

    found = look(engine)

    assert list(found) == [
        "repository-not-configured acme/gone/stranger",
        "state-without-resources acme/shop/hollow",
        "state-without-branch acme/shop/orphan",
    ]
    orphan = found["state-without-branch acme/shop/orphan"]
    assert orphan.fix is None
    assert "nothing beside its state says how it was applied" in orphan.remedy
    assert "acme/shop/orphan/terraform.tfstate" in orphan.remedy
    with pytest.raises(NeedsPerson, match="only a person"):
        fix(engine, "state-without-branch acme/shop/orphan")
    fix(engine, "state-without-resources acme/shop/hollow")
    assert not empty.exists()
    assert [path.parent.name for path in engine.archived()] == ["hollow"]
    assert "state-without-resources acme/shop/hollow" not in look(engine)


def test_a_state_that_cannot_be_read_is_said_and_left(engine: Engine) -> None:
    """What it holds is not known, so nothing is concluded."""
    engine.repository()
    put_state(engine, "broken").write_text("{")
    (found,) = look(engine).values()
    assert (found.kind, found.environment, found.fix) == (
        Kind.UNKNOWN,
        EnvironmentId("acme", "shop", "broken"),
        None,
    )
    assert "restore it from a copy" in found.what


@pytest.mark.parametrize("blind", ["remote", "states"])
def test_what_cannot_be_looked_at_is_found_and_nothing_concluded(engine: Engine, blind: str) -> None:
    """Neither is empty: a remote that is away, or a backend that is."""
    shop = engine.repository()
    push(shop, ["alice", "bob"])
    engine.turn()
    forget(engine, "bob")
    shop.delete("env-bob")
    place = shop.path if blind == "remote" else engine.folder / "state"
    place.rename(place.with_name("elsewhere"))

    found = look(engine)

    assert {f.kind for f in found.values()} == {Kind.UNKNOWN}
    assert all(f.fix is None for f in found.values())
    about = {"remote": ["acme/shop"], "states": ["acme states", "acme archives"]}[blind]
    assert [f.subject for f in found.values()] == about
    place.with_name("elsewhere").rename(place)
    assert list(look(engine)) == ["state-without-branch acme/shop/bob"]


def test_another_default_branch_is_no_listing_to_go_by(engine: Engine) -> None:
    """As for a poll: it may be another repository."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    forget(engine, "alice")
    shop.commit("trunk", {"README.md": ""})
    shop.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    shop.delete("env-alice")
    (found,) = look(engine).values()
    assert (found.kind, found.subject) == (Kind.UNKNOWN, "acme/shop")
    assert "from main to trunk" in found.what


def test_what_nobody_manages_any_more(engine: Engine) -> None:
    """Protected with its branch gone, no pattern, a repository that is in no file."""
    engine.repository("shop", protected=["env-prod"], branches=["env-*", "try-*"])
    engine.repository("other")
    shop, other = engine.repositories["shop"], engine.repositories["other"]
    push(shop, ["prod"])
    shop.commit("try-bob", code())
    push(other, ["carol"])
    engine.turn()
    shop.delete("env-prod")
    engine.turn(3, minutes=5)
    engine.repository_settings["shop"]["branches"] = ["env-*"]
    del engine.repositories["other"]
    engine.restart()
    engine.turn()

    found = look(engine)

    assert list(found) == [
        "repository-not-configured acme/other/carol",
        "state-without-branch acme/shop/bob",
        "state-without-branch acme/shop/prod",
    ]
    assert "protected" in found["state-without-branch acme/shop/prod"].what
    assert "`envmgr destroy acme/shop/bob`" in found["state-without-branch acme/shop/bob"].remedy
    assert not any(f.fix for f in found.values())


# --- records that nothing stands behind --------------------------------------------------------


def alone(engine: Engine, *names: str) -> None:
    """Environments whose branch and state are gone for long; the daemon cannot end them."""
    shop = engine.repositories["shop"]
    for name in names:
        shop.delete(f"env-{name}")
        engine.state(name).unlink()
    engine.turn(3, minutes=5)


def test_a_record_that_nothing_stands_behind_is_closed(engine: Engine) -> None:
    """Its destroy fails for ever, since the state is missing; a state that came back by then is not forgotten."""
    push(engine.repository(), ["alice", "bob"])
    engine.turn()
    engine.state("bob").with_suffix(".copy").write_bytes(engine.state("bob").read_bytes())
    alone(engine, "bob")
    assert engine.environment("bob").status is Status.FAILED
    key = "record-without-either acme/shop/bob"
    assert list(look(engine)) == [key]
    application = engine.application
    whole = Audit(application, application.services.organizations["acme"])
    whole.inventory()
    finding = look(engine)[key]
    engine.state("bob").write_bytes(engine.state("bob").with_suffix(".copy").read_bytes())
    with pytest.raises(NeedsPerson, match="has a state by now"):
        mend(whole, finding)
    engine.state("bob").unlink()

    fix(engine, key)

    assert engine.statuses() == {"alice": "ready", "bob": "destroyed"}
    assert engine.environment("bob").claim is None
    assert engine.actions("bob")[-1] == "destroyed"
    assert look(engine) == {}


def test_more_than_may_leave_at_once_are_not_closed(engine: Engine) -> None:
    """That many states do not vanish without a reason."""
    engine.settings["destroy"]["max_at_once"] = 1
    push(engine.repository(), ["alice", "bob"])
    engine.turn()
    alone(engine, "alice", "bob")
    found = look(engine)
    assert {f.kind for f in found.values()} == {Kind.RECORD_WITHOUT_EITHER}
    assert all(f.fix is None and "max_at_once" in f.remedy for f in found.values())


def test_a_state_that_is_missing_while_the_branch_is_there(engine: Engine) -> None:
    """It is a loss, and nobody forgets the record."""
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.state("alice").unlink()
    (found,) = look(engine).values()
    assert (found.kind, found.fix) == (Kind.RESOURCES_WITHOUT_STATE, None)
    assert "terraform_data.app" in found.what


# --- local environments --------------------------------------------------------------------------


@pytest.fixture
def root(engine: Engine) -> Path:
    """Where local environments are made, by a repository that uses their module."""
    folder = engine.folder / "environments"
    shop = engine.repository(terraform={"module": "local-environment"}, variables={"root": str(folder)})
    for name in ("alice", "bob"):
        shop.commit(f"env-{name}", {"app.py": name})
    engine.turn()
    return folder


def test_a_local_environment_is_known_by_its_mark(engine: Engine, root: Path) -> None:
    """Without its state it is found with how to delete it, and without its folder with how to see that."""
    assert look(engine) == {}
    shutil.copytree(root / "acme/shop/alice", root / "acme/shop/stray copy")
    mark = root / "acme/shop/stray copy/envmgr.json"
    mark.write_text(mark.read_text().replace('"alice"', '"stray"'))
    shutil.rmtree(root / "acme/shop/bob")
    (root / "others" / "x" / "y").mkdir(parents=True)
    (root / "others" / "x" / "y" / "envmgr.json").write_text('{"tags": {"managed-by": "envmgr"}}')

    found = look(engine)

    assert list(found) == ["state-without-resources acme/shop/bob", "resources-without-state acme/shop/stray"]
    assert f"{root}/acme/shop/stray copy" in found["resources-without-state acme/shop/stray"].what
    assert "`envmgr drift acme/shop/bob`" in found["state-without-resources acme/shop/bob"].remedy


def test_a_record_with_a_folder_left_is_not_closed(engine: Engine, root: Path) -> None:
    """What its mark shows is not nothing; and a disk that is away shows nothing of anything."""
    alone(engine, "bob")
    (found,) = look(engine).values()
    assert (found.kind, found.fix) == (Kind.RESOURCES_WITHOUT_STATE, None)
    shutil.rmtree(root / "acme/shop/bob")
    (found,) = look(engine).values()
    assert (found.kind, found.fix) == (Kind.RECORD_WITHOUT_EITHER, Fix.CLOSE)
    root.rename(root.with_name("unmounted"))
    unknown, alone_still = look(engine).values()
    assert (unknown.kind, alone_still.kind) == (Kind.UNKNOWN, Kind.RECORD_WITHOUT_EITHER)
    assert alone_still.fix is None
    assert "is missing" in unknown.what


def whole(engine: Engine) -> tuple[Audit, Finding]:
    """An audit with the one thing that it found."""
    made = Audit(engine.application, engine.application.services.organizations["acme"])
    (found,) = findings(made.inventory())
    return made, found


def test_closing_looks_again(engine: Engine, root: Path) -> None:
    """A folder that came back, a state that a run could not write, and the branch: each stops it."""
    alone(engine, "bob")
    folder = root / "acme/shop/bob"
    folder.rename(root / "aside")
    made, found = whole(engine)
    assert found.fix is Fix.CLOSE
    (root / "aside").rename(folder)
    with pytest.raises(NeedsPerson, match=f"resources with its tags by now.*{folder}"):
        mend(made, found)
    shutil.rmtree(folder)
    left = engine.application.services.layout.workspace(EnvironmentId("acme", "shop", "bob"))
    (left / "terraform").mkdir(parents=True, exist_ok=True)
    (left / "terraform/errored.tfstate").write_text(state("bob"))
    with pytest.raises(NeedsPerson, match="holds a state that could not be written"):
        mend(made, found)
    (left / "terraform/errored.tfstate").unlink()
    engine.repositories["shop"].commit("env-bob", {"app.py": "back"})
    engine.poll()
    with pytest.raises(NeedsPerson, match="its branch has changed meanwhile"):
        mend(made, found)
    assert engine.environment("bob").is_open


def test_archiving_looks_again(engine: Engine) -> None:
    """What somebody applied there meanwhile is no empty state; nor is one that is worked on now."""
    engine.repository(terraform={"module": "local-environment"}, variables={"root": str(engine.folder / "e")})
    file = put_state(engine, "hollow", "")
    made, found = whole(engine)
    assert found.fix is Fix.ARCHIVE
    hollow = EnvironmentId("acme", "shop", "hollow")
    with engine.application.services.leases.hold(hollow, "a test"):
        assert look(engine) == {}, "somebody is at work on it"
        with pytest.raises(EnvironmentBusy):
            mend(made, found)
    folder = engine.folder / "e/acme/shop/hollow"
    folder.mkdir(parents=True)
    (folder / "envmgr.json").write_text(json.dumps({"tags": tags_for(hollow, "env-hollow")}))
    with pytest.raises(NeedsPerson, match="resources with its tags by now"):
        mend(made, found)
    shutil.rmtree(folder)
    file.write_text(state("hollow"))
    with pytest.raises(NeedsPerson, match="in use by now"):
        mend(made, found)
    assert file.exists()


def test_a_state_is_looked_for_where_its_record_says_that_it_is(engine: Engine) -> None:
    """The organization file names another backend since."""
    push(engine.repository(), ["alice"])
    engine.turn()
    applied = engine.state("alice")
    engine.settings["backend"] = {"local": {"path": str(engine.folder / "new")}}
    (engine.folder / "new").mkdir()
    engine.restart()
    assert look(engine) == {}
    elsewhere = engine.folder / "new" / applied.relative_to(engine.folder / "state")
    elsewhere.parent.mkdir(parents=True)
    applied.rename(elsewhere)
    (found,) = look(engine).values()
    assert (found.kind, found.subject) == (Kind.RESOURCES_WITHOUT_STATE, "acme/shop/alice")


# --- archives, and what the daemon says ----------------------------------------------------------


def test_archives_past_their_time_are_pruned(engine: Engine) -> None:
    """After 30 days, by hand as by the daemon."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.delete("env-alice")
    engine.turn(3, minutes=5)
    engine.clock.forward(days=30)
    assert look(engine) == {}
    engine.clock.forward(hours=3)
    (found,) = look(engine).values()
    assert (found.kind, found.fix) == (Kind.ARCHIVE_EXPIRED, Fix.PRUNE)
    assert engine.archived()
    fix(engine, f"{found.kind} {found.subject}")
    assert engine.archived() == []
    assert look(engine) == {}


def test_the_daemon_says_each_finding_once_until_it_is_gone(engine: Engine) -> None:
    """Once a day, whoever of several daemons comes first; what is back is news again."""
    push(engine.repository(), ["alice"])
    engine.turn()
    events = engine.application.services.store.events

    def said() -> list[str]:
        before = len(events())
        audit_what_is_due(engine.application)
        return [e.action for e in events()[before:]]

    file = put_state(engine, "orphan")
    assert said() == ["audit-finding", "audited"]
    assert events()[-2].environment == EnvironmentId("acme", "shop", "orphan")
    assert said() == []
    engine.clock.forward(hours=25)
    assert said() == ["audited"]
    text = file.read_text()
    file.unlink()
    engine.clock.forward(hours=25)
    assert said() == ["audit-gone", "audited"]
    file.write_text(text)
    engine.clock.forward(hours=25)
    assert said() == ["audit-finding", "audited"]


def test_a_finding_hangs_on_no_event_and_on_no_sentence(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are pruned, and a release words things anew: it is still the same finding, and its end is still seen."""
    push(engine.repository(), ["alice"])
    engine.turn()
    file, store = put_state(engine, "orphan"), engine.application.services.store
    audit_what_is_due(engine.application)
    store.prune(engine.clock() + timedelta(days=1))
    assert store.events() == []
    monkeypatch.setattr("envmgr.domain.audit.compare._BY_FIX", "In other words, envmgr")
    engine.clock.forward(hours=25)
    audit_what_is_due(engine.application)
    assert [e.action for e in store.events()] == ["audited"]
    file.unlink()
    store.prune(engine.clock() + timedelta(days=1))
    engine.clock.forward(hours=25)
    audit_what_is_due(engine.application)
    assert [e.action for e in store.events()] == ["audit-gone", "audited"]


def test_what_could_not_be_looked_at_ends_no_finding(engine: Engine) -> None:
    """It was called over, and told of anew the day after, when just its remote did not answer."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    put_state(engine, "orphan")
    events = engine.application.services.store.events
    audit_what_is_due(engine.application)
    shop.path.rename(shop.path.with_name("away"))
    engine.clock.forward(hours=25)
    before = len(events())
    audit_what_is_due(engine.application)
    [told, _] = events()[before:]
    assert (told.action, "unknown acme/shop" in told.message) == ("audit-finding", True)
    shop.path.with_name("away").rename(shop.path)
    engine.clock.forward(hours=25)
    before = len(events())
    audit_what_is_due(engine.application)
    [over, _] = events()[before:]
    assert (over.action, "unknown acme/shop" in over.message) == ("audit-gone", True)


def test_an_error_of_an_audit_is_logged_and_no_end_of_the_daemon(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next tick tries again."""
    engine.repository()

    def broken(*_: object, **__: object) -> None:
        raise EnvmgrError("The database is away.")

    monkeypatch.setattr(engine.application.services.store, "last_look", broken)
    audit_what_is_due(engine.application)
