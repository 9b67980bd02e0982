"""Git over SSH: Debian's own sshd on a loopback port, with keys that live as long as the tests."""

import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import HOST, Server

SSHD = Path("/usr/sbin/sshd")


@dataclass(frozen=True)
class SshServer:
    """A running sshd that lets one throw-away key run git and nothing else."""

    server: Server
    key: Path
    known_hosts: Path

    @property
    def git_ssh_command(self) -> str:
        """For GIT_SSH_COMMAND: this key and this server's host key, and nobody's own settings."""
        options = f"-o IdentitiesOnly=yes -o UserKnownHostsFile={self.known_hosts} -o BatchMode=yes"
        return f"ssh -F none -i {self.key} {options}"


@dataclass(frozen=True)
class SshGit:
    """The repositories below one folder, as they are reached over SSH."""

    running: SshServer
    root: Path

    @property
    def key(self) -> Path:
        """The private key that may read and write."""
        return self.running.key

    @property
    def known_hosts(self) -> Path:
        """The server's host key, for UserKnownHostsFile."""
        return self.running.known_hosts

    @property
    def command(self) -> str:
        """For GIT_SSH_COMMAND."""
        return self.running.git_ssh_command

    def url(self, name: str) -> str:
        """Where the repository of this name is served."""
        return f"ssh://{getpass.getuser()}@{HOST}:{self.running.server.port}{self.root}/{name}.git"


def start_sshd(folder: Path) -> SshServer:
    """Start sshd as whoever runs the tests."""
    key, host_key = _new_key(folder / "id"), _new_key(folder / "host")
    _allow_git_only(folder / "authorized_keys", key)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd started as root insists on it
    settings = _settings(folder, host_key)
    server = Server.start(
        lambda port: [str(SSHD), "-D", "-e", "-f", os.fspath(settings), "-p", str(port)], folder / "sshd.log"
    )
    known_hosts = folder / "known_hosts"
    public = " ".join(host_key.with_suffix(".pub").read_text().split()[:2])
    known_hosts.write_text(f"[{HOST}]:{server.port} {public}\n")
    return SshServer(server, key, known_hosts)


def _new_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


def _allow_git_only(path: Path, key: Path) -> None:
    public = key.with_suffix(".pub").read_text()
    path.write_text(f'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" {public}')
    path.chmod(0o600)


def _settings(folder: Path, host_key: Path) -> Path:
    path = folder / "sshd_config"
    path.write_text(
        f"ListenAddress {HOST}\nHostKey {host_key}\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile {folder}/sshd.pid\nAcceptEnv GIT_PROTOCOL\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        "MaxStartups 100\n"
    )
    return path
