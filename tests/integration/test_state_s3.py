"""What only the S3 state store has: versioning, lock tables, encryption and roles; the real Terraform against moto."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from envmgr.adapters.state.keys import archive_key
from envmgr.adapters.state.s3 import S3StateStore
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import NeedsPerson, RetryLater, StateLocked
from tests.support.aws import S3_BACKEND
from tests.support.state_backends import KEY, Backend, Workspace, set_known_keys_only
from tests.support.waiting import wait_for

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Client = Callable[[str], Any]


@pytest.fixture
def backend(aws_environment: dict[str, str]) -> Backend:
    return Backend("s3", {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}, aws_environment)


@pytest.fixture
def client(aws_environment: dict[str, str]) -> Client:
    def make(service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-west-1"}
        return boto3.client(service, endpoint_url=aws_environment["AWS_ENDPOINT_URL"], **keys)

    return make


def make_bucket(client: Client, backend: Backend) -> str:
    name = str(backend.settings["bucket"])
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


def make_lock_table(client: Client, name: str) -> None:
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_a_new_bucket_is_private_and_versioned(backend: Backend, client: Client) -> None:
    assert (
        backend.store().ensure().endswith("was created, closed to the public, and versioning was turned on.")
    )
    name = backend.settings["bucket"]
    assert client("s3").get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    blocked = client("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert backend.store().ensure().endswith("is there, with versioning.")


def test_versioning_is_turned_on_in_a_bucket_that_was_there(backend: Backend, client: Client) -> None:
    name = make_bucket(client, backend)
    assert backend.store().ensure().endswith("is there, and versioning was turned on.")
    assert client("s3").get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_a_lock_object_is_deleted_only_by_its_id(backend: Backend, client: Client) -> None:
    """As Terraform does it, which takes a working folder for that; one that says nothing is left to a person."""
    make_bucket(client, backend)
    store, note = backend.store(), f"{KEY}.tflock"
    for content in (b'{"ID": "one", "Who": "root@gone"}', b""):
        store.put(note, content)
        held = store.lock(KEY)
        for wrong in ("another", ""):
            store.break_lock(KEY, wrong)
            assert store.lock(KEY) == held
        store.break_lock(KEY, "one")
    assert store.objects(KEY) == [note]  # the one that says nothing
    store.put(note, b'{"ID": "one"}')
    store.break_lock(KEY, "one")
    assert store.lock(KEY) is None


@pytest.mark.parametrize("has_both", [False, True])
def test_a_lock_in_a_table_is_deleted_only_by_its_id(
    backend: Backend, client: Client, monkeypatch: pytest.MonkeyPatch, has_both: bool
) -> None:
    """Also where Terraform took both, an object and an item; and not where another took it since its ID was read."""
    table = f"locks-{uuid4().hex}"
    make_bucket(client, backend)
    make_lock_table(client, table)
    settings = {**backend.settings, "use_lockfile": has_both, "dynamodb_table": table}
    store, dynamodb = replace(backend, settings=settings).store(), client("dynamodb")

    def lock(identity: str) -> str:
        said = f'{{"ID": "{identity}", "Who": "root@gone"}}'
        name = {"S": f"{backend.settings['bucket']}/{KEY}"}
        dynamodb.put_item(TableName=table, Item={"LockID": name, "Info": {"S": said}})
        if has_both:
            store.put(f"{KEY}.tflock", said.encode())
        return said

    lock("one")
    for wrong in ("another", ""):
        store.break_lock(KEY, wrong)
    held = store.lock(KEY)
    assert held is not None
    assert held.id == "one"
    store.break_lock(KEY, "one")
    assert store.lock(KEY) is None
    assert dynamodb.scan(TableName=table)["Items"] == []

    before = lock("two")
    lock("three")
    monkeypatch.setattr(store, "_said_by_item", lambda _: before)
    store.break_lock(KEY, "two")
    monkeypatch.undo()
    assert "three" in str(dynamodb.scan(TableName=table)["Items"])


@pytest.fixture
def limited(backend: Backend, client: Client, moto_url: str) -> Iterator[Backend]:
    """The same backend for a user who may neither read states nor touch versioning."""
    make_bucket(client, backend)
    iam, user = client("iam"), f"user-{uuid4().hex}"
    iam.create_user(UserName=user)
    denied = ["s3:GetBucketVersioning", "s3:PutBucketVersioning", "s3:GetObject"]
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": denied, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    iam.put_user_policy(UserName=user, PolicyName="look", PolicyDocument=document)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    own = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    set_known_keys_only(moto_url, "0")
    yield replace(backend, environment={**backend.environment, **own})
    set_known_keys_only(moto_url, "inf")


def test_forbidden_versioning_is_said_and_forbidden_states_are_refused(limited: Backend) -> None:
    assert (
        "is there, without versioning that envmgr could see or turn on (AccessDenied)"
        in limited.store().ensure()
    )
    with pytest.raises(NeedsPerson, match=r"refuses GetObject \(AccessDenied\)"):
        limited.store().read(KEY)


def test_a_lock_table_as_older_backends_have_it(
    backend: Backend, client: Client, tmp_path: Path, terraform_binary: str
) -> None:
    table = f"locks-{uuid4().hex}"
    backend = replace(backend, settings={**backend.settings, "use_lockfile": False, "dynamodb_table": table})
    store = backend.store()
    with pytest.raises(NeedsPerson, match=f"{table} for state locks is missing"):
        store.ensure()
    make_lock_table(client, table)
    store.ensure()
    workspace = Workspace(tmp_path / "workspace", terraform_binary, backend)
    workspace.apply()
    with workspace.applying():
        holder = wait_for(lambda: store.lock(KEY))
        assert holder.operation == "OperationTypeApply"
        with pytest.raises(StateLocked, match=holder.id):
            store.archive(KEY, NOW)
    assert store.lock(KEY) is None

    store.archive(KEY, NOW)
    assert client("dynamodb").scan(TableName=table)["Items"] == []  # a digest would refuse the next state
    workspace.write('resource "terraform_data" "one" {}')
    workspace.apply()
    assert store.keys() == [KEY]


def test_a_copy_is_encrypted_as_the_backend_asks(
    backend: Backend, client: Client, tmp_path: Path, terraform_binary: str
) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    backend = replace(backend, settings={**backend.settings, "encrypt": True, "kms_key_id": key})
    store = backend.store()
    store.ensure()
    Workspace(tmp_path / "workspace", terraform_binary, backend).apply()
    store.archive(KEY, NOW)
    copy = client("s3").head_object(Bucket=backend.settings["bucket"], Key=archive_key(KEY, NOW))
    assert (copy["ServerSideEncryption"], copy["SSEKMSKeyId"]) == ("aws:kms", key)


def test_a_state_that_changes_meanwhile_is_kept(
    backend: Backend, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_bucket(client, backend)
    client("s3").put_object(Bucket=name, Key=KEY, Body=b"one")
    store = S3StateStore(backend.settings, backend.environment)
    whole = store._copy

    def copy_then_change(*arguments: Any) -> None:
        whole(*arguments)
        client("s3").put_object(Bucket=name, Key=KEY, Body=b"two")

    monkeypatch.setattr(store, "_copy", copy_then_change)
    with pytest.raises(RetryLater, match="changed while it was archived"):
        store.archive(KEY, NOW)
    assert client("s3").get_object(Bucket=name, Key=KEY)["Body"].read() == b"two"


def test_a_broken_copy_keeps_the_state(
    backend: Backend, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_bucket(client, backend)
    client("s3").put_object(Bucket=name, Key=KEY, Body=b"one")
    store = S3StateStore(backend.settings, backend.environment)
    whole = store._get
    monkeypatch.setattr(store, "_get", lambda key: whole(key) if key == KEY else None)
    monkeypatch.setattr(store, "lock", lambda _: None)
    with pytest.raises(Exception, match="the state stays where it is"):
        store.archive(KEY, NOW)
    assert store.keys() == [KEY]


def test_a_lock_note_that_cannot_be_read_is_still_a_lock(backend: Backend, client: Client) -> None:
    name = make_bucket(client, backend)
    client("s3").put_object(Bucket=name, Key=f"{KEY}.tflock", Body=b"{")
    assert backend.store().lock(KEY) == LockInfo("")


def test_acts_in_the_role_that_the_backend_names(backend: Backend) -> None:
    role = {"role_arn": "arn:aws:iam::123456789012:role/states", "session_name": "envmgr"}
    store = S3StateStore({**backend.settings, "assume_role": role}, backend.environment)
    assert "created" in store.ensure()
    used = store._account._session.get_credentials()
    assert used.method == "assumed-role"
    assert used.access_key != backend.environment["AWS_ACCESS_KEY_ID"]


def test_a_web_identity_of_the_organization(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("throw-away-token")
    own = {name: value for name, value in backend.environment.items() if "KEY" not in name}
    role = "arn:aws:iam::123456789012:role/acme"
    identity = {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    store = S3StateStore(backend.settings, {**own, **identity})
    assert "created" in store.ensure()
    assert store._account._session.get_credentials().method == "assume-role-with-web-identity"

    for name, value in identity.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NeedsPerson, match="no usable AWS credentials"):
        S3StateStore(backend.settings, own).ensure()


def test_a_profile_of_the_organizations_own_files(backend: Backend, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[acme]\naws_access_key_id = from-the-file\naws_secret_access_key = secret\n")
    own = {name: value for name, value in backend.environment.items() if "KEY" not in name}
    own |= {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_PROFILE": "acme"}
    store = S3StateStore(backend.settings, own)
    assert "created" in store.ensure()
    assert store._account._session.get_credentials().access_key == "from-the-file"
    with pytest.raises(NeedsPerson, match="profile"):
        S3StateStore(backend.settings, {**own, "AWS_PROFILE": "nobody"})


def test_customer_keys_are_refused_before_anything_is_asked(backend: Backend) -> None:
    with pytest.raises(NeedsPerson, match="kms_key_id"):
        S3StateStore({**backend.settings, "sse_customer_key": "canary"}, backend.environment)


def test_lists_every_page(backend: Backend, client: Client) -> None:
    name, s3 = make_bucket(client, backend), client("s3")
    for number in range(5):
        s3.put_object(Bucket=name, Key=f"acme/shop/e{number}/terraform.tfstate", Body=b"x")
    store = S3StateStore(backend.settings, backend.environment)
    asked: list[object] = []

    def two_at_once(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2
        asked.append(params)

    store._s3.meta.events.register("provide-client-params.s3.ListObjectsV2", two_at_once)
    assert len(store.keys()) == 5
    assert len(asked) == 3


def test_an_endpoint_of_the_process_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    store = S3StateStore({"bucket": "acme"}, {"AWS_REGION": "eu-west-1"})
    assert store._s3.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
