"""What a commit says of its submodules, and from where they may be fetched; all of it is a branch's to write."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.values.names import RepositoryId, ref_component
from envmgr.host.links import followed
from envmgr.ports import Remote

from .admission import userinfo
from .location import Location, locate, without_userinfo
from .mirror import Mirror
from .objects import entries, inside, is_readable

MODULES_FILE = ".gitmodules"
_LARGEST = 1024 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RELATIVE = re.compile(r"(\.{1,2})/")
_ROOT = re.compile(r"[a-zA-Z0-9+.-]+://[^/]*|[^/]*:(?!/)|")
_PORTS = {"https": 443, "http": 80, "ssh": 22}


@dataclass(frozen=True, slots=True)
class Submodule:
    """A folder of a commit that another repository's commit fills; `url` is as the branch wrote it."""

    path: str
    url: str
    commit: str


def submodules(mirror: Mirror, commit: str) -> list[Submodule]:
    """The submodules of a commit that are to be filled; NeedsPerson where what it says of them is no use."""
    repository = mirror.repository
    file = entries(mirror, commit, [MODULES_FILE]).get(MODULES_FILE)
    if file is None or not is_readable(repository, MODULES_FILE, file, _LARGEST):
        return []
    # By git's own parser, and from the commit itself: the checkout's file may be a link by now.
    answer = mirror.run(["config", "--blob", file.name, "-z", "--list"])
    if answer.failed:
        raise NeedsPerson(f"{MODULES_FILE} in {repository} cannot be read: correct it.")
    sections = _sections(answer.output.decode("utf-8", "surrogateescape"))
    urls = {_path(repository, s["path"]): s.get("url", "") for s in sections if s.get("path")}
    found = entries(mirror, commit, urls) if urls else {}
    return [
        Submodule(path, urls[path], entry.name) for path, entry in found.items() if entry.kind == "commit"
    ]


def _sections(output: str) -> list[Mapping[str, str]]:
    """The settings of each submodule but those that are not to be updated."""
    sections: dict[str, dict[str, str]] = {}
    for setting in output.split("\0"):
        key, _, value = setting.partition("\n")
        name, _, last = key.rpartition(".")
        if name.startswith("submodule."):
            sections.setdefault(name, {})[last] = value
    return [section for section in sections.values() if section.get("update") != "none"]


def _path(repository: RepositoryId, path: str) -> str:
    try:
        return inside(path)
    except UsageError as error:
        shown = ref_component(path)
        raise NeedsPerson(
            f"{MODULES_FILE} in {repository}: {shown} is not a path inside the repository."
        ) from error


def remote_of(submodule: Submodule, parent: Remote, root: Remote) -> tuple[Remote, Location]:
    """From where a submodule comes: with the credentials of `root`, the repository itself, only on the same host.

    `parent` is what a relative URL begins at. NeedsPerson where the URL is not to be fetched at all.
    """
    home = locate(root)
    try:
        url = _absolute(locate(parent).url, submodule.url)
        location = locate(replace(root, url=url))
        if location.path is None and is_same_host(location, home):
            username, password = userinfo(root)
            known = root.username or username or None, root.password or password or None
            return replace(root, url=url, username=known[0], password=known[1]), location
    except (NeedsPerson, ValueError):
        raise _refused(submodule, root, "is not one that envmgr fetches") from None
    if location.transport == "https":
        return Remote(repository=root.repository, url=url), location
    if location.path is not None and home.path is not None and _is_beside(location.path, home.path):
        return Remote(repository=root.repository, url=url), location
    raise _refused(submodule, root, "is not on the repository's own host (only https may lead elsewhere)")


def is_same_host(one: Location, other: Location) -> bool:
    """Whether two locations are reached in the same way, at the same host and port."""
    return one.transport == other.transport and _host(one) == _host(other)


def _host(location: Location) -> tuple[str, int | None]:
    if "://" not in location.url:
        return location.url.partition(":")[0].rpartition("@")[2].lower(), _PORTS["ssh"]
    parts = urlsplit(location.url)
    return parts.hostname or "", parts.port or _PORTS.get(location.transport)


def _is_beside(path: Path, home: Path) -> bool:
    """Whether a folder lies in the same folder as the repository, or below: the rest of this host is none of a branch's."""
    try:
        return followed(path).is_relative_to(home.resolve().parent)
    except OSError:  # in a circle
        return False


def _absolute(base: str, url: str) -> str:
    """A URL as it is, or a relative one from `base` on; ValueError where it is no URL, or leads above the host."""
    if url.startswith("-") or _CONTROL.search(url) or not url:
        raise ValueError(url)
    if not _RELATIVE.match(url):
        if not (url.startswith("/") or ":" in url):
            raise ValueError(url)
        return url
    root = _ROOT.match(base)
    start = root.end() if root else 0
    parts = [part for part in base[start:].split("/") if part]
    for part in _steps(url):
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise ValueError(url)
    slash = "/" if base[start : start + 1] == "/" else ""
    return f"{base[:start]}{slash}{'/'.join(parts)}"


def _steps(url: str) -> Iterator[str]:
    return (part for part in url.split("/") if part not in ("", "."))


def _refused(submodule: Submodule, root: Remote, why: str) -> NeedsPerson:
    url, path = ref_component(without_userinfo(submodule.url))[:200], ref_component(submodule.path)
    return NeedsPerson(
        f"Submodule {path} of {root.repository}: url {url} {why}; change it in {MODULES_FILE}."
    )
