"""Debian's docker-registry on loopback, and what is pushed to it."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.support.processes import free_port
from tests.support.waiting import wait_for

PROGRAM = shutil.which("docker-registry")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True)
class Registry:
    """A registry that anybody may push to."""

    port: int

    def image(self, name: str) -> str:
        """How an image in it is called."""
        return f"127.0.0.1:{self.port}/{name}"

    def push(self, name: str, *tags: str, content: str = "") -> str:
        """Push an image of one empty layer, by as many tags; gives its digest."""
        layer = self._blob(name, b"")
        config = self._blob(name, json.dumps({"content": content}).encode())
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}],
            }
        ).encode()
        for tag in tags:
            self._ask("PUT", f"{name}/manifests/{tag}", manifest, _MANIFEST)
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    def _blob(self, name: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        where = self._ask("POST", f"{name}/blobs/uploads/").headers["Location"]
        self._ask("PUT", f"{where}&digest={digest}", content, "application/octet-stream")
        return {"digest": digest, "size": len(content)}

    def _ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> urllib3.BaseHTTPResponse:
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.port}/v2/{path}"
        answer = urllib3.request(method, url, body=body, headers={"Content-Type": kind})
        assert answer.status < 300, (answer.status, answer.data)
        return answer


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """A registry of our own."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(_CONFIG.format(folder=folder / "images", port=port))
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([str(PROGRAM), "serve", str(config)], stdout=log, stderr=log)
    try:
        _await(port)
        yield Registry(port)
    finally:
        process.terminate()
        process.wait(60)


def _await(port: int) -> None:
    def answers() -> bool:
        with suppress(urllib3.exceptions.HTTPError):
            url = f"http://127.0.0.1:{port}/v2/"
            return urllib3.request("GET", url, retries=False, timeout=60).status == 200
        return False

    wait_for(answers)
