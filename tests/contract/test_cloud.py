"""What the port `Cloud` promises: of folders of local environments, and in memory."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from envmgr.adapters.cloud.local import LocalEnvironments
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import own, tags_for
from envmgr.ports import Cloud
from tests.support.in_memory.cloud import MemoryCloud

ALICE, BOB = (tags_for(EnvironmentId("acme", "shop", name), f"env-{name}") for name in ("alice", "bob"))


@dataclass
class Trial:
    """A cloud, and how something comes into it and goes; both give what it is called."""

    cloud: Cloud
    make: Callable[[Mapping[str, str]], str]
    take: Callable[[str], None]


def _folders(folder: Path) -> Trial:
    def make(tags: Mapping[str, str]) -> str:
        made = folder / tags["organization"] / tags["project"] / tags["environment"]
        made.mkdir(parents=True)
        (made / "envmgr.json").write_text(json.dumps({"tags": dict(tags)}))
        return str(made)

    return Trial(
        LocalEnvironments({str(folder): False}, None), make, lambda name: Path(name, "envmgr.json").unlink()
    )


def _in_memory(_: Path) -> Trial:
    cloud = MemoryCloud()

    def make(tags: Mapping[str, str]) -> str:
        name = f"memory:{len(cloud.resources)}"
        cloud.resources[name] = tags
        return name

    return Trial(cloud, make, cloud.resources.__delitem__)


@pytest.fixture(params=[_folders, _in_memory], ids=["folders", "memory"])
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Trial:
    made: Trial = request.param(tmp_path)
    return made


def test_only_what_carries_all_of_the_tags_is_left(trial: Trial) -> None:
    alice, bob = trial.make(ALICE), trial.make(BOB)
    assert trial.cloud.remaining(own(ALICE)) == [alice]
    assert trial.cloud.tagged(own(BOB)) == [(bob, BOB)]
    assert sorted(trial.cloud.remaining({"organization": "acme"})) == sorted([alice, bob])
    assert trial.cloud.remaining({**ALICE, "project": "other"}) == []


def test_what_is_gone_is_not_left(trial: Trial) -> None:
    trial.take(trial.make(ALICE))
    assert trial.cloud.remaining(own(ALICE)) == []


def test_without_tags_nothing_is_asked(trial: Trial) -> None:
    """Else everything would count as left."""
    with pytest.raises(ValueError, match="without tags"):
        trial.cloud.tagged({})
