"""Tokens that Azure trusts: another's file, or signed by a key of our own, whose public half is published."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ruamel.yaml import YAML

from envmgr.cli.program import main
from envmgr.composition.sign_in import sign_in_of
from envmgr.config.expand import as_named, secrets_of
from envmgr.config.load import ConfigurationError, load
from envmgr.config.sections.secrets import SecretReference
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.names import EnvironmentId
from envmgr.host.credentials.azure import AzureAccount
from envmgr.host.credentials.azure_token import IssuerKey
from envmgr.ports import Holder

ALICE = EnvironmentId("acme", "shop", "alice")
ISSUER = "https://issuer.example.com/envmgr"
STATIC = {
    "ARM_CLIENT_SECRET": "for ever",
    "ARM_ACCESS_KEY": "of all states",
    "ARM_SUBSCRIPTION_ID": "s",
    "A": "1",
}


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def key() -> str:
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def written(folder: Path, azure: dict[str, Any]) -> Path:
    """An organization file whose runs sign in to Azure so."""
    file = folder / "acme.yaml"
    given = {"tenant_id": "t", "client_id": "c", **azure}
    with file.open("w") as stream:
        YAML().dump({"organization": "acme", "credentials": {"azure": given}, "repositories": []}, stream)
    return file


def signed_in(
    folder: Path, azure: dict[str, Any], use: Credentials
) -> tuple[dict[str, str], str, Sequence[str]]:
    """The variables of a run, its token, and what is hidden."""
    file, hidden = written(folder, azure), list[str]()
    [organization] = load(file).organizations
    sign_in = sign_in_of(organization, file, folder / "credentials", {})
    holder = Holder(environment=ALICE, backend=("azurerm", {}), learn=hidden.extend)
    with sign_in(holder, use, STATIC) as environment:
        token = Path(environment["ARM_OIDC_TOKEN_FILE_PATH"]).read_text()
        assert AzureAccount(environment)._assertion() == token
        assert AzureAccount(environment).has_identity
        return dict(environment), token, hidden


def test_a_named_environment_may_sign_in_otherwise(tmp_path: Path, key: str) -> None:
    """Over the organization's; the secret of its own is known as one, and its repository's remote has other credentials."""
    (tmp_path / "own.pem").write_text(key)
    (tmp_path / "token").write_text("another's token")
    azure = {"tenant_id": "t", "client_id": "all", "token_file": str(tmp_path / "token")}
    signing = {"issuer": ISSUER, "signing_key": {"file": str(tmp_path / "own.pem")}}
    own = {"azure": {"tenant_id": "t", "client_id": "production", **signing}}
    shop = {
        "name": "shop",
        "url": "https://git.example.com/acme/shop.git",
        "credentials": {"password": {"file": str(tmp_path / "token")}},
        "environments": [
            {"name": "production", "tags": "v*", "credentials": own},
            {"name": "staging", "branch": "main"},
        ],
    }
    file = tmp_path / "acme.yaml"
    with file.open("w") as stream:
        YAML().dump({"organization": "acme", "credentials": {"azure": azure}, "repositories": [shop]}, stream)
    [organization] = load(file).organizations
    sign_in = sign_in_of(organization, file, tmp_path / "credentials", {})
    given = {}
    for name in ("alice", "staging", "production"):
        holder = Holder(environment=EnvironmentId("acme", "shop", name), backend=("azurerm", {}))
        with sign_in(holder, Credentials.WRITING, STATIC) as environment:
            given[name] = environment["ARM_CLIENT_ID"]
    assert given == {"alice": "all", "staging": "all", "production": "production"}
    assert SecretReference("file", str(tmp_path / "own.pem")) in [*secrets_of(organization)]
    section = as_named(organization.repositories[0], organization.repositories[0].environments[0])
    assert section.credentials == organization.repositories[0].credentials


def test_who_has_the_published_files_can_check_a_token(tmp_path: Path, key: str) -> None:
    (tmp_path / "issuer.pem").write_text(key)
    azure = {"issuer": ISSUER, "signing_key": {"file": str(tmp_path / "issuer.pem")}}
    _, token, hidden = signed_in(tmp_path, azure, Credentials.WRITING)
    arguments = ["--config", str(tmp_path / "acme.yaml"), "config", "issuer", "acme", str(tmp_path / "www")]
    assert main(arguments) == 0
    discovery = json.loads((tmp_path / "www/.well-known/openid-configuration").read_text())
    assert discovery["issuer"] == ISSUER
    assert discovery["jwks_uri"] == f"{ISSUER}/jwks.json"
    keys = jwt.PyJWKSet.from_dict(json.loads((tmp_path / "www/jwks.json").read_text()))
    own = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, own, ["RS256"], audience="api://AzureADTokenExchange", issuer=ISSUER)
    assert claims["sub"] == "envmgr:acme/shop/alice"
    assert 0 < claims["exp"] - claims["iat"] <= 600
    assert hidden == [token]
    assert "PRIVATE" not in "".join(
        path.read_text() for path in (tmp_path / "www").rglob("*") if path.is_file()
    )


def test_another_s_token_is_given_on_and_no_secret_that_stays(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of somebody else\n")
    azure = {"token_file": str(tmp_path / "token")}
    environment, token, _ = signed_in(tmp_path, azure, Credentials.WRITING)
    assert token == "of somebody else"
    assert "ARM_CLIENT_SECRET" not in environment
    assert (environment["ARM_USE_OIDC"], environment["ARM_CLIENT_ID"], environment["A"]) == ("true", "c", "1")
    assert environment["ARM_ACCESS_KEY"], "a plan and an apply need the state"
    environment, *_ = signed_in(tmp_path, azure, Credentials.DEPLOY)
    assert "ARM_ACCESS_KEY" not in environment


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_without_a_token_nothing_runs(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(NeedsPerson, match=r"The token .* put it there"):
        signed_in(tmp_path, {"token_file": str(tmp_path / "token")}, Credentials.READING)


@pytest.mark.parametrize(
    ("azure", "said"),
    [
        ({}, "give either token_file, or issuer and signing_key"),
        ({"token_file": "/t", "issuer": ISSUER, "signing_key": "k"}, "give either token_file"),
        ({"issuer": ISSUER}, "give issuer and signing_key together"),
        ({"issuer": f"{ISSUER}/", "signing_key": "k"}, "without a slash at its end"),
        ({"token_file": "/t", "subject": "{branch}"}, "alone"),
    ],
)
def test_what_is_neither_is_said(tmp_path: Path, azure: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load(written(tmp_path, azure))


def test_only_an_rsa_key_signs(key: str) -> None:
    assert IssuerKey(key).public == IssuerKey(key).public
    for other in ("", "x", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(NeedsPerson, match="no RSA key"):
            IssuerKey(other)
