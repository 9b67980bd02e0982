"""A site in a container of an Azure storage account."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

from azure.core import MatchConditions
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobClient, ContainerClient, ContentSettings

from envmgr.domain.errors import NeedsPerson, Refused, Transient
from envmgr.host.credentials.azure import AzureAccount, error_code
from envmgr.host.credentials.azure_container import container_client, listed_key, shared_key
from envmgr.host.credentials.network import is_true

from .headers import Headers

_RECORD = Headers("application/json", "no-store")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_NAME = re.compile(r"\$web|\$root|(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_ALTERED = re.compile(r"\\|\.(/|$)")
_RESOURCES = "2021-04-01"
# A piece is read whole into memory, and once more by the library: eight at once are some 40 MB.
_PIECE = 2 * 1024 * 1024


class Container:
    """One container, by its name and its storage account's."""

    def __init__(self, account: str, name: str, environment: Mapping[str, str]) -> None:
        """No request is made yet; NeedsPerson where a name leads away from Azure or from the container."""
        if not _ACCOUNT.fullmatch(account):
            raise NeedsPerson(
                f"`storage_account` {account!r} is not the name of a storage account: check it, and the output it is from."
            )
        if not _NAME.fullmatch(name):
            raise NeedsPerson(
                f"`container` {name!r} is not the name of a container: check it, and the output it is from."
            )
        self._azure = AzureAccount(environment)
        if not self._azure.has_identity:  # then ARM_ACCESS_KEY is this account's, else that of the states'
            self._azure = AzureAccount(environment, {})
        self._account = account
        self._name = name
        self._host = f"{account}.{self._azure.cloud.storage_suffix}"

    @property
    def where(self) -> str:
        """Its name for a sentence."""
        return f"container {self._name} of storage account {self._account}"

    def refusal(self, name: str) -> str:
        """Azure alters some names, and another file may have the one that comes out."""
        return (
            "Azure does not keep a backslash, or a dot at the end of a name" if _ALTERED.search(name) else ""
        )

    def versions(self) -> Iterator[tuple[str, str]]:
        """All blobs: an ETag changes with the bytes and with the headers."""
        with self._failures():
            for blob in self._container.list_blobs():
                yield blob.name, _etag(blob.etag)

    def read(self, name: str, most: int) -> bytes | None:
        """A blob's first bytes."""
        with self._failures():
            try:
                content: bytes = self._blob(name).download_blob().read(most)
            except ResourceNotFoundError as error:
                if error_code(error) == "ContainerNotFound":
                    raise
                return None
            return content

    def write(self, name: str, content: bytes) -> None:
        """Writes a small blob."""
        with self._failures():
            self._blob(name).upload_blob(content, overwrite=True, content_settings=_settings(_RECORD))

    def put(self, name: str, body: IO[bytes], size: int, headers: Headers) -> str:
        """Writes a blob, by several requests where it is large."""
        with self._failures():
            answer = self._blob(name).upload_blob(
                body, length=size, overwrite=True, content_settings=_settings(headers)
            )
            return _etag(answer["etag"])

    def set_headers(self, name: str, version: str, headers: Headers) -> str:
        """Sets a blob's headers, its MD5 among them: what is not given again is gone."""
        same: dict[str, Any] = {"etag": f'"{version}"', "match_condition": MatchConditions.IfNotModified}
        with self._failures():
            blob = self._blob(name)
            settings = _settings(headers)
            settings.content_md5 = blob.get_blob_properties(**same).content_settings.content_md5
            return _etag(blob.set_http_headers(settings, **same)["etag"])

    def delete(self, name: str) -> None:
        """Deletes a blob and its snapshots."""
        with self._failures():
            try:
                self._blob(name).delete_blob(delete_snapshots="include")
            except ResourceNotFoundError as error:
                if error_code(error) == "ContainerNotFound":
                    raise

    @cached_property
    def _container(self) -> ContainerClient:
        return container_client(
            self._azure,
            self._host,
            self._name,
            self._credential(),
            max_single_put_size=_PIECE,
            max_block_size=_PIECE,
        )

    def _credential(self) -> Any:
        key, sas = self._azure.secret("access_key"), self._azure.secret("sas_token")
        if key and not self._azure.has_identity:
            return shared_key(self._account, key)
        if sas and not self._azure.has_identity:
            return AzureSasCredential(sas.lstrip("?"))
        if is_true(self._azure.secret("storage_use_azuread")) or not self._azure.value("subscription_id"):
            return self._azure.token_credential()
        return shared_key(self._account, listed_key(self._azure, self._path()))

    def _path(self) -> str:
        """Where the account is below `resourceGroups/`, found as Terraform's provider finds it."""
        kind = "Microsoft.Storage/storageAccounts"
        condition = f"resourceType eq '{kind}' and name eq '{self._account}'"
        found = self._azure.control_plane("GET", "resources", _RESOURCES, **{"$filter": condition})["value"]
        if not found:
            raise Refused(
                f"storage account {self._account} is not in the subscription: check `storage_account`, and the output "
                "it is from."
            )
        return str(found[0]["id"]).partition("/resourceGroups/")[2]

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(name)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        with self._azure.failures(self.where):
            try:
                yield
            except ResourceNotFoundError as error:
                if error_code(error) == "ContainerNotFound":
                    raise Refused(f"{self.where} does not exist: {self._advice}.") from error
                raise
            except ResourceModifiedError as error:
                raise Transient(f"somebody else is writing to {self.where}.") from error

    @property
    def _advice(self) -> str:
        if self._name == "$web":
            return "let the Terraform code turn on the account's static website"
        return "check `container`"


def _etag(text: object) -> str:
    return str(text).strip('"')


def _settings(headers: Headers) -> ContentSettings:
    return ContentSettings(content_type=headers.content_type, cache_control=headers.cache_control or None)
