"""Where a repository is on its forge, as far as the address of its git remote tells."""

import re
from urllib.parse import unquote, urlsplit

from envmgr.domain.values.forge import ForgeKind

_SCP = re.compile(r"(?:[^@/:]+@)(?P<host>[^:/@]+):(?P<path>[^\s]+)")
_SSH_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
    "ssh.dev.azure.com": "dev.azure.com",
}
_AZURE_OLD = "vs-ssh.visualstudio.com"
_PARTS = 2
_AZURE_SSH_PARTS = 4


def place_on_forge(kind: ForgeKind, remote: str, url: str = "") -> tuple[str, str] | None:
    """The forge's address and how it calls the repository; None where the remote does not tell.

    An address by ssh tells the host, and that the forge is there by https at its usual port is assumed.

    :param url: the forge's address where that is given: below its path the repository is, where the remote is as well
    """
    found = _split(remote)
    if found is None:
        return None
    address, path = found
    below = url.removeprefix(address)
    if below != url and remote.startswith("http") and path.startswith(f"{below}/"):
        path = path.removeprefix(below)
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if not all(part.strip(".") and part.isprintable() for part in parts):
        return None
    if kind is ForgeKind.AZURE_DEVOPS:
        return _azure(address, parts)
    parts[-1] = parts[-1].removesuffix(".git")
    if kind is ForgeKind.BITBUCKET and parts[0] == "scm":
        parts = parts[1:]
    is_deep = kind is ForgeKind.GITLAB  # whose groups have groups
    if len(parts) < _PARTS or (len(parts) > _PARTS and not is_deep) or not parts[-1]:
        return None
    return address, "/".join(parts)


def is_bitbucket_cloud(url: str) -> bool:
    """Whether the address of a Bitbucket is the Cloud's, or leads to it: below another host its calls are at `/2.0`."""
    return url in ("https://bitbucket.org", "https://api.bitbucket.org") or url.endswith("/2.0")


def _split(remote: str) -> tuple[str, str] | None:
    scp = _SCP.fullmatch(remote)
    if scp is not None and "://" not in remote:
        return _web(scp["host"]), scp["path"]
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not host:
        return None
    if parts.scheme == "ssh":
        return _web(host), parts.path
    if parts.scheme in ("https", "http"):
        shown = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{shown}" + (f":{port}" if port else ""), parts.path
    return None


def _web(host: str) -> str:
    host = host.lower()
    return f"https://{_SSH_HOSTS.get(host, host)}"


def _azure(address: str, parts: list[str]) -> tuple[str, str] | None:
    """`organization/project/repository`; the old addresses have the organization in the name of the host."""
    is_old = address.endswith(".visualstudio.com")
    if parts[0] == "v3" and len(parts) == _AZURE_SSH_PARTS:
        if address == f"https://{_AZURE_OLD}":
            return f"https://{parts[1]}.visualstudio.com", "/".join(parts[2:])
        return address, "/".join(parts[1:])
    if "_git" not in parts[:-1] or parts.index("_git") != len(parts) - 2:
        return None
    before, name = parts[:-2], parts[-1]
    if is_old and before[:1] == ["DefaultCollection"]:
        before = before[1:]
    # The repository that is called like its project is addressed without the project.
    project = before if len(before) == (1 if is_old else 2) else [*before, name]
    if len(project) != (1 if is_old else 2):
        return None
    return address, "/".join([*project, name])
