"""The places of state that a campaign uses; each server is started once, when first asked for."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import aws, azure

NAMES = ("local", "s3", "azurerm")


@dataclass(frozen=True, slots=True)
class Place:
    """A backend of the organization file, the variables that let one in, and its server where a proxy may stand before it."""

    settings: Mapping[str, Any]
    environment: Mapping[str, str]
    url: str = ""


class Backends:
    """Servers on loopback; `place` gives room of its own to each name."""

    def __init__(
        self, folder: Path, moto_url: str | None = None, azurite: azure.Azurite | None = None
    ) -> None:
        """What runs already is used, the rest started below `folder`."""
        self._folder = folder
        self._moto_url = moto_url
        self._azurite = azurite
        self._ending = ExitStack()
        self._lock = threading.Lock()

    def place(self, backend: str, name: str, folder: Path) -> Place:
        """Room for states: a bucket or container `name`, or a folder below `folder`."""
        match backend:
            case "local":
                return Place({"local": {"path": str(folder / "state")}}, {})
            case "s3":
                settings = {**aws.S3_BACKEND, "bucket": name, "max_retries": 1}
                url = self._moto()
                return Place({"s3": settings}, aws.aws_environment(url), url)
            case _:
                azurite = self._azure()
                settings = {"storage_account_name": azurite.account, "container_name": name}
                return Place({"azurerm": settings}, azurite.environment)

    def close(self) -> None:
        """Stop what was started."""
        self._ending.close()

    def _moto(self) -> str:
        with self._lock:
            if self._moto_url is None:
                server = aws.start_moto(self._folder)
                self._ending.callback(server.stop)
                self._moto_url = f"http://127.0.0.1:{server.port}"
            return self._moto_url

    def _azure(self) -> azure.Azurite:
        with self._lock:
            if self._azurite is None:
                place = self._folder / "azurite"
                place.mkdir()
                self._azurite = self._ending.enter_context(azure.running_azurite(place))
            return self._azurite
