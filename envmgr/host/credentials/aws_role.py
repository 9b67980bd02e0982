"""Credentials of a role on AWS, for one run."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envmgr.domain.rules.sign_in import AWS_STATIC, AssumedRole

from .aws import AwsAccount, failures
from .issued import Issued

_CREDENTIALS, _CONFIG = "aws.json", "aws.config"
_GLOBAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class AwsRoleIssuer:
    """Assumes a role as whoever the organization's variables say.

    All of AWS's libraries read a configuration that names a program for credentials, and start it anew before these
    end; here it is `cat`.
    """

    role: AssumedRole
    given: Mapping[str, str]

    def issue(self, folder: Path) -> Issued:
        """See `Issuer`."""
        role, account = self.role, AwsAccount(self.given)
        tags = [{"Key": key, "Value": value} for key, value in role.tags.items()]
        client = account.client("sts", region=account.region or _GLOBAL_REGION)
        with failures(f"the role {role.role_arn}", self.given):
            found = client.assume_role(
                RoleArn=role.role_arn,
                RoleSessionName=role.name,
                DurationSeconds=int(role.duration.total_seconds()),
                Tags=tags,
                Policy=role.policy,
            )["Credentials"]
        end: datetime = found["Expiration"]
        document = {
            "Version": 1,
            "AccessKeyId": found["AccessKeyId"],
            "SecretAccessKey": found["SecretAccessKey"],
            "SessionToken": found["SessionToken"],
            "Expiration": end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Issued(
            files={_CREDENTIALS: json.dumps(document), _CONFIG: _config(folder)},
            secrets=(found["SecretAccessKey"], found["SessionToken"]),
            lasts=max(end - datetime.now(UTC), timedelta()),
        )

    def environment(self, given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """See `Issuer`."""
        kept = {name: value for name, value in given.items() if name not in AWS_STATIC}
        return {**kept, "AWS_CONFIG_FILE": str(folder / _CONFIG), "AWS_EC2_METADATA_DISABLED": "true"}


def _config(folder: Path) -> str:
    return f"[default]\ncredential_process = cat {shlex.quote(str(folder / _CREDENTIALS))}\n"
