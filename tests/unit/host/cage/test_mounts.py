"""What a cage shows of the host: an allow-list, and nothing of the host beside it."""

from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.cage import Cage, Network, Purpose, Reach
from envmgr.host.cage.mounts import mounts

NOTHING = Network(reach=Reach.NOTHING)


def bound(cage: Cage) -> list[tuple[str, str]]:
    """What is shown, each with how, in order."""
    found = mounts(cage)
    return [
        (option, found[at + 2])
        for at, option in enumerate(found)
        if option.startswith(("--bind", "--ro-bind"))
    ]


def test_nothing_of_the_host_is_there_but_the_system() -> None:
    shown = {path for _, path in bound(Cage(kind="bwrap", purpose=Purpose.SHOW, network=NOTHING))}
    assert "/usr" in shown
    assert not shown & {
        "/",
        "/etc",
        "/var",
        "/run",
        "/home",
        "/root",
        "/tmp",
        "/proc",
        "/dev",
        "/sys",
        "/etc/ssl",
    }
    assert all(
        Path(path).parts[1] in {"usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}
        for path in shown
    )


def test_names_are_looked_up_only_where_there_is_somebody_to_ask() -> None:
    with_network = Cage(kind="bwrap", purpose=Purpose.DEPLOY)
    assert "/etc/resolv.conf" in {path for _, path in bound(with_network)}
    assert "/etc/resolv.conf" not in {
        path for _, path in bound(Cage(kind="bwrap", purpose=Purpose.DEPLOY, network=NOTHING))
    }


def test_folders_come_before_what_is_in_them_and_what_may_be_written_wins(tmp_path: Path) -> None:
    """Whatever the order in which they are given."""
    outer, inner = str(tmp_path / "a-b"), str(tmp_path / "a-b" / "c")
    shown = bound(
        Cage(kind="bwrap", purpose=Purpose.PLAN, sees=(inner, outer), writes=(outer,), network=NOTHING)
    )
    assert shown[-2:] == [("--bind", outer), ("--ro-bind", inner)]


def test_what_is_reached_over_a_link_is_there_by_both_names(tmp_path: Path) -> None:
    (tmp_path / "real/own").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    given = str(tmp_path / "link/own")
    shown = bound(Cage(kind="bwrap", purpose=Purpose.PLAN, writes=(given,), network=NOTHING))
    assert {("--bind", given), ("--bind", str(tmp_path / "real/own"))} <= set(shown)


def test_what_may_be_written_to_is_no_link(tmp_path: Path) -> None:
    """An earlier run may have put it there: what it leads to would be shown to the next one."""
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(NeedsPerson, match="is a link"):
        mounts(Cage(kind="bwrap", purpose=Purpose.PLAN, writes=(str(tmp_path / "link"),), network=NOTHING))
