"""From where releases are had: their makers' servers, a mirror of these, or a folder."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.util import parse_url

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.host.asking.exchange import exchange
from envmgr.host.asking.pools import Pools
from envmgr.ports.kept import ToolName

VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]{1,40})?")
_LARGEST_LIST = 64 * 1024 * 1024
_LARGEST = 512 * 1024 * 1024
_PIECE = 1024 * 1024
_REDIRECTS = 5
_NAMES: dict[ToolName, str] = {"terraform": "terraform", "opentofu": "tofu"}


_MAKERS: dict[ToolName, tuple[str, str]] = {
    "terraform": (
        "https://releases.hashicorp.com/terraform/index.json",
        "https://releases.hashicorp.com/terraform/{version}/{file}",
    ),
    "opentofu": (
        "https://get.opentofu.org/tofu/api.json",
        "https://github.com/opentofu/opentofu/releases/download/v{version}/{file}",
    ),
}
"""Where each tool's makers have the list of its versions, and the files of one."""


class Source(Protocol):
    """Where releases are. Nothing that it gives is believed before it is verified."""

    def versions(self) -> list[str]:
        """All versions that it has."""
        ...

    def copy(self, version: str, file: str, to: BinaryIO) -> None:
        """Writes a file of a version to another; raises NeedsPerson where there is none."""
        ...


def file_names(tool: ToolName, version: str, platform: str) -> tuple[str, str, list[str]]:
    """How a release's files are called: archive, checksums, and the signatures of these that there may be."""
    stem = f"{_NAMES[tool]}_{version}"
    sums = f"{stem}_SHA256SUMS"
    # HashiCorp's plain one is, for old releases, of a key that was revoked since.
    signatures = [f"{sums}.72D7468F.sig", f"{sums}.sig"] if tool == "terraform" else [f"{sums}.gpgsig"]
    return f"{stem}_{platform}.zip", sums, signatures


def program_of(tool: ToolName) -> str:
    """What a tool's program is called."""
    return _NAMES[tool]


class FolderSource:
    """A folder with the files of releases as their makers name them, all together or in a folder for each version."""

    def __init__(self, tool: ToolName, folder: Path) -> None:
        """Releases of a tool in a folder."""
        self._folder = folder
        self._sums = re.compile(rf"{_NAMES[tool]}_({VERSION.pattern})_SHA256SUMS")

    def versions(self) -> list[str]:
        """See the protocol."""
        if not self._folder.is_dir():
            raise NeedsPerson(f"terraform.source: there is no folder {self._folder}.")
        names = [path.name for path in (*self._folder.glob("*"), *self._folder.glob("*/*"))]
        return [found[1] for name in names if (found := self._sums.fullmatch(name))]

    def copy(self, version: str, file: str, to: BinaryIO) -> None:
        """See the protocol."""
        for path in (self._folder / file, self._folder / version / file):
            if path.is_file():
                with path.open("rb") as found:
                    shutil.copyfileobj(found, to)
                return
        raise NeedsPerson(f"There is no {file} in {self._folder}: put it there, or ask for another version.")


class WebSource:
    """The makers' own servers, or a mirror that is laid out like HashiCorp's: `index.json`, `VERSION/FILE`."""

    def __init__(
        self, tool: ToolName, mirror: str | None, environ: Mapping[str, str], seconds: float = 300
    ) -> None:
        """Releases of a tool, by the proxies and authorities of `environ`; each file within so many seconds."""
        self._list, self._files = _places(tool, mirror)
        self._pools = Pools(environ)
        self._seconds = seconds

    def versions(self) -> list[str]:
        """See the protocol."""
        with self._asked(self._list) as response:
            listed = response.read(_LARGEST_LIST + 1, decode_content=True)
        try:
            found = json.loads(listed)["versions"] if len(listed) <= _LARGEST_LIST else None
        except (ValueError, KeyError, TypeError, RecursionError):
            found = None
        if isinstance(found, list):  # as OpenTofu lists them
            found = [each.get("id") for each in found if isinstance(each, dict)]
        if not isinstance(found, dict | list):
            raise Transient(f"{self._list} did not answer with a list of releases.")
        return [name for name in found if isinstance(name, str) and VERSION.fullmatch(name)]

    def copy(self, version: str, file: str, to: BinaryIO) -> None:
        """See the protocol."""
        with self._asked(self._files.format(version=version, file=file)) as response:
            size = 0
            while piece := response.read(_PIECE):
                size += len(piece)
                if size > _LARGEST:
                    raise NeedsPerson(f"{file} is larger than any release: it was not taken.")
                to.write(piece)

    @contextmanager
    def _asked(self, url: str) -> Iterator[BaseHTTPResponse]:
        with exchange(url, self._seconds), closing(self._get(url)) as response:
            yield response

    def _get(self, url: str) -> BaseHTTPResponse:
        """Follows to other hosts, as GitHub has the files elsewhere: no credentials go there, and the signature counts."""
        asked = url
        for _ in range(_REDIRECTS + 1):
            address = parse_url(url)
            # What is verified is the file itself, not what a server packs it into.
            response = self._pools.open("GET", address, self._seconds, {"Accept-Encoding": "identity"})
            target = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not target:
                return self._checked(response, asked)
            response.close()
            url = urljoin(url, target)
            if parse_url(url).scheme != "https" and not asked.startswith("http:"):
                raise NeedsPerson(f"{asked} leads to an address that is not https: it was not followed.")
        raise NeedsPerson(f"{asked} leads from one address to another without end.")

    def _checked(self, response: BaseHTTPResponse, url: str) -> BaseHTTPResponse:
        if response.status == HTTPStatus.OK:
            return response
        response.close()
        if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.GONE):
            raise NeedsPerson(
                f"There is no {url} ({response.status}): ask for another version, or correct terraform.source."
            )
        raise Transient(f"{url} answered {response.status}.")


def _places(tool: ToolName, mirror: str | None) -> tuple[str, str]:
    """Where the list of versions is, and the pattern of where a file is."""
    if mirror is not None:
        return f"{mirror}/index.json", mirror + "/{version}/{file}"
    return _MAKERS[tool]
