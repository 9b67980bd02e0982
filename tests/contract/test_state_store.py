"""Every state store against states, locks and crashes that the real Terraform makes through its own backend."""

import fcntl
import os
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from filecmp import cmp
from pathlib import Path
from uuid import uuid4

import pytest

from envmgr.adapters.state.keys import archive_key
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import EnvmgrError, NeedsPerson, PlaceMissing, StateLocked, Transient
from envmgr.ports import StateStore
from tests.support.aws import S3_BACKEND
from tests.support.in_memory.state_workspace import MemoryBackend
from tests.support.processes import free_port
from tests.support.state_backends import (
    KEY,
    Backend,
    Code,
    set_known_keys_only,
    shown,
)
from tests.support.waiting import stopwatch, wait_for

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CANARY = "Q0FOQVJZLW5ldmVyLXRvLWJlLXNlZW4="


def local_backend(request: pytest.FixtureRequest) -> Backend:
    folder: Path = request.getfixturevalue("tmp_path")
    return Backend("local", {"path": str(folder / "state")}, {})


def s3_backend(request: pytest.FixtureRequest) -> Backend:
    environment = request.getfixturevalue("aws_environment")
    return Backend("s3", {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}, environment)


def azurerm_backend(request: pytest.FixtureRequest) -> Backend:
    azurite = request.getfixturevalue("azurite")
    settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
    return Backend("azurerm", settings, azurite.environment)


MAKERS = {"local": local_backend, "s3": s3_backend, "azurerm": azurerm_backend}


@pytest.fixture(params=[*MAKERS, "memory"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return MemoryBackend() if request.param == "memory" else MAKERS[request.param](request)


@pytest.fixture(params=["s3", "azurerm"])
def remote(request: pytest.FixtureRequest) -> Backend:
    return MAKERS[request.param](request)


@pytest.fixture
def workspace(tmp_path: Path, terraform_binary: str, backend: Backend) -> Code:
    backend.store().ensure()
    return backend.workspace(tmp_path / "workspace", terraform_binary)


# --- ensure ----------------------------------------------------------------------------------


def test_ensure_creates_what_is_missing_once(backend: Backend) -> None:
    store = backend.store()
    assert "created" in store.ensure()
    assert "is there" in store.ensure()
    assert store.keys() == []
    assert store.read(KEY) is None
    assert store.lock(KEY) is None


# --- what Terraform wrote --------------------------------------------------------------------


def test_reads_what_terraform_applied_and_destroyed(backend: Backend, workspace: Code) -> None:
    workspace.apply()
    store = backend.store()
    state = store.read(KEY)
    assert state is not None
    assert state.resources == ("terraform_data.one",)
    assert state.outputs["url"].value == "http://alice"
    assert store.keys() == [KEY]
    assert store.lock(KEY) is None

    workspace.destroy()
    left = store.read(KEY)
    assert left is not None
    assert left.resources == ()
    assert left.serial > state.serial


def test_archives_once_and_the_key_can_be_used_again(backend: Backend, workspace: Code) -> None:
    workspace.apply()
    applied = workspace.pulled()
    store = backend.store()

    store.archive(KEY, NOW)
    store.archive(KEY, NOW + timedelta(seconds=1))

    assert store.read(KEY) is None
    assert store.keys() == []
    kept = store.read(archive_key(KEY, NOW))
    assert kept is not None
    assert (kept.lineage, kept.serial) == (applied["lineage"], applied["serial"])
    assert store.read(archive_key(KEY, NOW + timedelta(seconds=1))) is None

    workspace.apply()
    again = store.read(KEY)
    assert again is not None
    assert again.lineage != kept.lineage


def test_prunes_only_old_copies(backend: Backend, workspace: Code) -> None:
    store = backend.store()
    for days in (0, 40):
        workspace.apply()
        store.archive(KEY, NOW + timedelta(days=days))
    workspace.apply()

    assert store.prune(NOW + timedelta(days=30)) == 1
    assert store.prune(NOW + timedelta(days=30)) == 0
    assert store.read(archive_key(KEY, NOW)) is None
    assert store.read(archive_key(KEY, NOW + timedelta(days=40))) is not None
    assert store.keys() == [KEY]


def test_lists_states_and_copies_below_a_prefix(backend: Backend) -> None:
    """Two organizations share the place; what holds nothing, and what is beside a state, is none."""
    store = backend.store()
    store.ensure()
    for organization in ("acme", "acme-two"):
        for name in ("alice", "bob"):
            key = f"{organization}/shop/{name}/terraform.tfstate"
            store.put(key, b"{}" if name == "alice" else b"")
            store.put(f"{organization}/shop/{name}/envmgr-kept.zip", b"kept")
            store.put(archive_key(key, NOW), b"{}")
    store.put("archive/acme/shop/alice/notes.txt", b"by hand")

    assert store.keys("acme/") == [KEY]
    assert sorted(store.archives("acme/")) == [
        (archive_key(f"acme/shop/{name}/terraform.tfstate", NOW), NOW) for name in ("alice", "bob")
    ]
    assert len(store.archives()) == 4
    assert (store.keys("ac/"), store.archives("ac/")) == ([], [])


def test_an_organization_called_archive_is_no_archive(
    backend: Backend, tmp_path: Path, terraform_binary: str
) -> None:
    key = "archive/shop/alice/terraform.tfstate"
    store = backend.store()
    store.ensure()
    backend.workspace(tmp_path / "workspace", terraform_binary, key).apply()
    assert store.keys() == [key]
    assert store.prune(datetime.now(UTC) + timedelta(days=1)) == 0
    assert store.read(key) is not None


# --- locks -----------------------------------------------------------------------------------


def test_shows_a_running_apply_and_keeps_its_state(backend: Backend, workspace: Code) -> None:
    workspace.apply()
    store = backend.store()
    with workspace.applying():
        holder = wait_for(lambda: _noted(store))
        assert holder.operation == "OperationTypeApply"
        assert "@" in holder.who
        assert holder.created is not None
        assert abs(datetime.now(UTC) - holder.created) < timedelta(minutes=1)
        with pytest.raises(StateLocked, match=KEY):
            store.archive(KEY, NOW)
        assert store.read(KEY) is not None
        assert store.read(archive_key(KEY, NOW)) is None
    assert store.lock(KEY) is None
    state = store.read(KEY)
    assert state is not None
    assert state.resources == ("terraform_data.slow",)


def _noted(store: StateStore) -> LockInfo | None:
    """The lock once its note is written: Terraform takes the lock first."""
    holder = store.lock(KEY)
    return holder if holder and holder.id else None


def test_the_lock_of_a_killed_terraform(backend: Backend, workspace: Code) -> None:
    workspace.apply()
    store = backend.store()
    with workspace.applying() as terraform:
        holder = wait_for(lambda: _noted(store))
        terraform.kill()

    if backend.kind == "local":  # the kernel took the lock back; the note beside the state is stale
        assert store.lock(KEY) is None
    else:
        assert store.lock(KEY) == holder
        with pytest.raises(StateLocked, match=holder.id):
            store.archive(KEY, NOW)
        workspace.force_unlock(holder.id)
        assert store.lock(KEY) is None
    store.archive(KEY, NOW)
    assert store.read(KEY) is None
    workspace.write('resource "terraform_data" "one" {}')
    workspace.apply()


# --- a state that is put there ---------------------------------------------------------------


def test_a_state_is_put_only_where_there_is_none(
    backend: Backend, workspace: Code, terraform_binary: str
) -> None:
    """Terraform goes on with it, and nothing takes its place."""
    workspace.apply()
    store, other = backend.store(), "acme/shop/bob/terraform.tfstate"
    content = store.get(KEY)
    assert content
    assert store.create(other, content)
    assert not store.create(other, b"another")
    assert not store.create(KEY, b"another")
    assert (store.get(other), store.get(KEY)) == (content, content)

    there = backend.workspace(workspace.folder.with_name("there"), terraform_binary, other)
    assert not there.has_changes()


def test_a_state_takes_the_place_of_an_empty_object(backend: Backend) -> None:
    """As a lock may leave one where nothing was applied; S3 has a lock that is an object of its own."""
    store = backend.store()
    store.ensure()
    if backend.kind != "s3":
        store.put(KEY, b"")
    assert store.create(KEY, b"first")
    assert not store.create(KEY, b"second")
    assert store.get(KEY) == b"first"


def test_no_state_is_put_in_the_place_of_one_that_a_terraform_holds(tmp_path: Path) -> None:
    backend = Backend("local", {"path": str(tmp_path)}, {})
    store, path = backend.store(), tmp_path / KEY
    store.put(KEY, b"")
    with path.open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        with pytest.raises(StateLocked, match=KEY):
            store.create(KEY, b"{}")
    assert store.create(KEY, b"{}")
    assert [found.name for found in path.parent.iterdir()] == [path.name]


# --- envmgr's own objects --------------------------------------------------------------------


def test_an_object_of_our_own_is_kept_beside_the_state(backend: Backend, workspace: Code) -> None:
    workspace.apply()
    store, key = backend.store(), "acme/shop/alice/envmgr-kept.zip"
    assert store.get(key) is None
    store.delete(key)
    for content in (b"first", b"", b"\0second\xff" * 1000):
        store.put(key, content)
        assert backend.store().get(key) == content

    assert set(store.objects("acme/")) == {KEY, key}
    assert set(store.objects("acme/shop/alice/")) == {KEY, key}
    assert store.objects("acm/") == []
    assert store.keys() == [KEY], "it is no state"
    store.archive(KEY, NOW)
    assert store.get(key) == content
    assert store.objects("acme/") == [key]
    store.delete(key)
    assert store.get(key) is None
    assert store.objects("acme/") == []


# --- what goes wrong -------------------------------------------------------------------------


def test_a_file_of_any_size_is_kept_beside_the_state(backend: Backend, tmp_path: Path) -> None:
    """Larger than what is sent in one request; as it was, for its owner only."""
    store = backend.store()
    store.ensure()
    key, file, copy = "acme/shop/alice/envmgr-kept.zip", tmp_path / "file", tmp_path / "copy"
    with file.open("wb") as content:
        content.write(b"first")
        content.truncate(65 * 2**20)
        content.seek(0, os.SEEK_END)
        content.write(b"last")
    assert not store.download(key, copy)
    assert not copy.exists()

    tracemalloc.start()
    store.upload(key, file)
    assert store.download(key, copy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 48 * 2**20 or isinstance(backend, MemoryBackend)

    assert cmp(file, copy, shallow=False)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert store.objects("acme/") == [key]
    file.write_bytes(b"")
    store.upload(key, file)
    assert store.get(key) == b""
    store.delete(key)
    assert not store.download(key, tmp_path / "another")


def test_a_missing_place_is_for_a_person(backend: Backend, tmp_path: Path) -> None:
    store = backend.store()
    for ask in (store.read, store.lock):
        with pytest.raises(PlaceMissing, match=r"is missing.*envmgr doctor"):
            ask(KEY)
    for ask_of_ours in (store.get, store.delete, store.objects):
        with pytest.raises(PlaceMissing, match="is missing"):
            ask_of_ours("acme/")
    with pytest.raises(PlaceMissing, match="is missing"):
        store.put("acme/shop/alice/envmgr-kept.zip", b"")
    (tmp_path / "file").write_bytes(b"")
    for move in (store.upload, store.download):
        with pytest.raises(PlaceMissing, match="is missing"):
            move(KEY, tmp_path / "file")
    with pytest.raises(PlaceMissing, match="is missing"):
        store.create(KEY, b"")
    with pytest.raises(PlaceMissing, match="is missing"):
        store.archive(KEY, NOW)
    with pytest.raises(PlaceMissing, match="is missing"):
        store.keys()


def test_a_state_that_is_none_is_for_a_person(backend: Backend, workspace: Code) -> None:
    workspace.apply()
    store = backend.store()
    store.archive(KEY, NOW)
    corrupt(backend, archive_key(KEY, NOW))
    with pytest.raises(NeedsPerson, match=r"acme/shop/alice.*restore it from a copy"):
        store.read(archive_key(KEY, NOW))


def corrupt(backend: Backend, key: str) -> None:
    if isinstance(backend, MemoryBackend):
        backend.place.objects[key] = b"{ not a state"
    elif backend.kind == "local":
        Path(str(backend.settings["path"]), key).write_bytes(b"{ not a state")
    elif backend.kind == "s3":
        import boto3

        place = backend.environment["AWS_ENDPOINT_URL"]
        client = boto3.client(
            "s3",
            endpoint_url=place,
            aws_access_key_id="t",
            aws_secret_access_key="t",
            region_name="eu-west-1",
        )
        client.put_object(Bucket=backend.settings["bucket"], Key=key, Body=b"{ not a state")
    else:
        from envmgr.adapters.state.azure_blob import AzureBlobStateStore

        store = AzureBlobStateStore(backend.settings, backend.environment)
        store._blob(key).upload_blob(b"{ not a state", overwrite=True)


@pytest.fixture
def distrustful_moto(moto_url: str) -> Iterator[None]:
    """Moto refuses keys that it does not know."""
    set_known_keys_only(moto_url, "0")
    yield
    set_known_keys_only(moto_url, "inf")


WRONG = {"s3": "AWS_SECRET_ACCESS_KEY", "azurerm": "ARM_ACCESS_KEY"}


def test_a_wrong_key_names_its_variable_and_not_its_value(
    remote: Backend, request: pytest.FixtureRequest
) -> None:
    remote.store().ensure()
    if remote.kind == "s3":
        request.getfixturevalue("distrustful_moto")
    store = replace(remote, environment={**remote.environment, WRONG[remote.kind]: CANARY}).store()
    for ask in (store.ensure, lambda: store.read(KEY), lambda: store.lock(KEY), store.keys):
        with pytest.raises(NeedsPerson, match=WRONG[remote.kind]) as caught:
            ask()
        assert CANARY not in shown(caught.value)


def test_an_unreachable_store_is_transient_and_quick(remote: Backend) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    variable = {"s3": "AWS_ENDPOINT_URL", "azurerm": "HTTPS_PROXY"}[remote.kind]
    environment = {**remote.environment, variable: nowhere, WRONG[remote.kind]: CANARY}
    store = replace(remote, environment=environment).store()
    seconds = stopwatch()
    with pytest.raises(Transient, match="cannot be reached") as caught:
        store.read(KEY)
    assert seconds() < 10
    assert CANARY not in shown(caught.value)


def test_the_process_variables_count_for_nothing(remote: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started envmgr has credentials, a proxy and an endpoint: no organization may profit or suffer."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, nowhere)
    for name in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE"):
        monkeypatch.setenv(name, "/nonexistent")
    for name, value in remote.environment.items():
        if "KEY" in name:
            monkeypatch.setenv(name, value)
    assert "created" in remote.store().ensure()

    bare = {name: value for name, value in remote.environment.items() if "KEY" not in name}
    with pytest.raises(EnvmgrError) as caught:
        replace(remote, environment=bare).store().read(KEY)
    assert isinstance(caught.value, NeedsPerson), shown(caught.value)
