"""Which role a run of an environment gets, and what its session policy lets it do."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.sign_in import AwsRoles, assumed_role, for_backend, opened, tags_claim
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.names import EnvironmentId

ALICE = EnvironmentId("acme", "shop", "alice")
BOB = EnvironmentId("acme", "shop", "bob")
S3 = ("s3", {"bucket": "states"})
ROLES = AwsRoles(role_arn="arn:aws:iam::123456789012:role/{organization}/envmgr-{environment}")
USES = (Credentials.READING, Credentials.WRITING, Credentials.DEPLOY)
names = st.text("ab-", min_size=1, max_size=4)
environments = st.builds(EnvironmentId, names, names, names)


def allows(policy: str, action: str, resource: str, **context: str) -> bool:
    """As AWS evaluates a policy, for what ours are made of; `context` has `_` for `-`, `:` and `/`."""
    keys = {name.replace("__", "/").replace("_", "-"): value for name, value in context.items()}
    found = {s["Effect"] for s in json.loads(policy)["Statement"] if _applies(s, action, resource, keys)}
    return found == {"Allow"}


def _applies(statement: Mapping[str, Any], action: str, resource: str, keys: Mapping[str, str]) -> bool:
    def among(value: Any, text: str) -> bool:
        patterns = [value] if isinstance(value, str) else value
        return any(p == text or (p[-1] == "*" and text.startswith(p[:-1])) for p in patterns)

    if not among(statement["Action"], action):
        return False
    if "Resource" in statement and not among(statement["Resource"], resource):
        return False
    if "NotResource" in statement and among(statement["NotResource"], resource):
        return False
    for operator, wanted in statement.get("Condition", {}).items():
        for key, value in wanted.items():
            has = keys.get(key.removeprefix("aws:").removeprefix("s3:"), "")
            if among(value, has) is (operator == "StringNotEquals"):
                return False
    return True


def policy(
    environment: EnvironmentId = ALICE, use: Credentials = Credentials.WRITING, roles: AwsRoles = ROLES
) -> str:
    return assumed_role(roles, environment, use, S3).policy


def test_a_role_is_an_environments_by_its_pattern() -> None:
    found = assumed_role(ROLES, ALICE, Credentials.WRITING, S3)
    assert found.role_arn == "arn:aws:iam::123456789012:role/acme/envmgr-alice"
    assert found.name == "envmgr-writing-alice"
    assert found.tags == {"environment": "alice", "project": "shop", "organization": "acme"}


def test_plan_and_deploy_may_have_roles_of_their_own() -> None:
    roles = AwsRoles(
        role_arn="a:aws:x:role/all", plan_role_arn="a:aws:x:role/read", deploy_role_arn="a:aws:x:role/send"
    )
    found = [assumed_role(roles, ALICE, use, S3).role_arn.rpartition("/")[2] for use in USES]
    assert found == ["read", "all", "send"]


@settings(max_examples=60, deadline=None)  # a busy host is no finding
@given(environments, environments, st.sampled_from(USES), st.sampled_from(["Get", "Put", "Delete"]))
def test_no_run_reaches_another_environments_state(
    own: EnvironmentId, other: EnvironmentId, use: Credentials, verb: str
) -> None:
    found = policy(own, use)
    if own != other:
        for key in (other.state_key, other.kept_key, f"{other.state_key}.tflock"):
            assert not allows(found, f"s3:{verb}Object", f"arn:aws:s3:::states/{key}")
        assert not allows(found, "s3:ListBucket", "arn:aws:s3:::states", prefix=other.state_key)
    assert not allows(found, "s3:ListBucket", "arn:aws:s3:::states")
    assert not allows(found, "s3:DeleteBucket", "arn:aws:s3:::states")
    assert not allows(found, f"s3:{verb}Object", f"arn:aws:s3:::states/{own.kept_key}")


def test_its_own_state_an_apply_writes_and_a_plan_only_locks() -> None:
    key = f"arn:aws:s3:::states/{ALICE.state_key}"
    seen = {
        use: [
            allows(policy(use=use), f"s3:{verb}Object", where)
            for verb in ("Get", "Put")
            for where in (key, f"{key}.tflock")
        ]
        for use in USES
    }
    assert seen == {
        Credentials.READING: [True, True, False, True],
        Credentials.WRITING: [True, True, True, True],
        Credentials.DEPLOY: [False, False, False, False],
    }


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *(("ResourceTag", key) for key in ("environment", "project", "organization")),
        *(("RequestTag", key) for key in ("environment", "project")),
    ],
)
def test_what_envmgr_tagged_as_anothers_is_refused(kind: str, key: str) -> None:
    own = {"environment": "alice", "project": "shop", "organization": "acme", "managed-by": "envmgr"}

    def may(tags: Mapping[str, str]) -> bool:
        context = {f"{kind}__{name.replace('-', '_')}": value for name, value in tags.items()}
        return allows(policy(), "ec2:TerminateInstances", "arn:aws:ec2:::instance/i-1", **context)

    assert may(own)
    assert not may({**own, key: "other"})
    assert may({key: "shared"}), "a tag of that name which is not by envmgr"


def test_the_organizations_own_policy_narrows_and_the_rest_stays() -> None:
    roles = AwsRoles(
        role_arn=ROLES.role_arn, statements=[{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]
    )
    found = policy(roles=roles)
    assert allows(found, "ec2:RunInstances", "arn:aws:ec2:::instance/*")
    assert not allows(found, "iam:CreateUser", "arn:aws:iam:::user/x")
    assert allows(found, "s3:PutObject", f"arn:aws:s3:::states/{ALICE.state_key}")
    assert not allows(found, "s3:GetObject", f"arn:aws:s3:::states/{BOB.state_key}")


@pytest.mark.parametrize("use", USES)
def test_the_policy_of_the_longest_environment_has_a_size_that_aws_takes(use: Credentials) -> None:
    longest = EnvironmentId("o" * 20, "r" * 32, "e" * 32, "a" * 20)
    assumed_role(ROLES, longest, use, ("s3", {"bucket": "b" * 40}))


def test_what_aws_takes_not_is_a_sentence() -> None:
    long = AwsRoles(role_arn=f"arn:aws:iam::123456789012:role/{'x' * 60}-{{environment}}")
    with pytest.raises(NeedsPerson, match="has 66 characters, and AWS takes 64"):
        assumed_role(long, ALICE, Credentials.WRITING, S3)
    wide = AwsRoles(role_arn=ROLES.role_arn, statements=[{"Sid": "x" * 2048}])
    with pytest.raises(NeedsPerson, match="and AWS takes 2048"):
        assumed_role(wide, ALICE, Credentials.WRITING, S3)


def test_static_keys_are_said_to_be_open_to_all() -> None:
    variables = {"AWS_REGION": "", "AWS_SECRET_ACCESS_KEY": "", "ARM_ACCESS_KEY": ""}
    assert opened(variables, has_roles=False).startswith("AWS_SECRET_ACCESS_KEY and ARM_ACCESS_KEY of")
    assert opened(variables, has_roles=True).startswith("ARM_ACCESS_KEY of")
    assert opened({"AWS_REGION"}, has_roles=False) == ""
    federated = {"ARM_CLIENT_SECRET", "ARM_ACCESS_KEY"}
    assert opened(federated, has_roles=False).startswith("ARM_CLIENT_SECRET and ARM_ACCESS_KEY of")
    assert opened(federated, has_roles=False, has_tokens=True).startswith("ARM_ACCESS_KEY of")
    assert opened({"ARM_ACCESS_KEY"}, has_roles=False, has_signature=True) == ""


def test_init_reads_its_own_state_and_may_do_nothing_else() -> None:
    roles = AwsRoles(role_arn="a:aws:x:role/all", plan_role_arn="a:aws:x:role/read")
    found = assumed_role(roles, ALICE, Credentials.BACKEND, S3)
    assert found.role_arn == "a:aws:x:role/read"
    own, other = (f"arn:aws:s3:::states/{each.state_key}" for each in (ALICE, BOB))
    assert allows(found.policy, "s3:GetObject", own)
    assert allows(found.policy, "s3:ListBucket", "arn:aws:s3:::states", prefix=ALICE.state_key)
    assert not allows(found.policy, "s3:GetObject", other)
    assert not allows(found.policy, "s3:PutObject", own)
    assert not allows(found.policy, "ec2:DescribeInstances", "arn:aws:ec2:::instance/*")


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("local", {"TF_TOKEN_registry"}),
        ("s3", {"TF_TOKEN_registry", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}),
        ("azurerm", {"TF_TOKEN_registry", "ARM_ACCESS_KEY", "ARM_CLIENT_SECRET"}),
    ],
)
def test_init_gets_the_credentials_of_its_backend_alone(kind: str, kept: set[str]) -> None:
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ARM_ACCESS_KEY", "ARM_CLIENT_SECRET"]
    given = dict.fromkeys([*names, "GOOGLE_CREDENTIALS", "TF_TOKEN_registry"], "x")
    assert set(for_backend(given, kind)) == kept


def test_a_token_has_the_tags_of_its_session() -> None:
    tags = {"environment": ["alice"], "project": ["shop"], "organization": ["acme"]}
    claim = tags_claim(ALICE)["https://aws.amazon.com/tags"]
    assert claim == {"principal_tags": tags, "transitive_tag_keys": []}
