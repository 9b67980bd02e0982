"""Releases of Terraform as their makers publish them, with a key of our own; a release is an executable script."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from platform import machine, system

from pysequoia import SignatureMode, Tsk, sign

from envmgr.adapters.releases.source import program_of
from envmgr.ports.kept import ToolName
from tests.support.scripted_http import Reply, Request, ScriptedHttp

_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine(), machine())
PLATFORM = f"{system().lower()}_{_MACHINE}"


def signing_key() -> Tsk:
    """A new key that signs."""
    return Tsk.generate(user_id="Releases <releases@example.com>")


@dataclass
class ReleaseFiles:
    """The files of all releases by their names, below a folder for each version. `key` signs."""

    tool: ToolName = "terraform"
    key: Tsk = field(default_factory=signing_key)
    files: dict[str, bytes] = field(default_factory=dict)

    def release(self, version: str, *, program: str = "", platform: str = PLATFORM, script: str = "") -> None:
        """Publishes a version, for a platform; its program says which version it is, unless it is another `script`."""
        said = json.dumps({"terraform_version": version})
        text = script or f"#!/bin/sh\n[ \"$1\" = version ] && echo '{said}'\n"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("LICENSE.txt", "none")
            archive.writestr(program or program_of(self.tool), text)
        self.publish(version, packed.getvalue(), platform)

    def publish(self, version: str, archive: bytes, platform: str = PLATFORM) -> None:
        """Publishes an archive as a version."""
        stem = f"{program_of(self.tool)}_{version}"
        name = f"{stem}_{platform}.zip"
        sums = f"{hashlib.sha256(archive).hexdigest()}  {name}\n".encode()
        signature = sign(self.key.signer(), sums, mode=SignatureMode.DETACHED, armor=False)
        end = "sig" if self.tool == "terraform" else "gpgsig"
        self.files |= {
            f"{version}/{name}": archive,
            f"{version}/{stem}_SHA256SUMS": sums,
            f"{version}/{stem}_SHA256SUMS.{end}": signature,
        }

    def named(self, end: str) -> str:
        """The one file whose name ends so."""
        [name] = [name for name in self.files if name.endswith(end)]
        return name

    def write(self, folder: Path) -> Path:
        """Writes all to a folder, as for a host without a way out."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def public_key(self, path: Path, expires: datetime | None = None) -> Path:
        """Writes the key that the releases are verified by; it may end at some time."""
        cert = self.key.extract_certificate()
        if expires is not None:
            cert = cert.set_expiration(expires, self.key.certifier())
        path.write_bytes(bytes(cert))
        return path

    def server(self, broken: Callable[[Request], Reply | None] = lambda _: None) -> "ReleaseServer":
        """A mirror of all; `broken` may answer in its place."""
        return ReleaseServer(self, broken)


class ReleaseServer:
    """A mirror, laid out as HashiCorp's server; `asked` are the paths that were asked for."""

    def __init__(self, files: ReleaseFiles, broken: Callable[[Request], Reply | None]) -> None:
        """Of these files."""
        self.asked: list[str] = []
        self._files, self._broken = files, broken
        self.http = ScriptedHttp(self._answer)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.http.port}/terraform"

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request.path)
        broken = self._broken(request)
        if broken is not None:
            return broken
        name = request.path.removeprefix("/terraform/")
        if name == "index.json":
            versions: dict[str, object] = {each.partition("/")[0]: {} for each in self._files.files}
            return Reply(200, {"name": "terraform", "versions": versions})
        found = self._files.files.get(name)
        return Reply(404, b"") if found is None else Reply(200, found)
