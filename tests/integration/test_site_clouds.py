"""Sites: what only S3 or only Azure has, and one through the whole of envmgr."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from envmgr.domain.environment import RunKind, Status
from envmgr.domain.errors import NeedsPerson, StepFailed
from envmgr.domain.step import Site
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
        with pytest.raises(NeedsPerson, match="Azure keeps no backslash"):
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
    with pytest.raises(NeedsPerson, match="no storage account's name"):
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


def test_a_push_is_served(engine: Engine, moto_url: str, aws_environment: dict[str, str]) -> None:
    """The bucket's name is an output; the second push moves its one file, and no Terraform runs."""
    store = S3SiteStore(moto_url)
    store.make()
    engine.settings["environment_variables"] = aws_environment
    site = {"folder": "public", "bucket": "{outputs.bucket}", "cache_control": {"*.html": "no-cache"}}
    repository = engine.repository(deploy=[{"name": "page", "site": site}])
    module = f'{MODULE}\noutput "bucket" {{ value = "{store.target.bucket}" }}\n'

    def push(text: str) -> None:
        repository.commit("env-alice", code({"public/index.html": text, "public/app.js": "app()"}, module))
        engine.turn()
        assert engine.environment("alice").status is Status.READY, engine.environment("alice").message

    push("<p>one</p>")
    assert site_of(store)["index.html"] == Object(b"<p>one</p>", PAGE, "no-cache")
    runs = engine.runs()
    push("<p>two</p>")

    assert site_of(store)["index.html"].content == b"<p>two</p>"
    (deploy,) = [run for run in engine.runs() if run.id not in {before.id for before in runs}]
    assert deploy.kind is RunKind.DEPLOY
    log = engine.application.services.layout.log(deploy.id).read_text()
    assert (
        f"bucket {store.target.bucket}: 1 sent (10 bytes), 0 with other headers, 1 unchanged, 0 deleted"
        in log
    )


def test_a_permission_that_does_not_count_yet_is_waited_for(
    engine: Engine, moto_url: str, aws_environment: dict[str, str]
) -> None:
    """As where the apply before gave it: nobody has to push for it."""
    store = S3SiteStore(moto_url)
    store.make()
    page = {"name": "page", "site": {"folder": "public", "bucket": store.target.bucket}}
    repository = engine.repository(deploy=[page])
    with FaultyProxy(urlsplit(moto_url).port or 0) as proxy:
        proxy.fail(Fault(status=403))
        engine.settings["environment_variables"] = {**aws_environment, "AWS_ENDPOINT_URL": proxy.url}
        repository.commit("env-alice", code({"public/index.html": "<p>"}))
        engine.turn()
        alice = engine.environment("alice")
        assert (alice.status, alice.retry_at is None) == (Status.FAILED, False)
        assert f"Step page failed: bucket {store.target.bucket} refuses GetObject (403)" in alice.message
        proxy.heal()
        engine.clock.forward(minutes=1)
        engine.turn()
    assert engine.environment("alice").status is Status.READY
    assert site_of(store)["index.html"].content == b"<p>"


def test_an_application_serves_a_folder_of_its_own(
    engine: Engine, moto_url: str, aws_environment: dict[str, str]
) -> None:
    """Not the one of that name at the branch's root."""
    store = S3SiteStore(moto_url)
    store.make()
    engine.settings["environment_variables"] = aws_environment
    page = {"name": "page", "site": {"folder": "public", "bucket": store.target.bucket}}
    repository = engine.repository(applications=[{"name": "web", "folder": "apps/web", "deploy": [page]}])
    files = {
        "apps/web/terraform/main.tf": MODULE,
        "apps/web/public/index.html": "web",
        "public/index.html": "no",
    }
    repository.commit("env-alice", files)
    engine.turn()
    [web] = engine.application.services.store.environments()
    assert web.status is Status.READY, web.message
    assert site_of(store)["index.html"].content == b"web"
