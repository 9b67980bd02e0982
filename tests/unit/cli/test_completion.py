"""TAB offers the environments that there are, in the shortest form that means only one."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from envmgr.adapters.store.connect import open_store
from envmgr.cli.invocation import Invocation
from envmgr.cli.program import program
from envmgr.domain.values.names import RepositoryId
from tests.support.store import COMMIT, look


def offered(data: Path, *words: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What bash is told after `envmgr WORDS` and TAB, the last word being what was typed of it."""
    asked = {
        "_ENVMGR_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["envmgr", *words]),
        "COMP_CWORD": str(len(words)),
    }
    given = {"ENVMGR_DATA_DIR": str(data), "ENVMGR_CONFIG": str(data / "none")}
    invocation = Invocation(environ or given)
    done = CliRunner(env=asked).invoke(program, [], prog_name="envmgr", obj=invocation)
    return [line.removeprefix("plain,") for line in done.output.split()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Records of four environments."""
    store = open_store(None, tmp_path)
    look(store, {"env-alice": COMMIT, "env-bob": COMMIT}, repository=RepositoryId("acme", "shop"))
    look(store, {"env-bob": COMMIT}, repository=RepositoryId("acme", "blog"))
    look(store, {"env-bob": COMMIT}, repository=RepositoryId("umbrella", "shop"))
    store.close()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["acme/shop/bob", "alice", "blog/bob", "umbrella/shop/bob"]),
        ("a", ["acme/shop/bob", "alice"]),
        ("shop/", ["shop/alice"]),
        ("acme/shop/", ["acme/shop/alice", "acme/shop/bob"]),
        ("x", []),
    ],
)
def test_environments_are_offered(data: Path, typed: str, found: list[str]) -> None:
    assert offered(data, "show", typed) == found


@pytest.mark.parametrize(
    "verb", ["show", "apply", "destroy", "events", "logs", "approve", "reconcile", "drift"]
)
def test_wherever_a_verb_takes_one(data: Path, verb: str) -> None:
    assert offered(data, verb, "al") == ["alice"]


def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    assert offered(tmp_path / "data", "show", "") == []
    assert list(tmp_path.iterdir()) == []


def test_records_that_cannot_be_read_offer_nothing(tmp_path: Path) -> None:
    (tmp_path / "envmgr.db").write_text("no database")
    assert offered(tmp_path, "show", "") == []
