"""State in a container of Azure Blob Storage: Terraform's azurerm backend."""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from azure.core import MatchConditions
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobProperties, ContainerClient

from envmgr.adapters.state.keys import ARCHIVE, archive_key, archived, is_state
from envmgr.domain.documents.state import LARGEST, LockInfo, State
from envmgr.domain.errors import PlaceMissing, RetryLater, StateLocked, Transient
from envmgr.host.credentials.azure import AzureAccount, error_code
from envmgr.host.credentials.azure_container import container_client, listed_key, shared_key
from envmgr.host.credentials.network import is_true
from envmgr.host.system import create_private

_PIECE = 2 * 1024 * 1024
_LOCK_NOTE = "terraformlockid"


class AzureBlobStateStore:
    """States as blobs of one container; a lock is a lease of the blob, noted in its metadata.

    Let in by ARM_ACCESS_KEY, else by ARM_SAS_TOKEN, else by a token: directly with `use_azuread_auth`, and otherwise
    by the account's key, which the token may list where `resource_group_name` and a subscription are known, as Terraform does.
    """

    def __init__(self, settings: Mapping[str, object], environment: Mapping[str, str]) -> None:
        """`settings` are Terraform's backend keys; no request is made yet. NeedsPerson where they cannot work."""
        self._azure = AzureAccount(environment, settings)
        self._account = str(settings["storage_account_name"])
        self._name = str(settings["container_name"])
        self._where = f"the container {self._name} in storage account {self._account}"
        self._host = f"{self._account}.{self._azure.cloud.storage_suffix}"

    def ensure(self) -> str:
        """Finds or creates the container, private; says what of versioning it can see.

        Versioning belongs to the storage account, and a container's users cannot turn it on: it shows in a blob.
        """
        with self._azure.failures(self._where):
            try:
                self._container.get_container_properties()
            except ResourceNotFoundError:
                self._create()
                return f"The container {self._name} was created in storage account {self._account}, closed to the public."
            return f"The container {self._name} in storage account {self._account} is there, {self._versioning()}."

    def read(self, key: str) -> State | None:
        """The state at a key; an empty blob is what Terraform's lock leaves where nothing was applied."""
        found = self._download(key)
        return State.from_bytes(found[0], f"{key} in {self._where}") if found and found[0] else None

    def lock(self, key: str) -> LockInfo | None:
        """Who holds the lease of a state; the note of a lease that ended means nothing."""
        with self._azure.failures(self._where):
            try:
                properties = self._blob(key).get_blob_properties()
            except ResourceNotFoundError as error:
                self._say_missing(error)
                return None
        return _note(properties) if properties.lease.status == "locked" else None

    notes_late = True
    """Terraform takes the lease, and notes its ID in the blob's metadata by a second request."""

    def break_lock(self, key: str, lock_id: str) -> None:
        """Breaks the lease, unless another's ID is noted by now.

        Terraform needs an ID for that, and an `init` that has no state yet wants the lock itself.
        """
        found = self.lock(key)
        if found is not None and found.id == lock_id:
            with self._azure.failures(self._where):
                # At once: Terraform's leases have no end, and whoever held this one is dead.
                BlobLeaseClient(self._blob(key)).break_lease(lease_break_period=0)

    def mend(self, key: str) -> bool:
        """A blob is written whole or not at all."""
        return False

    def archive(self, key: str, now: datetime) -> None:
        """Writes a copy, reads it back, and only then deletes the state, unless it is leased or was changed.

        The copy goes through envmgr: a copy within Azure would need a source that a token or SAS may not open.
        """
        found = self._download(key)
        if found is None:
            return
        holder = self.lock(key)
        if holder:
            raise StateLocked(
                f"The state {key} in {self._where} is locked by {holder}: it is kept until that ends."
            )
        if found[0]:
            self._keep(archive_key(key, now), found[0])
        self._delete(key, found[1])

    def keys(self, prefix: str = "") -> Sequence[str]:
        """The keys of all states below a prefix that hold something."""
        # An empty blob is only what a lock needed to hold on to.
        return [blob.name for blob in self._list(prefix) if is_state(blob.name) and blob.size]

    def archives(self, prefix: str = "") -> Sequence[tuple[str, datetime]]:
        """The archived copies of states below a prefix, by the time in their name."""
        return archived(blob.name for blob in self._list(f"{ARCHIVE}{prefix}"))

    def objects(self, prefix: str) -> Sequence[str]:
        """The names of all blobs below a prefix."""
        return [blob.name for blob in self._list(prefix)]

    def put(self, key: str, content: bytes) -> None:
        """Writes a blob."""
        self._write(key, content, len(content))

    def create(self, key: str, content: bytes) -> bool:
        """Writes a blob where Azure has none, or in the place of the very one that was seen to be empty."""
        found = self._download(key)
        if found is not None and found[0]:
            return False
        seen: dict[str, Any] = (
            {"overwrite": True, "etag": found[1], "match_condition": MatchConditions.IfNotModified}
            if found is not None
            else {"overwrite": False}
        )
        with self._azure.failures(self._where):
            try:
                self._blob(key).upload_blob(content, **seen)
            except ResourceNotFoundError as error:
                self._say_missing(error)
                raise
            except HttpResponseError as error:
                if error_code(error) == "LeaseIdMissing":
                    raise StateLocked(f"The state {key} in {self._where} has just been locked.") from error
                if error_code(error) in {"BlobAlreadyExists", "ConditionNotMet"}:
                    return False
                raise
        return True

    def get(self, key: str) -> bytes | None:
        """A blob's content."""
        found = self._download(key)
        return None if found is None else found[0]

    def upload(self, key: str, file: Path) -> None:
        """Writes a file as a blob, in blocks where it is large."""
        with file.open("rb") as content:
            self._write(key, content, file.stat().st_size)

    def _write(self, key: str, content: bytes | BinaryIO, length: int) -> None:
        with self._azure.failures(self._where):
            try:
                self._blob(key).upload_blob(content, length=length, overwrite=True)
            except ResourceNotFoundError as error:
                self._say_missing(error)
                raise

    def download(self, key: str, file: Path) -> bool:
        """Writes a blob to a file, a piece at a time."""
        with self._azure.failures(self._where):
            try:
                stream = self._in_pieces.get_blob_client(key).download_blob()
            except ResourceNotFoundError as error:
                self._say_missing(error)
                return False
            with os.fdopen(create_private(file), "wb") as copy:
                for chunk in stream.chunks():
                    copy.write(chunk)
        return True

    def delete(self, key: str) -> None:
        """Deletes a blob."""
        with self._azure.failures(self._where):
            try:
                # Azure refuses to delete a blob that has snapshots without them.
                self._blob(key).delete_blob(delete_snapshots="include")
            except ResourceNotFoundError as error:
                self._say_missing(error)

    def prune(self, before: datetime) -> int:
        """Deletes archived copies by the time in their name."""
        old = [key for key, at in self.archives() if at < before]
        with self._azure.failures(self._where):
            for key in old:
                self._container.delete_blob(key, delete_snapshots="include")
        return len(old)

    @cached_property
    def _container(self) -> ContainerClient:
        return container_client(self._azure, self._host, self._name, self._credential())

    @cached_property
    def _in_pieces(self) -> ContainerClient:
        """For what is large: the library takes several times the memory of what it asks for at once (else 32 MB)."""
        sizes = {"max_single_get_size": _PIECE, "max_chunk_get_size": _PIECE}
        return container_client(self._azure, self._host, self._name, self._credential(), **sizes)

    def _credential(self) -> Any:
        key, sas = self._azure.secret("access_key"), self._azure.secret("sas_token")
        if key:
            return shared_key(self._account, key)
        if sas:
            return AzureSasCredential(sas.lstrip("?"))
        group = self._azure.value("resource_group_name")
        if group and not is_true(self._azure.value("use_azuread_auth") or self._azure.secret("use_azuread")):
            path = f"{group}/providers/Microsoft.Storage/storageAccounts/{self._account}"
            return shared_key(self._account, listed_key(self._azure, path))
        return self._azure.token_credential()

    def _blob(self, key: str) -> BlobClient:
        return self._container.get_blob_client(key)

    def _download(self, key: str) -> tuple[bytes, str] | None:
        """A blob's content and version tag; None where there is none; PlaceMissing where the container is missing."""
        with self._azure.failures(self._where):
            try:
                stream = self._blob(key).download_blob()
                if stream.size > LARGEST:
                    raise State.too_large(f"{self._where}/{key}")
                return stream.readall(), stream.properties.etag
            except ResourceNotFoundError as error:
                self._say_missing(error)
                return None

    def _list(self, prefix: str) -> Iterator[BlobProperties]:
        with self._azure.failures(self._where):
            try:
                yield from self._container.list_blobs(name_starts_with=prefix)
            except ResourceNotFoundError as error:
                self._say_missing(error)
                raise

    def _say_missing(self, error: ResourceNotFoundError) -> None:
        if error_code(error) == "ContainerNotFound":
            raise PlaceMissing(
                f"The container {self._name} is missing in storage account {self._account}: run `envmgr doctor`, which "
                "creates it, or correct `container_name` in the organization file."
            ) from error

    def _keep(self, copy: str, content: bytes) -> None:
        self.put(copy, content)
        kept = self._download(copy)
        if kept is None or kept[0] != content:
            raise Transient(
                f"The copy {copy} in {self._where} is not what was written: the state stays where it is."
            )

    def _delete(self, key: str, version: str) -> None:
        """Deletes the blob that was read; Azure itself refuses a leased or changed one."""
        with self._azure.failures(self._where):
            try:
                self._blob(key).delete_blob(
                    delete_snapshots="include", etag=version, match_condition=MatchConditions.IfNotModified
                )
            except ResourceNotFoundError:
                return
            except HttpResponseError as error:
                if error_code(error) == "LeaseIdMissing":
                    raise StateLocked(
                        f"The state {key} in {self._where} has just been locked: it is kept."
                    ) from error
                if error_code(error) == "ConditionNotMet":
                    raise RetryLater(
                        f"The state {key} in {self._where} changed while it was archived: it is kept."
                    ) from error
                raise

    def _create(self) -> None:
        try:
            self._container.create_container()
        except ResourceExistsError as error:
            if error_code(error) != "ContainerAlreadyExists":
                raise  # it is being deleted: that passes

    def _versioning(self) -> str:
        name = next(iter(self._container.list_blob_names(results_per_page=1)), None)
        if name is None:
            return "and empty"
        versioned = getattr(self._blob(name).get_blob_properties(), "version_id", None)
        return "with versioning" if versioned else "without versioning: turn it on for the storage account"


def _note(properties: BlobProperties) -> LockInfo:
    """What Terraform noted about its lock; Azure gives metadata names in the case they were written in, or not."""
    metadata = {name.lower(): value for name, value in (properties.metadata or {}).items()}
    try:
        return LockInfo.from_json(base64.b64decode(metadata.get(_LOCK_NOTE, ""), validate=True))
    except binascii.Error:
        return LockInfo("")
