"""What only the Azure state store has: SAS, listed keys, leases and snapshots; against Azurite."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    BlobClient,
    ResourceTypes,
    generate_account_sas,
)

from envmgr.adapters.state.azure_blob import AzureBlobStateStore
from envmgr.adapters.state.keys import archive_key
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import NeedsPerson, RetryLater, StateLocked, Transient
from tests.support.azure import Azurite
from tests.support.azure_control_plane import ControlPlane
from tests.support.processes import free_port
from tests.support.state_backends import KEY, Backend, shown

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATE = b'{"version": 4, "serial": 1, "lineage": "l", "resources": [], "outputs": {}}'


@pytest.fixture
def backend(azurite: Azurite) -> Backend:
    settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
    return Backend("azurerm", settings, azurite.environment)


@pytest.fixture
def store(backend: Backend) -> AzureBlobStateStore:
    made = AzureBlobStateStore(backend.settings, backend.environment)
    made.ensure()
    return made


@pytest.fixture
def blob(store: AzureBlobStateStore) -> BlobClient:
    """A state without Terraform, to do to it what Terraform does not."""
    client = store._blob(KEY)
    client.upload_blob(STATE)
    return client


def without_key(backend: Backend, **own: str) -> Backend:
    kept = {name: value for name, value in backend.environment.items() if name != "ARM_ACCESS_KEY"}
    return replace(backend, environment={**kept, **own})


def sas(azurite: Azurite) -> str:
    return generate_account_sas(
        azurite.account,
        azurite.key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
        datetime.now(UTC) + timedelta(hours=1),
    )


def test_says_what_it_knows_of_versioning(store: AzureBlobStateStore) -> None:
    assert store.ensure().endswith("is there, and empty.")
    store._blob(KEY).upload_blob(STATE)
    assert "without versioning: turn it on for the storage account" in store.ensure()


def test_a_sas_token_is_enough(backend: Backend, azurite: Azurite) -> None:
    store = without_key(backend, ARM_SAS_TOKEN=f"?{sas(azurite)}").store()
    assert "created" in store.ensure()
    assert store.read(KEY) is None
    assert store.keys() == []


def test_a_sas_token_is_never_shown(backend: Backend, azurite: Azurite) -> None:
    token = sas(azurite)
    signature = re.sub(r".*sig=([^&]+).*", r"\1", token)
    forged = token.replace(signature, "Y2FuYXJ5LXNpZ25hdHVyZQ%3D%3D")
    with pytest.raises(NeedsPerson, match="ARM_SAS_TOKEN") as refused:
        without_key(backend, ARM_SAS_TOKEN=forged).store().read(KEY)
    assert "Y2FuYXJ5" not in shown(refused.value)

    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Transient) as unreachable:
        without_key(backend, ARM_SAS_TOKEN=token, HTTPS_PROXY=nowhere).store().read(KEY)
    assert signature not in shown(unreachable.value)


def test_a_key_that_is_no_key_is_named_and_not_shown(backend: Backend) -> None:
    canary = "canary: this is no base64"
    with pytest.raises(NeedsPerson, match="ARM_ACCESS_KEY") as caught:
        without_key(backend, ARM_ACCESS_KEY=canary).store().ensure()
    assert canary not in shown(caught.value)


def test_an_untrusted_certificate_names_the_variable(backend: Backend) -> None:
    kept = {name: value for name, value in backend.environment.items() if name != "SSL_CERT_FILE"}
    with pytest.raises(NeedsPerson, match="SSL_CERT_FILE"):
        replace(backend, environment=kept).store().ensure()


def test_a_lease_without_a_note_is_a_lock(store: AzureBlobStateStore, blob: BlobClient) -> None:
    blob.acquire_lease()
    assert store.lock(KEY) == LockInfo("")
    with pytest.raises(StateLocked):
        store.archive(KEY, NOW)


@pytest.mark.parametrize("note", ["%%%", base64.b64encode(b"{").decode(), ""])
def test_a_lease_with_a_broken_note_is_a_lock(
    store: AzureBlobStateStore, blob: BlobClient, note: str
) -> None:
    blob.set_blob_metadata({"Terraformlockid": note or "-"})
    blob.acquire_lease()
    assert store.lock(KEY) == LockInfo("")


def test_a_note_without_a_lease_is_no_lock(store: AzureBlobStateStore, blob: BlobClient) -> None:
    note = base64.b64encode(b'{"ID": "stale", "Who": "someone"}').decode()
    blob.set_blob_metadata({"Terraformlockid": note})
    assert store.lock(KEY) is None
    lease = blob.acquire_lease()
    assert store.lock(KEY) == LockInfo("stale", who="someone")
    lease.break_lease(0)
    assert store.lock(KEY) is None


def test_a_lease_taken_meanwhile_is_never_broken(
    store: AzureBlobStateStore, blob: BlobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = store._keep

    def keep_then_lease(*arguments: Any) -> None:
        whole(*arguments)
        blob.acquire_lease()

    monkeypatch.setattr(store, "_keep", keep_then_lease)
    with pytest.raises(StateLocked, match="has just been locked"):
        store.archive(KEY, NOW)
    assert blob.get_blob_properties().lease.status == "locked"
    assert store.read(KEY) is not None


def test_a_state_that_changes_meanwhile_is_kept(
    store: AzureBlobStateStore, blob: BlobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = store._keep

    def keep_then_change(*arguments: Any) -> None:
        whole(*arguments)
        blob.upload_blob(STATE.replace(b'"serial": 1', b'"serial": 2'), overwrite=True)

    monkeypatch.setattr(store, "_keep", keep_then_change)
    with pytest.raises(RetryLater, match="changed while it was archived"):
        store.archive(KEY, NOW)
    state = store.read(KEY)
    assert state is not None
    assert state.serial == 2


def test_snapshots_go_with_their_state(store: AzureBlobStateStore, blob: BlobClient) -> None:
    blob.create_snapshot()
    assert store.keys() == [KEY]
    store.archive(KEY, NOW)
    assert store.keys() == []
    assert store.read(archive_key(KEY, NOW)) is not None


@pytest.fixture
def plane(tmp_path: Path, azurite: Azurite) -> Iterator[ControlPlane]:
    """Azure's sign-in and control plane, with Azurite beside them under the same proxy."""
    port = urlsplit(azurite.endpoint).port
    blobs = {f"{azurite.account}.blob.core.windows.net:443": port}
    with ControlPlane(tmp_path, route=blobs.get) as running:
        both = azurite.authority.read_bytes() + running.authority.read_bytes()
        running.authority.write_bytes(both)
        yield running


def test_a_service_principal_gets_the_key_as_terraform_does(
    backend: Backend, azurite: Azurite, plane: ControlPlane
) -> None:
    plane.account_keys[azurite.account] = azurite.key
    settings = {**backend.settings, "resource_group_name": "rg-states"}
    store = AzureBlobStateStore(settings, plane.environment)
    assert "created" in store.ensure()
    asked = [request for request in plane.requests if "/listKeys" in request]
    assert len(asked) == 1
    assert (
        f"/resourceGroups/rg-states/providers/Microsoft.Storage/storageAccounts/{azurite.account}/"
        in asked[0]
    )

    plane.status = 403
    with pytest.raises(NeedsPerson, match="ARM_CLIENT_SECRET"):
        AzureBlobStateStore(settings, plane.environment).ensure()


def test_a_service_principal_uses_its_token_where_it_is_told_to(
    backend: Backend, plane: ControlPlane
) -> None:
    """Azurite runs without tokens here, so that its refusal shows that one was sent, and no key asked for."""
    settings = {**backend.settings, "resource_group_name": "rg-states", "use_azuread_auth": True}
    with pytest.raises(NeedsPerson, match="ARM_CLIENT_SECRET"):
        AzureBlobStateStore(settings, plane.environment).ensure()
    assert [request for request in plane.requests if request.endswith("/token")]
    assert not [request for request in plane.requests if "/listKeys" in request]


def test_a_proxy_of_the_process_is_not_taken(
    backend: Backend, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No storage account has a hyphen in its name, so nothing answers the direct way."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, azurite.proxy.url)
    seen = len(azurite.proxy.refused)
    settings = {**backend.settings, "storage_account_name": "no-such-account"}
    with pytest.raises(Transient):
        AzureBlobStateStore(settings, {"ARM_ACCESS_KEY": azurite.key}).read(KEY)
    assert len(azurite.proxy.refused) == seen
