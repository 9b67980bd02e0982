"""Each run with credentials of its own: roles of AWS that moto enforces, Terraform's S3 backend, a deploy step."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ruamel.yaml import YAML

from envmgr.commands.doctor import of_organizations
from envmgr.composition.sign_in import sign_in_of
from envmgr.config.load import load
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import Holder
from tests.support import aws
from tests.support.engine import Engine

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    ],
}
# What it is run with, from within: by a provisioner, which only an apply starts, and by a step.
SHOWS = """
resource "terraform_data" "app" {
  provisioner "local-exec" {
    command = <<-EOT
      env > apply.env
      cat $(sed -n 's/^credential_process = cat //p' $AWS_CONFIG_FILE) > apply.json
    EOT
  }
}
"""
STEP = 'env > deploy.env; cat "$ENVMGR_CREDENTIALS/aws.json" > deploy.json'


@dataclass(frozen=True)
class Account:
    """An account whose rules hold: the variables of envmgr's own user, and the keys of one who may assume no role, and of one who may only read states."""

    environment: Mapping[str, str]
    stranger: Mapping[str, str] = field(default_factory=dict)
    reader: Mapping[str, str] = field(default_factory=dict)

    def client(self, service: str, **keys: str) -> Any:
        """A client as envmgr's user, or with other keys."""
        given = {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        endpoint = self.environment["AWS_ENDPOINT_URL"]
        return boto3.client(service, endpoint_url=endpoint, region_name=aws.REGION, **(keys or given))


def allowing(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]})


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A moto of its own, as what it enforces holds for all that talk to it."""
    server = aws.start_moto(tmp_path_factory.mktemp("moto"))
    try:
        yield _with_roles(f"http://127.0.0.1:{server.port}")
    finally:
        server.stop()


def _with_roles(url: str) -> Account:
    """Roles that open the environment's own state, and a user who may assume them; from here on that is enforced."""
    iam = Account(aws.aws_environment(url)).client("iam")
    may = {
        "envmgr": ["s3:*", "tag:*", "sts:AssumeRole"],
        "stranger": ["s3:*"],
        "reader": ["s3:GetObject", "s3:ListBucket"],
    }
    own, stranger, reader = (_user(iam, name, actions) for name, actions in may.items())
    for name in ("alice", "bob"):
        iam.create_role(RoleName=f"envmgr-{name}", AssumeRolePolicyDocument=json.dumps(TRUST))
        objects = {"Action": "s3:*", "Resource": f"arn:aws:s3:::*/acme/shop/{name}/*"}
        bucket = {"Action": "s3:ListBucket", "Resource": "*"}
        iam.put_role_policy(
            RoleName=f"envmgr-{name}", PolicyName="own", PolicyDocument=allowing(objects, bucket)
        )
    request = urllib.request.Request(
        f"{url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=100):
        pass
    return Account({**aws.aws_environment(url), **own}, stranger, reader)


def _user(iam: Any, name: str, actions: list[str]) -> dict[str, str]:
    """The keys of a user who may do these."""
    iam.create_user(UserName=name)
    policy = allowing({"Action": actions, "Resource": "*"})
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def left(engine: Engine, name: str) -> str:
    """What a run of alice's wrote down in its own folder."""
    found = list((engine.data / "workspaces/acme/shop/alice").rglob(name))
    return found[0].read_text() if found else ""


@pytest.fixture
def signed(engine: Engine, account: Account) -> Engine:
    """An organization whose runs have a role each."""
    engine.settings["backend"] = {"s3": {**aws.S3_BACKEND, "bucket": f"states-{uuid4().hex}"}}
    engine.settings["environment_variables"] = dict(account.environment)
    engine.settings["credentials"] = {
        "aws": {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/envmgr-{{environment}}"}
    }
    return engine


@pytest.mark.parametrize(
    "cage", [{"kind": "none"}, {"kind": "bwrap", "network": "open"}], ids=["bare", "caged"]
)
def test_each_run_has_a_role_of_its_own_and_no_key_that_stays(
    signed: Engine, account: Account, cage: dict[str, str]
) -> None:
    shop = signed.repository(
        deploy=[{"name": "show", "run": STEP}], on_destroy=[{"name": "end", "run": "true"}]
    )
    shop.commit("env-alice", {"terraform/main.tf": SHOWS})
    shop.commit("env-bob", {"terraform/main.tf": SHOWS})

    signed.turn()

    alice, bob = signed.environment("alice"), signed.environment("bob")
    assert (alice.status, bob.status) == (Status.READY, Status.READY), alice.message + bob.message
    for kind in ("apply", "deploy"):
        variables, given = (
            left(signed, f"{kind}.env"),
            json.loads(left(signed, f"{kind}.json")),
        )
        assert account.environment["AWS_SECRET_ACCESS_KEY"] not in variables
        assert "AWS_ACCESS_KEY_ID=" not in variables
        assert given["AccessKeyId"] != account.environment["AWS_ACCESS_KEY_ID"]
        assert given["SessionToken"]

    given = json.loads(left(signed, "apply.json"))
    bucket = signed.settings["backend"]["s3"]["bucket"]
    run = account.client(
        "s3",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert run.get_object(Bucket=bucket, Key=alice.id.state_key)["Body"].read()
    with pytest.raises(run.exceptions.ClientError, match="AccessDenied"):
        run.get_object(Bucket=bucket, Key=bob.id.state_key)

    logs = "".join(path.read_text() for path in (signed.data / "logs").rglob("*.log*"))
    assert given["SecretAccessKey"] not in logs
    assert [path for path in (signed.data / "credentials").rglob("*") if path.is_file()] == []

    shop.delete("env-alice")
    signed.turn(2, seconds=30)
    signed.turn(minutes=5)
    assert signed.environment("alice").status is Status.DESTROYED, signed.environment("alice").message


def test_what_a_step_prints_of_its_credentials_is_hidden(signed: Engine) -> None:
    shop = signed.repository(deploy=[{"name": "show", "run": 'cat "$ENVMGR_CREDENTIALS/aws.json"'}])
    shop.commit("env-alice", {"terraform/main.tf": "resource terraform_data x {}"})
    signed.turn()
    assert signed.environment("alice").status is Status.READY, signed.environment("alice").message
    logs = "".join(path.read_text() for path in (signed.data / "logs").rglob("*.log"))
    assert '"SecretAccessKey": "[redacted]", "SessionToken": "[redacted]"' in logs


def test_a_role_that_is_refused_is_said_and_nothing_runs(signed: Engine, account: Account) -> None:
    """One who may do all with states, and assume no role."""
    signed.settings["environment_variables"].update(account.stranger)
    shop = signed.repository()
    shop.commit("env-alice", {"terraform/main.tf": SHOWS})
    signed.turn()
    alice = signed.environment("alice")
    assert f"role arn:aws:iam::{ACCOUNT}:role/envmgr-alice refuses AssumeRole" in alice.message
    assert left(signed, "apply.env") == ""


def test_doctor_says_what_keys_that_stay_open(engine: Engine, account: Account) -> None:
    engine.repository()
    engine.settings["environment_variables"] = dict(account.environment)
    said = {check.check: check.message for check in of_organizations(engine.application)}
    assert (
        "AWS_SECRET_ACCESS_KEY of environment_variables reaches the code of every branch"
        in said["credentials acme"]
    )
    role = {"aws": {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/envmgr-{{environment}}"}}
    engine.settings["credentials"] = role
    engine.restart()
    said = {check.check: check.message for check in of_organizations(engine.application)}
    assert "warning" not in said["credentials acme"]


def signing(folder: Path) -> dict[str, Any]:
    """The settings of roles that are assumed by tokens of our own."""
    key = folder / "issuer.pem"
    key.write_bytes(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    key.chmod(0o600)
    return {"issuer": "https://issuer.example.com/envmgr", "signing_key": {"file": str(key)}}


@pytest.mark.parametrize("kind", ["file", "signed"])
def test_a_role_is_assumed_by_a_token_and_no_key_is_anywhere(
    moto_url: str, tmp_path: Path, kind: str
) -> None:
    """Web identity: the organization's variables hold nothing that opens anything."""
    environment = {"AWS_ENDPOINT_URL": moto_url, "AWS_REGION": aws.REGION}
    (tmp_path / "token").write_text("another's token")
    by = {"token_file": str(tmp_path / "token")} if kind == "file" else signing(tmp_path)
    section = {"aws": {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/envmgr-{{environment}}", **by}}
    file = tmp_path / "acme.yaml"
    with file.open("w") as stream:
        YAML().dump({"organization": "acme", "credentials": section, "repositories": []}, stream)
    [organization] = load(file).organizations
    sign_in = sign_in_of(organization, file, tmp_path / "credentials", {})
    alice = EnvironmentId("acme", "shop", "alice")
    with sign_in(
        Holder(environment=alice, backend=("s3", {"bucket": "b"})), Credentials.WRITING, environment
    ) as given:
        issued = json.loads((Path(given["AWS_CONFIG_FILE"]).parent / "aws.json").read_text())
    run = boto3.client(
        "sts",
        endpoint_url=moto_url,
        region_name=aws.REGION,
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
    )
    assert run.get_caller_identity()["Arn"].endswith(":assumed-role/envmgr-alice/envmgr-writing-alice")


def initialised_by_who_only_reads(
    signed: Engine, account: Account, folder: Path, terraform_binary: str
) -> None:
    """`init` writes nothing to a bucket: it is allowed no more."""
    folder.mkdir()
    settings = {**signed.settings["backend"]["s3"], "key": "acme/shop/alice/terraform.tfstate"}
    (folder / "main.tf.json").write_text(json.dumps({"terraform": {"backend": {"s3": settings}}}))
    environment = {"PATH": os.environ["PATH"], **account.environment, **account.reader}
    subprocess.run([terraform_binary, "init"], cwd=folder, env=environment, check=True, capture_output=True)


def test_init_gets_a_role_of_its_own(
    signed: Engine, account: Account, tmp_path: Path, terraform_binary: str
) -> None:
    """Which opens the state alone; a plan and an apply have theirs."""
    wrapper = tmp_path / "terraform"
    wrapper.write_text(
        f'#!/bin/sh\nprintf "%s %s\\n" "$1" "$AWS_CONFIG_FILE" >> {tmp_path}/seen\nexec {terraform_binary} "$@"\n'
    )
    wrapper.chmod(0o700)
    signed.settings["terraform"]["binary"] = str(wrapper)
    signed.repository().commit("env-alice", {"terraform/main.tf": SHOWS})
    signed.turn()
    assert signed.environment("alice").status is Status.READY, signed.environment("alice").message
    initialised_by_who_only_reads(signed, account, tmp_path / "reader", terraform_binary)
    seen = dict(line.split(" ") for line in (tmp_path / "seen").read_text().splitlines())
    uses = {command: Path(seen[command]).parent.name for command in ("init", "plan", "apply")}
    assert uses == {"init": "backend", "plan": "reading", "apply": "writing"}
