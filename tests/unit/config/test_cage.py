"""The section `cage`: what it says, what it refuses, and where its lack deserves a look."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from envmgr.config.expand import effective
from envmgr.config.load import Configuration, ConfigurationError, load
from envmgr.domain.values.cage import CageLimits, CageRules, Network, Reach

SHOP: dict[str, Any] = {"name": "shop", "url": "/srv/git/shop.git"}


def loaded(folder: Path, repository: dict[str, Any] | None = None, **organization: Any) -> Configuration:
    """The files with these keys."""
    with (folder / "acme.yaml").open("w") as file:
        YAML().dump(
            {"organization": "acme", **organization, "repositories": [{**SHOP, **(repository or {})}]}, file
        )
    return load(folder)


def rules(folder: Path, repository: dict[str, Any] | None = None, **organization: Any) -> CageRules:
    """What holds for the repository."""
    acme = loaded(folder, repository, **organization).organizations[0]
    return effective(acme, acme.repositories[0]).cage.rules()


def test_nothing_is_confined_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert rules(tmp_path) == CageRules()


def test_all_of_it(tmp_path: Path) -> None:
    cage = {
        "kind": "bwrap",
        "network": {"allow": ["*.AmazonAWS.com:443", "registry.terraform.io:443"]},
        "memory": "4GiB",
        "cpu": "30m",
        "processes": 2000,
        "disk": "2GB",
        "time": "2h",
        "readable": ["/opt/node"],
        "writable": ["/srv/www"],
        "outlive": True,
    }
    assert rules(tmp_path, cage=cage) == CageRules(
        kind="bwrap",
        network=Network(reach=Reach.LISTED, allow=("*.amazonaws.com:443", "registry.terraform.io:443")),
        limits=CageLimits(
            memory=4 * 1024**3, cpu_seconds=1800, processes=2000, disk=2 * 10**9, time=timedelta(hours=2)
        ),
        readable=("/opt/node",),
        writable=("/srv/www",),
        outlive=True,
    )


@pytest.mark.parametrize("inner", ["/srv/www/acme", "/srv/www/", "/srv/x/../www"])
def test_no_folder_to_write_to_is_within_another(tmp_path: Path, inner: str) -> None:
    """What may write to the outer one could put a link in the place of the inner one."""
    with pytest.raises(ConfigurationError, match=r"cage\.writable: .* is within .*: keep them apart"):
        loaded(tmp_path, cage={"kind": "bwrap", "writable": ["/srv/www", inner]})


def test_a_repository_may_differ(tmp_path: Path) -> None:
    found = rules(tmp_path, {"cage": {"network": "none"}}, cage={"kind": "bwrap", "memory": "1GiB"})
    assert (found.kind, found.network.reach, found.limits.memory) == ("bwrap", Reach.NOTHING, 1024**3)


@pytest.mark.parametrize(
    "network", ["private", {"allow": "x:1"}, {"allow": ["x"]}, {"allow": ["x:0"]}, {"deny": []}]
)
def test_a_network_is_a_word_or_names_with_ports(tmp_path: Path, network: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"cage\.network: it must be public, none, open or a list"):
        loaded(tmp_path, cage={"kind": "bwrap", "network": network})


@pytest.mark.parametrize(
    "endpoint", ["*.*.example.com:443", "a..b:443", "example.com:70000", "-x:443", "*:443", "x:443 "]
)
def test_a_name_with_its_port_is_one(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cage\.network"):
        loaded(tmp_path, cage={"network": {"allow": [endpoint]}})


def test_what_deserves_a_look(tmp_path: Path) -> None:
    """Commands of whoever may push without a cage, a cage that is none, and the old name."""
    found = loaded(
        tmp_path, {"allow_branch_deploy": True}, sandbox="bwrap", cage={"network": "none"}
    ).warnings
    assert [warning.partition("acme.yaml:")[2].split(": ")[1] for warning in found] == [
        "sandbox",
        "cage.network",
        "repositories[0].allow_branch_deploy",
    ]
    assert loaded(tmp_path, {"allow_branch_deploy": True}, cage={"kind": "bwrap"}).warnings == ()
    assert loaded(tmp_path, {"allow_branch_deploy": True, "cage": {"kind": "bwrap"}}).warnings == ()
