"""Azure Blob Storage on loopback: Azurite with TLS, and a proxy by which the real host names lead to it."""

import base64
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.certificates import make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.processes import HOST, Server

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

ACCOUNT = "tfstateacct"
KEY = base64.b64encode(b"envmgr tests: no secret, only a throw-away Azurite account key!!").decode()
PROGRAM = Path(__file__).parents[2] / ".tools/azurite/node_modules/azurite/dist/src/blob/main.js"
_BLOB_HOST = re.compile(r"[a-z0-9]+\.blob\.core\.windows\.net:443")


@dataclass(frozen=True)
class Azurite:
    """A running Azurite, and what a client needs to take it for Azure."""

    endpoint: str  # https://127.0.0.1:PORT/ACCOUNT
    authority: Path  # the certificate authority, for Python's clients
    proxy: ConnectProxy
    no_certificates: Path
    account: str = ACCOUNT
    key: str = KEY

    @property
    def environment(self) -> dict[str, str]:
        """For Terraform: its azurerm backend then reaches Azurite under Azure's own host names."""
        return {
            "HTTPS_PROXY": self.proxy.url,
            "https_proxy": self.proxy.url,
            "NO_PROXY": "",
            "no_proxy": "",
            "SSL_CERT_FILE": str(self.authority),
            "SSL_CERT_DIR": str(self.no_certificates),
            "ARM_ACCESS_KEY": self.key,
        }

    def client(self) -> "BlobServiceClient":
        """A client of azure-storage-blob that goes straight to Azurite."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(self.endpoint, credential=self.key, connection_verify=str(self.authority))


def why_absent() -> str | None:
    """The reason why Azurite can't run here, if so."""
    if shutil.which("node") is None:
        return "node is absent, and Azurite runs on it"
    if not PROGRAM.exists():
        return "Azurite is absent; `make parts` installs it through npm"
    return None


@contextmanager
def running_azurite(folder: Path) -> Iterator[Azurite]:
    """Start Azurite and its proxy, and stop both at the end."""
    certificates = make_certificates(folder, ["*.blob.core.windows.net"], HOST)
    (folder / "data").mkdir()
    (folder / "no-certificates").mkdir()

    def command(port: int) -> list[str]:
        storage = ["--blobHost", HOST, "--blobPort", str(port), "-l", str(folder / "data")]
        tls = ["--cert", str(certificates.chain), "--key", str(certificates.key)]
        return ["node", str(PROGRAM), *storage, *tls, "--disableTelemetry", "--skipApiVersionCheck", "-s"]

    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    server = Server.start(command, folder / "azurite.log", environment=accounts)
    try:
        with ConnectProxy(lambda target: server.port if _BLOB_HOST.fullmatch(target) else None) as proxy:
            endpoint = f"https://{HOST}:{server.port}/{ACCOUNT}"
            yield Azurite(endpoint, certificates.authority, proxy, folder / "no-certificates")
    finally:
        server.stop()
