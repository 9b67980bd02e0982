"""The whole life with state in Azure Blob Storage and S3, with PostgreSQL as the store, and on AWS itself."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import boto3
import psycopg
import pytest
from azure.storage.blob import ContainerClient

from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.support.aws import S3_BACKEND
from tests.support.azure import Azurite
from tests.support.engine import MODULE, Engine, code, push

KEY = "acme/shop/alice/terraform.tfstate"
SECOND = MODULE + '\nresource "terraform_data" "more" {}\n'


class StateStore(Protocol):
    """A real place of states, looked into with its own client, past envmgr."""

    @property
    def backend(self) -> dict[str, Any]:
        """For the organization file."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The credentials, for the organization's environment_variables."""

    def exists(self) -> bool:
        """Whether there is a container or bucket."""

    def keys(self) -> Sequence[str]:
        """What is in it."""

    def read(self, key: str) -> str:
        """An object's text."""

    def remove(self) -> None:
        """Take it away with all that is in it."""


@dataclass
class AzureStates:
    """A container of Azurite that is not there yet."""

    azurite: Azurite
    container: ContainerClient

    @property
    def backend(self) -> dict[str, Any]:
        account, name = self.azurite.account, self.container.container_name
        return {"azurerm": {"storage_account_name": account, "container_name": name}}

    @property
    def environment(self) -> dict[str, str]:
        return self.azurite.environment

    def exists(self) -> bool:
        return self.container.exists()

    def keys(self) -> Sequence[str]:
        return list(self.container.list_blob_names())

    def read(self, key: str) -> str:
        return self.container.download_blob(key, encoding="utf-8").readall()

    def remove(self) -> None:
        self.container.delete_container()


@dataclass
class S3States:
    """A bucket of moto's that is not there yet."""

    client: Any
    bucket: str
    environment: dict[str, str]

    @property
    def backend(self) -> dict[str, Any]:
        return {"s3": {**S3_BACKEND, "bucket": self.bucket}}

    def exists(self) -> bool:
        return self.bucket in [bucket["Name"] for bucket in self.client.list_buckets()["Buckets"]]

    def keys(self) -> Sequence[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return [entry["Key"] for entry in found]

    def read(self, key: str) -> str:
        return str(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def remove(self) -> None:
        versions = self.client.list_object_versions(Bucket=self.bucket)
        for entry in [*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())]:
            self.client.delete_object(Bucket=self.bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        self.client.delete_bucket(Bucket=self.bucket)


def aws_client(environment: dict[str, str], service: str) -> Any:
    """A client that reaches moto and nothing else."""
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(params=["azurerm", "s3"])
def states(request: pytest.FixtureRequest, engine: Engine) -> Iterator[StateStore]:
    """A state store in which nothing is, not even its container, and the engine's backend."""
    name = f"states-{uuid4().hex}"
    made: StateStore
    if request.param == "azurerm":
        azurite: Azurite = request.getfixturevalue("azurite")
        with azurite.client() as service:
            made = AzureStates(azurite, service.get_container_client(name))
            yield use(engine, made)
    else:
        environment: dict[str, str] = request.getfixturevalue("aws_environment")
        made = S3States(aws_client(environment, "s3"), name, environment)
        yield use(engine, made)


def use(engine: Engine, states: StateStore) -> StateStore:
    """Let the engine keep its states there."""
    engine.settings["backend"] = states.backend
    engine.settings["environment_variables"] = states.environment
    return states


def resources(states: StateStore) -> set[str]:
    """The addresses in alice's state."""
    found = json.loads(states.read(KEY))["resources"]
    return {f"{each['type']}.{each['name']}" for each in found}


def live(engine: Engine) -> None:
    """Push, change, push what changes no infrastructure; each is applied as it should be."""
    shop = engine.repositories["shop"]
    push(shop, ["alice"])
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert engine.environment("alice").applied.url == "http://alice.example.com"
    shop.commit("env-alice", code(module=SECOND))
    engine.turn(seconds=30)
    assert set(engine.environment("alice").applied.resources) == {"terraform_data.app", "terraform_data.more"}
    engine.calls()
    commit = shop.commit("env-alice", {"app.py": "print('new')"})
    engine.turn(seconds=30)
    assert engine.calls() == []
    assert engine.environment("alice").applied.commit == commit


def end(engine: Engine) -> None:
    """Delete the branch and let it be confirmed and its grace period pass."""
    engine.repositories["shop"].delete("env-alice")
    engine.turn(2, seconds=30)
    assert engine.environment("alice").status is Status.WAITING
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert [(run.kind, run.status) for run in engine.runs()] == [
        (RunKind.APPLY, RunStatus.SUCCEEDED),
        (RunKind.APPLY, RunStatus.SUCCEEDED),
        (RunKind.DESTROY, RunStatus.SUCCEEDED),
    ]


def test_a_life_with_its_state_in_a_store_of_the_cloud(engine: Engine, states: StateStore) -> None:
    """The store is made on first use; at the end the state is archived, and nothing else is left."""
    engine.repository()

    live(engine)
    assert resources(states) == {"terraform_data.app", "terraform_data.more"}
    if isinstance(states, S3States):
        assert states.client.get_bucket_versioning(Bucket=states.bucket)["Status"] == "Enabled"
    end(engine)

    archived = [key for key in list(states.keys()) if not key.endswith("/envmgr-owner.json")]
    assert [key.startswith(f"archive/{KEY}.") for key in archived] == [True]
    assert json.loads(states.read(archived[0]))["resources"] == []


def test_a_store_that_went_missing_is_not_made_again(engine: Engine, states: StateStore) -> None:
    """What was applied is not applied once more, and a new environment does not hide the loss either."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    engine.restart()
    states.remove()
    push(shop, ["alice"], SECOND)
    push(shop, ["bob"])
    engine.calls()

    engine.turn(2, minutes=2)

    assert engine.statuses() == {"alice": "failed", "bob": "failed"}
    assert "is missing" in engine.environment("alice").message
    assert "does not exist" in engine.environment("bob").message
    assert "apply" not in engine.calls()
    assert not states.exists()


def test_a_life_with_the_records_on_postgresql(engine: Engine, postgres_database: str) -> None:
    """By the daemon's settings beside the organization file; no SQLite file comes to be."""
    engine.folder.joinpath("daemon.yaml").write_text(f"daemon: {{database: '{postgres_database}'}}\n")
    engine.repository()

    live(engine)
    engine.restart()
    assert engine.environment("alice").status is Status.READY
    end(engine)

    with psycopg.connect(postgres_database) as connection:
        found = connection.execute("select status, count(*) from runs group by status").fetchall()
    assert found == [("succeeded", 3)]
    assert not list(engine.data.glob("*.db"))
