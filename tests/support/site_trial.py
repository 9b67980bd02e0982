"""A site on its way to S3 on moto or to Azure Blob Storage on Azurite, by a proxy that sees each request."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.azure import Azurite
from tests.support.certificates import make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.faulty_proxy import FaultyProxy
from tests.support.processes import HOST
from tests.support.site import SiteStep
from tests.support.site_store import AzureSiteStore, S3SiteStore, SiteStore, Traffic

CLOUDS = ("s3", "azure")


@dataclass
class Trial:
    """A site, the store it goes to, and the way there."""

    step: SiteStep
    store: SiteStore
    traffic: Traffic

    def start(self) -> None:
        """A page with two assets, served."""
        self.store.make()
        self.step.write("index.html", "<p>one</p>")
        self.step.write("app.js", "one()")
        self.step.write("app.css", "p {}")
        self.step.run()
        self.traffic.watch()

    def content(self, name: str) -> bytes:
        """An object's bytes."""
        return self.store.get(name).content


@contextmanager
def site_trial(request: pytest.FixtureRequest, root: Path) -> Iterator[Trial]:
    """A store that is not there yet, of the cloud that the fixture's parameter names."""
    if request.param == "s3":
        with _s3(request.getfixturevalue("aws_environment"), root) as trial:
            yield trial
    else:
        with _azure(request.getfixturevalue("azurite"), root) as trial:
            yield trial


@contextmanager
def _s3(environment: dict[str, str], root: Path) -> Iterator[Trial]:
    endpoint = environment["AWS_ENDPOINT_URL"]
    with FaultyProxy(urlsplit(endpoint).port or 0) as proxy:
        store = S3SiteStore(endpoint)
        step = SiteStep(root, store.target, {**environment, "AWS_ENDPOINT_URL": proxy.url})
        yield Trial(step, store, Traffic(proxy))


@contextmanager
def _azure(azurite: Azurite, root: Path) -> Iterator[Trial]:
    """The proxy ends TLS."""
    (folder := root / "certificates").mkdir()
    certificates = make_certificates(folder, ["*.blob.core.windows.net"], HOST)
    port = urlsplit(azurite.endpoint).port or 0
    with (
        FaultyProxy(port, certificates, str(azurite.authority)) as proxy,
        ConnectProxy(lambda _: proxy.port) as connect,
    ):
        own = {"HTTPS_PROXY": connect.url, "SSL_CERT_FILE": str(certificates.authority)}
        store = AzureSiteStore(azurite)
        step = SiteStep(root, store.target, {**azurite.environment, **own})
        yield Trial(step, store, Traffic(proxy))
