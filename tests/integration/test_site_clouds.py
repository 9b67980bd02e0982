"""Sites: what only S3 or only Azure has, and one through the whole of envmgr."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from envmgr.domain.errors import NeedsPerson, StepFailed
from envmgr.domain.values.environment import Environment, RunKind, Status
from envmgr.domain.values.step import Site
from tests.support.aws import REGION
from tests.support.azure import Azurite
from tests.support.azure_control_plane import ControlPlane
from tests.support.engine import MODULE, Engine, code
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.processes import HOST
from tests.support.site import SiteStep
from tests.support.site_store import AzureSiteStore, Object, S3SiteStore, site_of

PAGE = "text/html; charset=utf-8"


def test_azure_is_sent_no_name_that_it_alters(azurite: Azurite, tmp_path: Path) -> None:
    """To Azurite a backslash is a slash: the file would lie over another."""
    store = AzureSiteStore(azurite)
    store.make()
    for name in ("back\\slash.txt", "dot.", "dot./x"):
        step = SiteStep(tmp_path / name.replace("/", ""), store.target, azurite.environment)
        step.write(name)
        with pytest.raises(NeedsPerson, match="Azure does not keep a backslash"):
            step.run()
    assert store.names() == []


def test_s3_keeps_such_names(moto_url: str, aws_environment: dict[str, str], tmp_path: Path) -> None:
    store = S3SiteStore(moto_url)
    store.make()
    step = SiteStep(tmp_path, store.target, aws_environment)
    step.write("back\\slash.txt")
    step.write("dot./x")
    step.run()
    assert set(site_of(store)) == {"back\\slash.txt", "dot./x"}
    assert "2 unchanged" in step.run()


def test_the_website_of_a_storage_account(azurite: Azurite, tmp_path: Path) -> None:
    """Its container is `$web`."""
    store = AzureSiteStore(azurite, Site(folder="public").container)
    assert store.target.container == "$web"
    store.make()
    step = SiteStep(tmp_path, store.target, azurite.environment)
    step.write("index.html")
    step.run()
    assert "index.html" in site_of(store)


def test_other_headers_leave_a_blob_its_md5(azurite: Azurite, tmp_path: Path) -> None:
    """Azure forgets what is not given again, and downloads could be checked no more."""
    store = AzureSiteStore(azurite)
    store.make()
    step = SiteStep(tmp_path, store.target, azurite.environment)
    step.write("index.html", "<p>")
    blob = azurite.client().get_blob_client(store.target.container, "index.html")
    step.run()
    before = blob.get_blob_properties().content_settings.content_md5
    assert before
    assert "1 with other headers" in step.run(cache={"*": "no-cache"})
    after = blob.get_blob_properties().content_settings
    assert (after.content_md5, after.cache_control) == (before, "no-cache")


@pytest.mark.parametrize("account", ["evil.example/x", "evil.example", "ACME", "a/b"])
def test_no_credentials_go_to_another_host(azurite: Azurite, tmp_path: Path, account: str) -> None:
    """What names the account may be a Terraform output."""
    target = Site(folder="public", storage_account=account)
    step = SiteStep(tmp_path, target, azurite.environment)
    step.write("index.html")
    with pytest.raises(NeedsPerson, match="not the name of a storage account"):
        step.run()


def test_a_name_that_is_empty_is_told_as_such(tmp_path: Path) -> None:
    """As where the output is; which of the two was meant is not known then."""
    step = SiteStep(tmp_path, Site(folder="public"), {})
    step.write("index.html")
    with pytest.raises(NeedsPerson, match="`bucket` or `storage_account` is empty"):
        step.run()


@pytest.fixture
def plane(tmp_path: Path, azurite: Azurite) -> Iterator[ControlPlane]:
    """Azure's sign-in and control plane, with Azurite beside them under the same proxy."""
    blobs = {f"{azurite.account}.blob.core.windows.net:443": urlsplit(azurite.endpoint).port or 0}
    with ControlPlane(tmp_path, route=blobs.get) as running:
        both = azurite.authority.read_bytes() + running.authority.read_bytes()
        running.authority.write_bytes(both)
        yield running


def test_a_service_principal_gets_the_accounts_key_as_terraform_does(
    azurite: Azurite, plane: ControlPlane, tmp_path: Path
) -> None:
    """ARM_ACCESS_KEY beside it is the key of the states' account, and not for this one."""
    store = AzureSiteStore(azurite)
    store.make()
    step = SiteStep(tmp_path, store.target, {**plane.environment, "ARM_ACCESS_KEY": "c3RhdGVz"})
    step.write("index.html")
    with pytest.raises(StepFailed, match=f"storage account {azurite.account} is not in the subscription"):
        step.run()

    plane.add_resource(azurite.account, {})
    plane.account_keys[azurite.account] = azurite.key
    step.run()

    assert list(site_of(store)) == ["index.html"]
    (asked,) = (request for request in plane.requests if "/listKeys" in request)
    assert f"/resourceGroups/untagged/providers/Microsoft.Storage/storageAccounts/{azurite.account}/" in asked


def test_a_service_principal_may_use_its_token_alone(
    azurite: Azurite, plane: ControlPlane, tmp_path: Path
) -> None:
    """Azurite knows no tokens, so all that can be seen here is that one was shown, and no key asked for."""
    store = AzureSiteStore(azurite)
    environment = {**plane.environment, "ARM_STORAGE_USE_AZUREAD": "true"}
    step = SiteStep(tmp_path, store.target, environment)
    step.write("index.html")
    with pytest.raises(StepFailed, match=r"refuses .*ARM_CLIENT_SECRET"):
        step.run()
    assert not any("/listKeys" in request for request in plane.requests)
    assert any("/token" in request for request in plane.requests)


def test_a_sas_token_is_enough_and_never_shown(azurite: Azurite, tmp_path: Path) -> None:
    store = AzureSiteStore(azurite)
    store.make()
    token = generate_account_sas(
        azurite.account,
        azurite.key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    kept = {name: value for name, value in azurite.environment.items() if name != "ARM_ACCESS_KEY"}
    step = SiteStep(tmp_path, store.target, {**kept, "ARM_SAS_TOKEN": token})
    step.write("index.html")
    step.run()
    assert list(site_of(store)) == ["index.html"]

    step.environment["HTTPS_PROXY"] = f"http://{HOST}:9"
    with pytest.raises(StepFailed, match="cannot be reached") as caught:
        step.run()
    signature = token.partition("sig=")[2].partition("&")[0]
    assert signature
    assert signature not in "".join(traceback.format_exception(caught.value)) + "".join(step.said())


# --- through the whole of envmgr ---------------------------------------------------------------

BUCKET = f"""
variable "environment" {{ type = string }}
variable "bucket" {{ type = string }}
variable "endpoint" {{ type = string }}
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  region                      = "{REGION}"
  s3_use_path_style           = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
  endpoints {{
    s3 = var.endpoint
  }}
}}
resource "aws_s3_bucket" "site" {{
  bucket        = var.bucket
  force_destroy = true
}}
output "bucket" {{ value = aws_s3_bucket.site.bucket }}
"""


WEB = """
variable "cdn_bucket" { type = string }
output "bucket" { value = var.cdn_bucket }
"""


@pytest.mark.timeout(300)
def test_a_push_is_served(
    engine: Engine, moto_url: str, aws_environment: dict[str, str], provider_cli_config: Path
) -> None:
    """From a bucket of the environment's own, that of another of its applications too; a push moves what changed.

    Each application has a folder of its own, not the one of that name at the branch's root. A permission that the
    apply before gave may not count yet: that is waited for, nobody has to push for it.
    """
    store = S3SiteStore(moto_url)
    name = store.target.bucket
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["variables"] = {"bucket": name, "endpoint": moto_url}
    site = {"folder": "public", "bucket": "{outputs.bucket}", "cache_control": {"*.html": "no-cache"}}
    repository = engine.repository(
        applications=[
            {"name": "cdn", "deploy": [{"name": "logo", "site": {"folder": "logo", "bucket": name}}]},
            {"name": "web", "needs": ["cdn"], "deploy": [{"name": "page", "site": site}]},
        ]
    )
    files = {
        "cdn/terraform/main.tf": BUCKET,
        "cdn/logo/logo.svg": "<svg>",
        "web/terraform/main.tf": WEB,
        "web/public/index.html": "<p>one</p>",
        "web/public/app.js": "app()",
        "public/no.html": "no",
    }

    def found() -> dict[str, Environment]:
        return {e.id.application: e for e in engine.application.services.store.environments()}

    with FaultyProxy(urlsplit(moto_url).port or 0) as proxy:
        proxy.fail(Fault(status=403))
        engine.settings["environment_variables"] = {**aws_environment, "AWS_ENDPOINT_URL": proxy.url}
        repository.commit("env-alice", files)
        engine.turn()
        cdn = found()["cdn"]
        assert (cdn.status, cdn.failure.retry_at is None) == (Status.FAILED, False)
        assert f"Step logo failed: bucket {name} refuses GetObject (403)" in cdn.message
        proxy.heal()
        engine.clock.forward(minutes=1)
        engine.turn()
        assert {e.status for e in found().values()} == {Status.READY}, [e.message for e in found().values()]
        assert set(site_of(store)) == {"logo.svg", "index.html", "app.js"}
        assert site_of(store)["index.html"] == Object(b"<p>one</p>", PAGE, "no-cache")

        runs = {run.id for run in engine.runs()}
        repository.commit("env-alice", {"web/public/index.html": "<p>two</p>"})
        engine.turn()
    assert site_of(store)["index.html"].content == b"<p>two</p>"
    (deploy,) = [r for r in engine.runs() if r.id not in runs and r.environment.application == "web"]
    assert deploy.kind is RunKind.DEPLOY
    log = engine.application.services.layout.log(deploy.id).read_text()
    assert f"bucket {name}: 1 sent (10 bytes), 0 with other headers, 1 unchanged, 0 deleted" in log


def test_a_bucket_that_the_environment_did_not_make_gets_nothing(
    engine: Engine, moto_url: str, aws_environment: dict[str, str]
) -> None:
    """Though its code has the name as an output: it may be another environment's. No step runs before that is said."""
    store = S3SiteStore(moto_url)
    store.make()
    engine.settings["environment_variables"] = aws_environment
    page = {"name": "page", "site": {"folder": "public", "bucket": "{outputs.bucket}"}}
    first = {"name": "first", "run": f"touch {engine.folder}/ran"}
    module = f'{MODULE}\noutput "bucket" {{ value = "{store.target.bucket}" }}\n'
    engine.repository(deploy=[first, page]).commit("env-alice", code({"public/index.html": "<p>"}, module))
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.failure.retry_at) == (Status.FAILED, None)
    assert f"bucket {store.target.bucket} is not in the state of acme/shop/alice" in alice.message
    assert store.names() == []
    assert not (engine.folder / "ran").exists()
