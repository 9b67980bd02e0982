"""The audit with states in S3 and Azure Blob Storage, and resources in AWS and Azure."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from envmgr.adapters.cloud.aws import AwsCloud
from envmgr.commands.audit import Audit
from envmgr.commands.audit_fixes import mend
from envmgr.domain.audit.compare import Finding, Fix, Kind
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.environment import Claim, Environment, Source, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.tags import tags_for
from envmgr.ports import StateStore
from tests.support.aws import S3_BACKEND
from tests.support.azure_control_plane import ControlPlane
from tests.support.engine import Engine, push
from tests.support.processes import free_port
from tests.support.records import recorded
from tests.support.state_backends import Backend

STATE = (
    b'{"version":4,"serial":1,"lineage":"x","outputs":{},"resources":'
    b'[{"mode":"managed","type":"aws_s3_bucket","name":"site","instances":[{}]}]}\n'
)


def s3(request: pytest.FixtureRequest) -> Backend:
    settings = {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}
    return Backend("s3", settings, request.getfixturevalue("aws_environment"))


def azurerm(request: pytest.FixtureRequest) -> Backend:
    azurite = request.getfixturevalue("azurite")
    settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
    return Backend("azurerm", settings, azurite.environment)


@pytest.fixture(params=[s3, azurerm], ids=["s3", "azurerm"])
def states(request: pytest.FixtureRequest, engine: Engine) -> StateStore:
    """Where the engine keeps its states."""
    backend: Backend = request.param(request)
    engine.settings["backend"] = {backend.kind: dict(backend.settings)}
    engine.settings["environment_variables"] = dict(backend.environment)
    return backend.store()


def look(engine: Engine) -> dict[str, Finding]:
    """The findings of the organization by what they are and are about."""
    application = engine.application
    (organization,) = application.services.organizations.values()
    return {f"{f.kind} {f.subject}": f for f in Audit(application, organization).findings()}


def adopt(engine: Engine, finding: Finding) -> None:
    """As `--fix` does."""
    assert finding.fix is Fix.ADOPT
    mend(Audit(engine.application, engine.application.services.organizations[finding.organization]), finding)


def test_states_in_a_place_of_their_own(engine: Engine, organization: str, states: StateStore) -> None:
    """A lost branch without records, a state by hand, and one of another organization in the same place."""
    engine.seal_with_a_key()
    shop = engine.repository()
    assert look(engine) == {}, "a place that the first apply will make is no finding"
    push(shop, ["alice", "bob"])
    engine.turn()
    assert look(engine) == {}
    shop.delete("env-bob")
    engine.lose_data()
    states.put(f"{organization}/shop/orphan/terraform.tfstate", STATE)
    states.put("other/shop/orphan/terraform.tfstate", STATE)
    states.put(f"{organization}/shop/void/terraform.tfstate", b"")

    found = look(engine)

    about = [f"state-without-branch {organization}/shop/{name}" for name in ("bob", "orphan")]
    assert [key for key in found if "without-branch" in key] == about
    assert found[about[1]].fix is None
    adopt(engine, found[about[0]])
    engine.turn(3, minutes=5)
    assert engine.environment("bob").status is Status.DESTROYED, engine.environment("bob").message
    assert states.read(f"{organization}/shop/bob/terraform.tfstate") is None
    assert about[0] not in look(engine)


# --- resources -----------------------------------------------------------------------------------


@pytest.fixture
def organization(engine: Engine) -> str:
    """One that no other test has, since tags are all that tells resources apart."""
    engine.settings["organization"] = f"o{uuid4().hex[:12]}"
    return str(engine.settings["organization"])


@pytest.fixture
def buckets(aws_environment: dict[str, str]) -> Callable[..., str]:
    """Makes a bucket with tags; gives its ARN."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="eu-west-1",
    )

    def make(tags: dict[str, str]) -> str:
        name = f"b-{uuid4().hex}"
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs})
        return f"arn:aws:s3:::{name}"

    return make


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    (tmp_path / "plane").mkdir()
    with ControlPlane(tmp_path / "plane") as running:
        yield running


def applied(engine: Engine, organization: str, name: str, resource: str) -> Environment:
    """A record of what was applied, with its branch and state."""
    engine.repositories["shop"].commit(f"env-{name}", {"app.py": name})
    identity = EnvironmentId(organization, "shop", name)
    commit = engine.repositories["shop"].branches()[f"env-{name}"]
    tags, now = tags_for(identity, f"env-{name}"), engine.clock()
    claim = Claim(
        commit=commit,
        source=Source(SourceKind.DIRECTORY, "terraform", "c" * 40, "terraform"),
        variables={},
        tags=tags,
        terraform_version="1.11.4",
        backend=engine.application.services.organizations[organization].backend,
        fingerprint="f" * 64,
    )
    made = recorded(
        id=identity,
        branch=f"env-{name}",
        commit=commit,
        status=Status.READY,
        claim=claim,
        resources=(resource,),
        created_at=now,
        updated_at=now,
    )
    services = engine.application.services
    services.store.revise(RepositoryId(organization, "shop"), lambda _: Observed(new=(made,)))
    store = services.organizations[organization].state()
    store.ensure()
    store.put(identity.state_key, STATE.replace(b"aws_s3_bucket", resource.partition(".")[0].encode()))
    return made


def test_resources_in_aws(
    engine: Engine, organization: str, buckets: Callable[..., str], aws_environment: dict[str, str]
) -> None:
    """With and without state, of repositories that are configured and not, and none where some should be."""
    engine.settings["environment_variables"] = aws_environment
    engine.repository()
    engine.turn()
    for name in ("alice", "vanished"):
        applied(engine, organization, name, "aws_s3_bucket.site")
    alice, stray, foreign = (
        EnvironmentId(organization, repository, name)
        for repository, name in (("shop", "alice"), ("shop", "stray"), ("removed", "x"))
    )
    buckets(tags_for(alice, "env-alice"))
    left, removed = buckets(tags_for(stray, "env-stray")), buckets(tags_for(foreign, "env-x"))
    nameless = buckets({"organization": organization, "managed-by": "envmgr"})

    found = look(engine)

    assert {f"{f.kind} {f.subject}" for f in found.values()} == {
        f"resources-without-state {nameless}",
        f"resources-without-state {stray}",
        f"state-without-resources {organization}/shop/vanished",
        f"repository-not-configured {foreign}",
    }
    assert left in found[f"resources-without-state {stray}"].what
    assert removed in found[f"repository-not-configured {foreign}"].what
    assert not any(f.fix for f in found.values())


def test_what_aws_lists_after_its_end_is_no_finding(
    engine: Engine, organization: str, aws_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index follows late, which moto's does not: the list here is put in its place."""
    engine.settings["environment_variables"] = aws_environment
    engine.repository()
    engine.turn()
    tags = tags_for(EnvironmentId(organization, "shop", "stray"), "env-stray")
    deleted, unknown = f"arn:aws:s3:::b-{uuid4().hex}", "arn:aws:sns:eu-west-1:1:stray"
    monkeypatch.setattr(AwsCloud, "_listed", lambda *_: iter([(deleted, tags)]))
    assert look(engine) == {}
    monkeypatch.setattr(AwsCloud, "_listed", lambda *_: iter([(deleted, tags), (unknown, tags)]))
    (found,) = look(engine).values()
    assert unknown in found.what
    assert deleted not in found.what


def test_resources_in_azure(engine: Engine, organization: str, plane: ControlPlane) -> None:
    """Groups and single resources, by the real libraries."""
    engine.settings["environment_variables"] = plane.environment
    engine.repository()
    engine.turn()
    alice = applied(engine, organization, "alice", "azurerm_resource_group.main").id
    plane.add_group("rg-alice", tags_for(alice, "env-alice"))
    stray = EnvironmentId(organization, "shop", "stray")
    loose = plane.add_resource("ststray", tags_for(stray, "env-stray"))
    plane.add_group("rg-stray", tags_for(stray, "env-stray"))

    seen = look(engine)
    assert len(seen) == 1, seen
    (found,) = seen.values()

    assert (found.kind, found.environment) == (Kind.RESOURCES_WITHOUT_STATE, stray)
    assert "rg-stray" in found.what
    assert loose in found.what


def test_a_cloud_that_does_not_answer_hides_nothing(
    engine: Engine, organization: str, plane: ControlPlane, aws_environment: dict[str, str]
) -> None:
    """One is away, one refuses: both are said, and what is known by the other sides still is."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    engine.settings["environment_variables"] = {
        **aws_environment,
        **plane.environment,
        "AWS_ENDPOINT_URL": nowhere,
        "NO_PROXY": "127.0.0.1",
    }
    plane.status = 403
    engine.repository()
    engine.turn()
    applied(engine, organization, "alice", "aws_s3_bucket.site")
    unseen = {f.subject: f.what for f in look(engine).values() if f.kind is Kind.UNKNOWN}
    assert list(unseen) == [f"{organization} aws", f"{organization} azurerm"]
    assert len(look(engine)) == 2, "nothing is concluded from what was not seen"


def test_without_credentials_what_is_there_is_unknown(engine: Engine, organization: str) -> None:
    """Not configured at all, though a record says that something lives there."""
    engine.repository()
    engine.turn()
    applied(engine, organization, "alice", "aws_s3_bucket.site")
    (found,) = look(engine).values()
    assert (found.kind, found.subject) == (Kind.UNKNOWN, f"{organization} aws")
    assert f"{organization}/shop/alice" in found.what


def test_a_secret_that_is_missing_is_said(engine: Engine, organization: str) -> None:
    """Without it neither states nor clouds can be looked into."""
    engine.settings["environment_variables"] = {"AWS_REGION": {"file": str(engine.folder / "no-such-secret")}}
    engine.repository()
    engine.turn()
    found = look(engine)
    assert {f.kind for f in found.values()} == {Kind.UNKNOWN}
    assert {f.subject.split()[1] for f in found.values()} == {"states", "archives", "the"}
