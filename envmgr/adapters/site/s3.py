"""A site in an S3 bucket."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import IO

from botocore.exceptions import ClientError

from envmgr.domain.errors import NeedsPerson, Refused, Transient
from envmgr.host.credentials.aws import AwsAccount, error_code, failures

from .headers import Headers

# Another name is an ARN, whose requests go to another host, or a part of an address.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_NO_OBJECT = {"NoSuchKey", "404"}
_RECORD = Headers("application/json", "no-store")


class Bucket:
    """One bucket, by its name."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        """No request is made yet; NeedsPerson where the name is none of a bucket."""
        if not _NAME.fullmatch(name):
            raise NeedsPerson(
                f"`bucket` {name!r} is not the name of a bucket: check it, and the output it is from."
            )
        self._name = name
        self._environment = environment
        # Stores that only speak S3 have no host name for each bucket.
        elsewhere = bool(environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"))
        self._s3 = AwsAccount(environment).client("s3", path_style=elsewhere)

    @property
    def where(self) -> str:
        """Its name for a sentence."""
        return f"bucket {self._name}"

    def refusal(self, name: str) -> str:
        """S3 keeps any text as it is."""
        return ""

    def versions(self) -> Iterator[tuple[str, str]]:
        """All keys. Other headers are another write, which the ETag does not show, but the time does."""
        with self._failures():
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name):
                for entry in page.get("Contents", ()):
                    yield entry["Key"], f"{entry['ETag']} {entry['LastModified'].isoformat()}"

    def read(self, name: str, most: int) -> bytes | None:
        """An object's first bytes."""
        with self._failures():
            try:
                with closing(self._s3.get_object(Bucket=self._name, Key=name)["Body"]) as body:
                    content: bytes = body.read(most)
            except ClientError as error:
                if error_code(error) in _NO_OBJECT:
                    return None
                raise
            return content

    def write(self, name: str, content: bytes) -> None:
        """Writes a small object."""
        with self._failures():
            self._s3.put_object(Bucket=self._name, Key=name, Body=content, **_arguments(_RECORD))

    def put(self, name: str, body: IO[bytes], size: int, headers: Headers) -> str:
        """Writes an object by one request, which S3 takes up to 5 GB: its ETag is then one hash of all."""
        with self._failures():
            answer = self._s3.put_object(
                Bucket=self._name, Key=name, Body=body, ContentLength=size, **_arguments(headers)
            )
            return str(answer["ETag"])

    def set_headers(self, name: str, version: str, headers: Headers) -> str:
        """Copies an object onto itself within S3.

        Not every store heeds the condition: only with the same ETag it is the same object (never under KMS keys,
        where the next run sends it).
        """
        etag = version.partition(" ")[0]
        with self._failures():
            self._s3.copy_object(
                Bucket=self._name,
                Key=name,
                CopySource={"Bucket": self._name, "Key": name},
                CopySourceIfMatch=etag,
                MetadataDirective="REPLACE",
                **_arguments(headers),
            )
            return etag

    def delete(self, name: str) -> None:
        """Deletes an object."""
        with self._failures():
            self._s3.delete_object(Bucket=self._name, Key=name)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        with failures(self.where, self._environment):
            try:
                yield
            except ClientError as error:
                if error_code(error) == "NoSuchBucket":
                    raise Refused(
                        f"{self.where} does not exist: check `bucket`, and the output it is from."
                    ) from error
                if error_code(error) == "PreconditionFailed":
                    raise Transient(f"somebody else is writing to {self.where}.") from error
                raise


def _arguments(headers: Headers) -> dict[str, str]:
    cache = {"CacheControl": headers.cache_control} if headers.cache_control else {}
    return {"ContentType": headers.content_type, **cache}
