"""Where sites are served from, as a test looks at it: objects with their headers, and the traffic on the way there."""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import boto3
from azure.storage.blob import ContentSettings

from envmgr.domain.values.step import Site
from tests.support.aws import REGION
from tests.support.azure import Azurite
from tests.support.faulty_proxy import Fault, FaultyProxy

RECORD = ".envmgr-site-"


class Object(NamedTuple):
    """What a visitor gets."""

    content: bytes
    content_type: str
    cache_control: str


class SiteStore(Protocol):
    """A bucket or container of its own."""

    target: Site

    def make(self) -> None:
        """Create it."""

    def names(self) -> list[str]:
        """All names, envmgr's records too."""

    def get(self, name: str) -> Object:
        """One object."""

    def put(self, name: str, thing: Object) -> None:
        """Write one, as somebody else than envmgr."""

    def delete(self, name: str) -> None:
        """Delete one."""


def site_of(store: SiteStore) -> dict[str, Object]:
    """All that is served, without envmgr's records."""
    return {name: store.get(name) for name in store.names() if not name.startswith(RECORD)}


def record_of(store: SiteStore) -> str:
    """The name of the only record."""
    (name,) = (name for name in store.names() if name.startswith(RECORD))
    return name


class S3SiteStore:
    """A bucket on moto."""

    def __init__(self, endpoint: str) -> None:
        """Not created yet."""
        self.target = Site(folder="public", bucket=f"site-{uuid4().hex}")
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
        self._s3: Any = boto3.client("s3", endpoint_url=endpoint, **keys)
        self._bucket = {"Bucket": self.target.bucket}

    def make(self) -> None:
        """Create it."""
        self._s3.create_bucket(**self._bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def names(self) -> list[str]:
        """All keys."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def get(self, name: str) -> Object:
        """One object."""
        answer = self._s3.get_object(**self._bucket, Key=name)
        return Object(answer["Body"].read(), answer["ContentType"], answer.get("CacheControl", ""))

    def put(self, name: str, thing: Object) -> None:
        """Write one, in another second than it was written before: that is how S3 tells times."""
        before = self._modified(name)
        self.write(name, thing)
        while self._modified(name) == before:
            time.sleep(0.05)
            self.write(name, thing)

    def _modified(self, name: str) -> object:
        entries = self._s3.list_objects_v2(**self._bucket, Prefix=name).get("Contents", ())
        return next((entry["LastModified"] for entry in entries), None)

    def write(self, name: str, thing: Object) -> None:
        """Write one at once."""
        headers = {"ContentType": thing.content_type, "CacheControl": thing.cache_control}
        self._s3.put_object(**self._bucket, Key=name, Body=thing.content, **headers)

    def delete(self, name: str) -> None:
        """Delete one."""
        self._s3.delete_object(**self._bucket, Key=name)


class AzureSiteStore:
    """A container on Azurite."""

    def __init__(self, azurite: Azurite, name: str = "") -> None:
        """Not created yet."""
        name = name or f"site-{uuid4().hex}"
        self.target = Site(folder="public", storage_account=azurite.account, container=name)
        self._container = azurite.client().get_container_client(name)

    def make(self) -> None:
        """Create it."""
        self._container.create_container()

    def names(self) -> list[str]:
        """All blobs."""
        return list(self._container.list_blob_names())

    def get(self, name: str) -> Object:
        """One blob."""
        stream = self._container.get_blob_client(name).download_blob()
        headers = stream.properties.content_settings
        return Object(stream.readall(), str(headers.content_type), headers.cache_control or "")

    def put(self, name: str, thing: Object) -> None:
        """Write one."""
        headers = ContentSettings(content_type=thing.content_type, cache_control=thing.cache_control)
        self._container.upload_blob(name, thing.content, overwrite=True, content_settings=headers)

    def delete(self, name: str) -> None:
        """Delete one."""
        self._container.delete_blob(name)


@dataclass
class Traffic:
    """The requests that a proxy passes on, with the bytes of their bodies."""

    proxy: FaultyProxy
    seen: list[tuple[str, int]] = field(default_factory=list)

    def watch(self) -> None:
        """Forget what was seen, pass all on and look."""
        self.seen.clear()
        self.proxy.fail(Fault(), self._note)

    def writes(self) -> list[tuple[str, int]]:
        """Requests that change something, `PUT name`, and their bytes, in order; but for envmgr's records."""
        return [
            (f"{line.split()[0]} {line.split('/')[-1].partition('?')[0]}", size)
            for line, size in self.seen
            if not line.startswith(("GET ", "HEAD ")) and RECORD not in line
        ]

    def records(self) -> int:
        """How often a record was written."""
        return sum(line.startswith("PUT ") and RECORD in line for line, _ in self.seen)

    def _note(self, line: str, body: bytes) -> bool:
        self.seen.append((line, len(body)))
        return False
