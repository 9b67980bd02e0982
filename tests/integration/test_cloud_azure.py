"""The Azure cloud adapter through the real Azure libraries, against a stand-in for the control plane."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from envmgr.adapters.cloud.azure import AzureCloud
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.host.credentials.azure import AzureAccount
from tests.support.azure_control_plane import SECRET, ControlPlane
from tests.support.processes import free_port
from tests.support.state_backends import shown

TAGS = {"environment": "alice", "project": "shop", "organization": "acme", "managed-by": "envmgr"}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path) as running:
        yield running


def test_finds_groups_and_resources_on_every_page(plane: ControlPlane) -> None:
    left = [plane.add_group(f"rg-shop-alice-{number}", TAGS) for number in range(5)]
    left += [plane.add_resource(f"alice{number}", {**TAGS, "extra": "yes"}) for number in range(3)]
    plane.add_group("rg-shop-bob", {**TAGS, "environment": "bob"})
    plane.add_group("rg-other-alice", {**TAGS, "project": "other"})
    plane.add_resource("loose", {"environment": "alice"})
    assert AzureCloud(plane.environment).remaining(TAGS) == sorted(left)


def test_tag_names_are_the_same_in_any_case_and_values_are_not(plane: ControlPlane) -> None:
    left = plane.add_group("rg-1", {**TAGS, "Project": "shop"} | {"environment": "alice"})
    plane.add_group("rg-2", {**TAGS, "project": "Shop"})
    plane.groups[0]["tags"].pop("project")
    assert AzureCloud(plane.environment).remaining(TAGS) == [left]


def test_all_that_is_tagged_comes_with_its_tags(plane: ControlPlane) -> None:
    """In one pass over the subscription; names of tags in lower case."""
    ours = {"organization": "acme", "managed-by": "envmgr"}
    left = {plane.add_group(f"rg-shop-{n}", {**TAGS, "environment": n}): n for n in ("alice", "bob", "carol")}
    left |= {plane.add_resource(f"st{n}", {**TAGS, "Environment": n}): n for n in ("dave", "erin", "fred")}
    for resource in plane.resources:
        resource["tags"].pop("environment")
    plane.add_group("rg-other", {**TAGS, "organization": "other"})
    plane.add_resource("loose", {"managed-by": "envmgr"})

    found = AzureCloud(plane.environment).tagged(ours)

    assert {identity: tags["environment"] for identity, tags in found} == left
    asked = [request for request in plane.requests if request.startswith("GET /subscriptions/")]
    assert len(asked) == 4, "two pages each"


def test_without_an_answer_nothing_is_known_of_what_is_tagged(plane: ControlPlane) -> None:
    plane.status = 403
    with pytest.raises(NeedsPerson):
        AzureCloud(plane.environment).tagged({"managed-by": "envmgr"})
    with pytest.raises(ValueError, match="without tags"):
        AzureCloud(plane.environment).tagged({})


def test_nothing_is_left(plane: ControlPlane) -> None:
    assert AzureCloud(plane.environment).remaining(TAGS) == []
    asked = [request for request in plane.requests if request.startswith("GET /subscriptions/")]
    assert len(asked) == 2


def test_a_quote_in_a_tag_stays_within_the_filter(plane: ControlPlane) -> None:
    tags = {"environment": "o'alice' or tagName eq 'x"}
    left = plane.add_group("rg-1", tags)
    assert AzureCloud(plane.environment).remaining(tags) == [left]


def test_without_tags_nothing_is_asked(plane: ControlPlane) -> None:
    with pytest.raises(ValueError, match="without tags"):
        AzureCloud(plane.environment).remaining({})


def test_a_wrong_secret_is_named_and_not_shown(plane: ControlPlane) -> None:
    canary = "canary-client-secret"
    cloud = AzureCloud({**plane.environment, "ARM_CLIENT_SECRET": canary})
    with pytest.raises(NeedsPerson, match="ARM_CLIENT_SECRET") as caught:
        cloud.remaining(TAGS)
    assert canary not in shown(caught.value)
    assert SECRET not in shown(caught.value)
    assert "AADSTS7000215" in str(caught.value)
    assert len([request for request in plane.requests if request.endswith("/token")]) == 1, "asked once"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_sign_in_that_is_busy_is_asked_a_few_times_and_passes_by_itself(
    plane: ControlPlane, status: int
) -> None:
    """What is not our fault is never a matter for a person, and one call does not ask for ever."""
    plane.sign_in = [status] * 20
    with pytest.raises(Transient, match="sign-in"):
        AzureCloud(plane.environment).remaining(TAGS)
    assert len([request for request in plane.requests if request.endswith("/token")]) <= 3

    plane.sign_in = [status]
    assert AzureCloud(plane.environment).remaining(TAGS) == []


def test_a_group_that_is_gone_takes_what_was_in_it_along(plane: ControlPlane) -> None:
    """Whatever the lists say; asked for by itself, a group's end is known at once."""
    left = plane.add_group("rg-1", TAGS)
    plane.add_group("rg-gone", TAGS)
    plane.add_resource("lost", TAGS)
    plane.gone = {"rg-gone", "untagged"}
    assert AzureCloud(plane.environment).remaining(TAGS) == [left]


def test_a_secret_may_be_in_a_file(plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    environment = {n: v for n, v in plane.environment.items() if n != "ARM_CLIENT_SECRET"}
    assert not AzureAccount(environment).has_identity
    environment["ARM_CLIENT_SECRET_FILE_PATH"] = str(tmp_path / "secret")
    assert AzureAccount(environment).has_identity
    assert AzureCloud(environment).remaining(TAGS) == []


@pytest.mark.parametrize("password", ["", "hush-hush"])
def test_a_certificate_may_be_in_the_variable(plane: ControlPlane, password: str) -> None:
    environment = {n: v for n, v in plane.environment.items() if n != "ARM_CLIENT_SECRET"}
    environment["ARM_CLIENT_CERTIFICATE"] = b64encode(pkcs12(password)).decode()
    if password:
        environment["ARM_CLIENT_CERTIFICATE_PASSWORD"] = password
    assert AzureAccount(environment).has_identity
    assert AzureCloud(environment).remaining(TAGS) == []
    with pytest.raises(NeedsPerson, match="ARM_CLIENT_CERTIFICATE is no base64"):
        AzureCloud({**environment, "ARM_CLIENT_CERTIFICATE": "/etc/cert.pfx"})


def pkcs12(password: str) -> bytes:
    """A throw-away certificate with its key, as Azure takes it."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "envmgr")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    sealed = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    return serialize_key_and_certificates(b"envmgr", key, made.sign(key, SHA256()), None, sealed)


def test_a_storage_key_says_nothing_about_the_control_plane(plane: ControlPlane) -> None:
    plane.status = 403
    with pytest.raises(NeedsPerson, match="check ARM_CLIENT_SECRET"):
        AzureCloud({**plane.environment, "ARM_ACCESS_KEY": "canary"}).remaining(TAGS)


@pytest.mark.parametrize(("status", "kind"), [(403, NeedsPerson), (404, NeedsPerson), (503, Transient)])
def test_a_refused_list_is_no_empty_one(plane: ControlPlane, status: int, kind: type[Exception]) -> None:
    plane.status = status
    with pytest.raises(kind):
        AzureCloud(plane.environment).remaining(TAGS)


def test_an_unreachable_control_plane_is_transient(plane: ControlPlane) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Transient, match="cannot be reached"):
        AzureCloud({**plane.environment, "HTTPS_PROXY": nowhere}).remaining(TAGS)


def test_an_untrusted_certificate_names_the_variable(plane: ControlPlane) -> None:
    environment = {name: value for name, value in plane.environment.items() if name != "SSL_CERT_FILE"}
    with pytest.raises(NeedsPerson, match="SSL_CERT_FILE"):
        AzureCloud(environment).remaining(TAGS)


def test_an_unknown_cloud_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(NeedsPerson, match="public, usgovernment, china"):
        AzureCloud({**plane.environment, "ARM_ENVIRONMENT": "moon"})
