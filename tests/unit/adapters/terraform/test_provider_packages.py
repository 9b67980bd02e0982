"""What an `init` leaves becomes a package of the cache that nobody can change from elsewhere any more."""

import os
from pathlib import Path

import pytest

from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.providers.packages import checksum
from envmgr.domain.errors import Transient

PLACE = Path("providers/registry.example/acme/thing/1.0.0/linux_amd64")


@pytest.fixture
def cache(tmp_path: Path) -> ProviderCache:
    made = ProviderCache(tmp_path / "cache")
    made.create()
    return made


def package(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "terraform-provider-thing").write_text("good")
    return folder


def used(data: Path, target: Path) -> str:
    """Makes a data folder as `init` does; gives the lock file for its package."""
    place = data / PLACE
    place.parent.mkdir(parents=True)
    place.symlink_to(target)
    return f'"{checksum(target)}"'


def test_a_package_in_a_branch_s_own_folder_is_copied(tmp_path: Path, cache: ProviderCache) -> None:
    """It could be exchanged at any time after it was verified, for all environments of the organization."""
    theirs, data = package(tmp_path / "workspace/thing"), tmp_path / "data"
    cache.take(data, used(data, theirs))
    (theirs / "terraform-provider-thing").write_text("evil")
    program = data / PLACE / "terraform-provider-thing"
    assert program.resolve().is_relative_to(cache.packages)
    assert program.read_text() == "good"
    assert cache.vouches(data)


def test_a_link_in_what_was_fetched_is_replaced_by_what_it_leads_to(
    tmp_path: Path, cache: ProviderCache
) -> None:
    theirs, data = tmp_path / "evil", tmp_path / "data"
    theirs.write_text("good")
    fetched = tmp_path / "cache/incoming/x/thing"
    fetched.mkdir(parents=True)
    (fetched / "terraform-provider-thing").symlink_to(theirs)
    cache.take(data, used(data, fetched))
    theirs.write_text("evil")
    assert (data / PLACE / "terraform-provider-thing").read_text() == "good"


def test_what_is_no_folder_of_files_is_refused(tmp_path: Path, cache: ProviderCache) -> None:
    """A pipe would be waited for."""
    fetched, data = package(tmp_path / "cache/incoming/x/thing"), tmp_path / "data"
    lock_file = used(data, fetched)
    os.mkfifo(fetched / "pipe")
    with pytest.raises(Transient, match="is no folder of files"):
        cache.take(data, lock_file)


def test_a_package_of_the_operator_s_mirror_stays_there(tmp_path: Path, cache: ProviderCache) -> None:
    mirror, data = package(tmp_path / "mirror/thing"), tmp_path / "data"
    cache.take(data, used(data, mirror), [str(tmp_path / "mirror")])
    assert (data / PLACE).resolve() == mirror
    assert cache.elsewhere() == (str(mirror),)
