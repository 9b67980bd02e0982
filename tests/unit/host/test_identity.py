"""By what a host is known: it stays itself, and a copy is another."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envmgr.host.identity import host_id
from tests.support.on_disk import Disk

_ROOT = "22 1 0:21 / {point} rw,relatime - {kind} {source} rw,lowerdir=/l/1,{upper}workdir=/w"


def of(folder: Path, machine: str = "m1", mounts: str = "") -> str:
    """The ID of a host with these files."""
    (folder / "machine-id").write_text(f"{machine}\n")
    (folder / "mounts").write_text(mounts)
    return host_id(folder / "host-id", folder / "machine-id", folder / "mounts")


def test_it_stays_the_same(tmp_path: Path) -> None:
    """And is no secret, nor the machine's own."""
    first = of(tmp_path)
    assert first == of(tmp_path)
    assert len(first) == 32
    assert (tmp_path / "host-id").read_text() not in first


def test_machine_and_data_folder_both_count(tmp_path: Path) -> None:
    """A data folder on another machine, and another data folder on this one, are others."""
    first = of(tmp_path)
    assert of(tmp_path, "m2") != first
    (tmp_path / "host-id").write_text("another")
    assert of(tmp_path) != first


def test_a_machine_without_an_id_has_one_by_its_data_folder(tmp_path: Path) -> None:
    """As many a container."""
    missing = tmp_path / "nothing"
    assert host_id(tmp_path / "a", missing, missing) != host_id(tmp_path / "b", missing, missing)


def test_containers_of_one_image_are_two_hosts(tmp_path: Path) -> None:
    """Also where the image has the machine's ID and the data folder in it; a volume of its own says enough."""

    def layer(upper: str, point: str = "/", kind: str = "overlay") -> str:
        return _ROOT.format(point=point, kind=kind, source="x", upper=f"upperdir={upper},")

    first = of(tmp_path, mounts=layer("/o/1"))
    assert of(tmp_path, mounts=layer("/o/2")) != first
    assert of(tmp_path, mounts=layer("/o/1")) == first
    volume = f"\n{layer('', str(tmp_path), 'ext4')}"
    assert of(tmp_path, mounts=layer("/o/1") + volume) == of(tmp_path, mounts=layer("/o/2") + volume)


def test_processes_that_begin_together_are_of_one_host(tmp_path: Path) -> None:
    """The first to write it wins, and nobody goes by what was replaced."""
    missing = tmp_path / "nothing"
    for number in range(20):
        file = tmp_path / str(number)
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda _, file=file: host_id(file, missing, missing), range(8)))
        assert len(found) == 1


def test_it_outlives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what this host holds by then would be another's."""
    disk = Disk(monkeypatch)
    host_id(tmp_path / "host-id")
    assert disk.holds(tmp_path / "host-id", tmp_path)
