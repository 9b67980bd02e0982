"""Ports for the applications of the demo: nobody else has them, or gets them meanwhile."""

import socket
from pathlib import Path

import pytest

from envmgr.cli.demo import servers
from envmgr.cli.demo.servers import free_ports


def test_a_port_of_the_demo_is_given_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the kernel, to whoever asks it for any, nor where somebody listens; each is another."""
    given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = free_ports(20)
    assert (len(set(ports)), max(ports) < given) == (20, True)
    first, second = free_ports(2)
    with socket.create_server(("127.0.0.1", first)):
        monkeypatch.setattr(servers, "_candidates", lambda: [first, second])
        assert free_ports(1) == [second]


def test_where_the_kernel_gives_out_all_of_them_it_is_asked_for_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or does not say which it gives out."""
    monkeypatch.setattr(servers, "_PROC", tmp_path)
    assert len(set(free_ports(3))) == 3
    told = tmp_path / "sys/net/ipv4/ip_local_port_range"
    told.parent.mkdir(parents=True)
    told.write_text("1024\t60999\n")
    assert len(set(free_ports(3))) == 3
