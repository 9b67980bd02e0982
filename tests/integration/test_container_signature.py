"""A run whose state is in Azure gets a signature for that container, and not the account's key: as Azurite checks it."""

import json
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient

from envmgr.domain.values.environment import Status
from tests.support.azure import Azurite
from tests.support.engine import Engine

SHOWS = """
resource "terraform_data" "app" {
  provisioner "local-exec" {
    command = "env > apply.env"
  }
}
"""


@pytest.mark.parametrize("cage", ["none", "bwrap"])
def test_a_run_opens_its_container_alone(engine: Engine, azurite: Azurite, cage: str) -> None:
    """Terraform's own backend works with it: init, plan, lock, apply; a deploy step gets nothing of it."""
    own, other = (f"states-{uuid4().hex}" for _ in range(2))
    azurite.client().create_container(other)
    engine.settings["backend"] = {"azurerm": {"storage_account_name": azurite.account, "container_name": own}}
    engine.settings["environment_variables"] = azurite.environment
    engine.settings["credentials"] = {"container_signature": "1h"}
    engine.settings["cage"] = {"kind": cage, "network": "open"}
    shop = engine.repository(deploy=[{"name": "show", "run": "env > deploy.env"}])
    shop.commit("env-alice", {"terraform/main.tf": SHOWS})

    engine.turn()

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    folder = engine.data / "workspaces/acme/shop/alice"
    [applied], [deployed] = (list(folder.rglob(f"{name}.env")) for name in ("apply", "deploy"))
    variables = dict(line.partition("=")[::2] for line in applied.read_text().splitlines())
    assert "ARM_ACCESS_KEY" not in variables
    assert "ARM_ACCESS_KEY" not in deployed.read_text()
    assert "ARM_SAS_TOKEN" not in deployed.read_text()

    def opened(name: str) -> ContainerClient:
        return ContainerClient(
            azurite.endpoint,
            name,
            credential=variables["ARM_SAS_TOKEN"],
            connection_verify=str(azurite.authority),
        )

    assert [blob.name for blob in opened(own).list_blobs() if blob.name.endswith(".tfstate")] == [
        "acme/shop/alice/terraform.tfstate"
    ]
    with pytest.raises(HttpResponseError) as refused:
        list(opened(other).list_blobs())
    assert refused.value.status_code == 403
    with pytest.raises(HttpResponseError):
        opened(own).delete_blob("acme/shop/alice/terraform.tfstate")
    logs = "".join(path.read_text() for path in (engine.data / "logs").rglob("*.log*"))
    assert json.dumps(variables["ARM_SAS_TOKEN"])[1:-1] not in logs
    if cage == "none":
        shop.delete("env-alice")
        engine.turn(3, minutes=3)
        assert engine.statuses() == {"alice": "destroyed"}, engine.environment("alice").message
