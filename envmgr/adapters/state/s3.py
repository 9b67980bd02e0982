"""State in an S3 bucket: Terraform's s3 backend."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from envmgr.adapters.state.keys import ARCHIVE, archive_key, archived, is_state
from envmgr.domain.documents.state import LARGEST, LockInfo, State
from envmgr.domain.errors import NeedsPerson, PlaceMissing, RetryLater, StateLocked, Transient
from envmgr.host.credentials.aws import REFUSED, AwsAccount, error_code, failures
from envmgr.host.credentials.network import is_true
from envmgr.host.system import create_private

_NO_OBJECT = {"NoSuchKey", "404"}
_CHUNK = 1024 * 1024
_PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class S3StateStore:
    """States as objects of one bucket.

    A lock is the object `<key>.tflock` (`use_lockfile`), an item of `dynamodb_table`, or both.
    """

    def __init__(self, settings: Mapping[str, object], environment: Mapping[str, str]) -> None:
        """`settings` are Terraform's backend keys; no request is made yet. NeedsPerson where they cannot work."""
        self._settings = settings
        self._environment = environment
        self._bucket = str(settings["bucket"])
        self._where = f"the S3 bucket {self._bucket}"
        self._table = str(settings.get("dynamodb_table") or "")
        self._account = _account(settings, environment)
        path_style = is_true(settings.get("use_path_style") or settings.get("force_path_style"))
        self._s3 = self._account.client("s3", path_style=path_style)
        self._dynamodb = self._account.client("dynamodb") if self._table else None

    def ensure(self) -> str:
        """Finds or creates the bucket, private and with versioning, and finds the lock table where one is named."""
        with failures(self._where, self._environment):
            created = not self._exists()
            if created:
                self._create()
            self._check_table()
            found = "was created, closed to the public," if created else "is there,"
            return f"The S3 bucket {self._bucket} {found} {self._version()}."

    def read(self, key: str) -> State | None:
        """The state at a key."""
        found = self._get(key)
        return State.from_bytes(found[0], f"s3://{self._bucket}/{key}") if found and found[0] else None

    def lock(self, key: str) -> LockInfo | None:
        """Who holds the lock of a state, by its lock object or its item in the lock table."""
        if is_true(self._settings.get("use_lockfile")):
            found = self._get(f"{key}.tflock")
            if found:
                return LockInfo.from_json(found[0])
        return self._item(key)

    notes_late = False
    """An object and what it says are written at once."""

    def break_lock(self, key: str, lock_id: str) -> None:
        """Deletes the lock object and the item of the lock table that have this ID, as Terraform does that."""
        if not lock_id:
            return
        note = f"{key}.tflock"
        found = self._get(note) if is_true(self._settings.get("use_lockfile")) else None
        if found is not None and LockInfo.from_json(found[0]).id == lock_id:
            with failures(self._where, self._environment):
                self._s3.delete_object(Bucket=self._bucket, Key=note)
        self._break_item(key, lock_id)

    def mend(self, key: str) -> bool:
        """An object is written whole or not at all."""
        return False

    def archive(self, key: str, now: datetime) -> None:
        """Copies the state within S3, reads the copy back, and only then deletes what it was made from."""
        found = self._get(key)
        if found is None:
            # Also where an earlier call came no further than the delete.
            self._forget_digest(key)
            return
        holder = self.lock(key)
        if holder:
            raise StateLocked(
                f"The state {key} in {self._where} is locked by {holder}: it is kept until that ends."
            )
        content, version = found
        if content:
            self._copy(key, archive_key(key, now), content)
        with failures(self._where, self._environment):
            # Asked right before, as not every store deletes on a condition; our lease and Terraform's lock
            # keep others out.
            if self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"] != version:
                raise RetryLater(
                    f"The state {key} in {self._where} changed while it was archived: it is kept."
                )
            self._s3.delete_object(Bucket=self._bucket, Key=key)
        self._forget_digest(key)

    def keys(self, prefix: str = "") -> Sequence[str]:
        """The keys of all states below a prefix that hold something."""
        return [key for key, size in self._list(prefix) if is_state(key) and size]

    def archives(self, prefix: str = "") -> Sequence[tuple[str, datetime]]:
        """The archived copies of states below a prefix, by the time in their name."""
        return archived(key for key, _ in self._list(f"{ARCHIVE}{prefix}"))

    def objects(self, prefix: str) -> Sequence[str]:
        """The keys of all objects below a prefix."""
        return [key for key, _ in self._list(prefix)]

    def put(self, key: str, content: bytes) -> None:
        """Writes an object, encrypted as the states are."""
        self._write(key, content)

    def create(self, key: str, content: bytes) -> bool:
        """Writes an object where S3 has none, encrypted as the states are."""
        with failures(self._where, self._environment):
            try:
                self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=content, IfNoneMatch="*", **self._encryption()
                )
            except ClientError as error:
                if error_code(error) == "PreconditionFailed":
                    return False
                if error_code(error) == "ConditionalRequestConflict":
                    raise RetryLater(f"Somebody is writing {key} in {self._where}.") from error
                self._say_missing(error)
                raise
        return True

    def get(self, key: str) -> bytes | None:
        """An object's content."""
        found = self._get(key)
        return None if found is None else found[0]

    def upload(self, key: str, file: Path) -> None:
        """Writes a file as an object (S3 takes 5 GB at once), encrypted as the states are."""
        with file.open("rb") as content:
            self._write(key, content)

    def _write(self, key: str, content: bytes | BinaryIO) -> None:
        with failures(self._where, self._environment):
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, **self._encryption())
            except ClientError as error:
                self._say_missing(error)
                raise

    def download(self, key: str, file: Path) -> bool:
        """Writes an object to a file, a piece at a time."""
        with failures(self._where, self._environment):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if error_code(error) in _NO_OBJECT:
                    return False
                self._say_missing(error)
                raise
            with os.fdopen(create_private(file), "wb") as copy:
                for chunk in body.iter_chunks(_CHUNK):
                    copy.write(chunk)
        return True

    def delete(self, key: str) -> None:
        """Deletes an object."""
        with failures(self._where, self._environment):
            try:
                self._s3.delete_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                self._say_missing(error)
                raise

    def prune(self, before: datetime) -> int:
        """Deletes archived copies by the time in their name."""
        old = [key for key, at in self.archives() if at < before]
        with failures(self._where, self._environment):
            for key in old:
                self._s3.delete_object(Bucket=self._bucket, Key=key)
        return len(old)

    def _get(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and version tag; None where there is none; PlaceMissing where the bucket is missing."""
        with failures(self._where, self._environment):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                if answer["ContentLength"] > LARGEST:
                    raise State.too_large(f"s3://{self._bucket}/{key}")
                return answer["Body"].read(), answer["ETag"]
            except ClientError as error:
                if error_code(error) in _NO_OBJECT:
                    return None
                self._say_missing(error)
                raise

    def _list(self, prefix: str) -> Iterator[tuple[str, int]]:
        with failures(self._where, self._environment):
            try:
                pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
                for page in pages:
                    yield from ((entry["Key"], entry["Size"]) for entry in page.get("Contents", ()))
            except ClientError as error:
                self._say_missing(error)
                raise

    def _say_missing(self, error: ClientError) -> None:
        if error_code(error) == "NoSuchBucket":
            raise PlaceMissing(
                f"The S3 bucket {self._bucket} is missing: run `envmgr doctor`, which creates it, or correct "
                "`bucket` in the organization file."
            ) from error

    def _copy(self, key: str, copy: str, content: bytes) -> None:
        with failures(self._where, self._environment):
            self._s3.copy_object(
                Bucket=self._bucket,
                Key=copy,
                CopySource={"Bucket": self._bucket, "Key": key},
                **self._encryption(),
            )
        kept = self._get(copy)
        if kept is None or kept[0] != content:
            raise Transient(
                f"The copy {copy} in {self._where} is not what was copied: the state stays where it is."
            )

    def _encryption(self) -> dict[str, str]:
        """The encryption that the backend asks for, so that a copy is no less protected."""
        key = str(self._settings.get("kms_key_id") or "")
        if key:
            return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        return {"ServerSideEncryption": "AES256"} if is_true(self._settings.get("encrypt")) else {}

    def _exists(self) -> bool:
        try:
            self._s3.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error_code(error) in {"404", "NoSuchBucket"}:
                return False
            raise
        return True

    def _create(self) -> None:
        region = self._account.region
        # us-east-1 is the one region that must not be named.
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
        try:
            self._s3.create_bucket(Bucket=self._bucket, **place)
        except ClientError as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":  # somebody of ours was faster
                raise
        self._s3.put_public_access_block(Bucket=self._bucket, PublicAccessBlockConfiguration=_PRIVATE)

    def _version(self) -> str:
        """Turns versioning on where it is off; says so, also where that is not allowed."""
        try:
            if self._s3.get_bucket_versioning(Bucket=self._bucket).get("Status") == "Enabled":
                return "with versioning"
            self._s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})
        except ClientError as error:
            if error_code(error) not in REFUSED | {"NotImplemented", "MethodNotAllowed"}:
                raise
            return f"without versioning that envmgr could see or turn on ({error_code(error)}): turn it on yourself"
        return "and versioning was turned on"

    def _check_table(self) -> None:
        if self._dynamodb is None:
            return
        try:
            self._dynamodb.describe_table(TableName=self._table)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise NeedsPerson(
                f"The DynamoDB table {self._table} for state locks is missing: create it with the string partition "
                "key LockID, or use `use_lockfile: true` instead of `dynamodb_table`."
            ) from error

    def _item(self, key: str) -> LockInfo | None:
        """The lock that the lock table holds, if there is one."""
        said = self._said_by_item(key)
        return LockInfo.from_json(said) if said is not None else None

    def _said_by_item(self, key: str) -> str | None:
        if self._dynamodb is None:
            return None
        with failures(f"the DynamoDB table {self._table}", self._environment):
            answer = self._dynamodb.get_item(
                # The table's usual reads may be older than the lock.
                TableName=self._table,
                Key=self._item_key(key),
                ConsistentRead=True,
            )
        item: Mapping[str, Any] = answer.get("Item") or {}
        return str(item["Info"]["S"]) if "Info" in item else None

    def _break_item(self, key: str, lock_id: str) -> None:
        """Deletes the lock in the lock table, as long as it says what it said when its ID was read."""
        said = self._said_by_item(key)
        if self._dynamodb is None or said is None or LockInfo.from_json(said).id != lock_id:
            return
        with failures(f"the DynamoDB table {self._table}", self._environment):
            try:
                self._dynamodb.delete_item(
                    TableName=self._table,
                    Key=self._item_key(key),
                    ConditionExpression="Info = :said",
                    ExpressionAttributeValues={":said": {"S": said}},
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":  # else it is another's by now
                    raise

    def _item_key(self, key: str) -> dict[str, Any]:
        return {"LockID": {"S": f"{self._bucket}/{key}"}}

    def _forget_digest(self, key: str) -> None:
        """Deletes the checksum that Terraform keeps in the lock table: with it a new state would be refused."""
        if self._dynamodb is None:
            return
        with failures(f"the DynamoDB table {self._table}", self._environment):
            self._dynamodb.delete_item(
                TableName=self._table, Key={"LockID": {"S": f"{self._bucket}/{key}-md5"}}
            )


def _account(settings: Mapping[str, object], environment: Mapping[str, str]) -> AwsAccount:
    if settings.get("sse_customer_key") or environment.get("AWS_SSE_CUSTOMER_KEY"):
        raise NeedsPerson(
            "envmgr cannot read states under `sse_customer_key`: use `kms_key_id` in the s3 backend."
        )
    return AwsAccount(environment, settings)
