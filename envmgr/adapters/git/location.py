"""Where a remote is, in the form that may be shown to git and to people."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.network.upstream import is_loopback
from envmgr.domain.values.names import ref_component
from envmgr.ports import Remote

Transport = Literal["https", "http", "ssh", "file"]
_SCP = re.compile(r"(?:[^/@:]+@)?(?:\[[^\]/]+\]|[^/@:]+):(?!:)")
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")
_ANY_USERINFO = re.compile(r"(?<=://)\S*@")  # also where a password holds what a URL cannot


@dataclass(frozen=True, slots=True)
class Location:
    """A remote's transport and its URL without secrets; `path` is set where it is a local folder."""

    transport: Transport
    url: str
    path: Path | None = None


def locate(remote: Remote) -> Location:
    """Reads a remote's URL; NeedsPerson where its transport is none that envmgr takes."""
    url = remote.url
    scheme, separator, _ = url.partition("://")
    if separator:
        return _from_url(remote, scheme.lower())
    if _SCP.match(url):
        return Location("ssh", url)
    if "::" in url.split("/", maxsplit=1)[0] or not url:
        raise _refused(remote, "is neither an https, ssh or file URL nor a path")
    return _local(remote, url)


def _from_url(remote: Remote, scheme: str) -> Location:
    parts = _parsed(remote)
    match scheme:
        case "https":
            return Location("https", _USERINFO.sub("", remote.url, count=1))
        case "http" if is_loopback(parts.hostname or ""):
            return Location("http", _USERINFO.sub("", remote.url, count=1))
        case "http":
            raise _refused(remote, "is not encrypted (http is accepted for this host only)")
        case "ssh":
            user = f"{parts.username}@" if parts.username else ""
            return Location("ssh", _USERINFO.sub(user, remote.url, count=1))
        case "file" if parts.netloc in ("", "localhost"):
            return _local(remote, unquote(parts.path))
        case _:
            raise _refused(remote, "is not an https, ssh or file URL")


def _parsed(remote: Remote) -> SplitResult:
    try:
        parts = urlsplit(remote.url)
        parts.port  # noqa: B018  (raises where it is no number: a password with `/` in it, say)
    except ValueError as error:
        raise _refused(
            remote, "is not a valid URL (in it, `/ @ : # ?` of a password must be %-encoded)"
        ) from error
    return parts


def _local(remote: Remote, path: str) -> Location:
    """A folder on this host, where git would look for it too."""
    folder = Path(path).absolute()
    if not path or not folder.name:  # `file://` and `/`
        raise _refused(remote, "does not name a repository's folder")
    bare = folder.with_name(f"{folder.name}.git")
    try:
        found = bare if not folder.is_dir() and bare.is_dir() else folder
    except OSError as error:
        why = error.strerror or str(error)
        raise _refused(
            remote, f"cannot be reached ({why}): give envmgr's user access to its folders"
        ) from error
    return Location("file", str(found), found)


def without_userinfo(text: str) -> str:
    """The text with user names and passwords taken out of the URLs in it, however they are written."""
    return _ANY_USERINFO.sub("", text)


def _refused(remote: Remote, why: str) -> NeedsPerson:
    shown = ref_component(without_userinfo(remote.url))
    return NeedsPerson(
        f"Repository {remote.repository}: url {shown} {why}; change `url` in the organization file."
    )
