"""Credentials of a role on AWS, for one run."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from envmgr.domain.rules.sign_in import AWS_STATIC, AssumedRole

from .aws import AwsAccount, failures
from .issued import Issued

_CREDENTIALS, _CONFIG = "aws.json", "aws.config"
_GLOBAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class AwsRoleIssuer:
    """Assumes a role as whoever the organization's variables say, or where there is a `token`, as whom that is of.

    All of AWS's libraries read a configuration that names a program for credentials, and start it anew before these
    end; here it is `cat`.
    """

    role: AssumedRole
    given: Mapping[str, str]
    token: Callable[[], tuple[str, timedelta]] | None = None

    def issue(self, folder: Path) -> Issued:
        """See `Issuer`."""
        found = self._assumed()
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

    def _assumed(self) -> Mapping[str, Any]:
        """A token has the tags in it; nobody need be known for it, so nobody is looked for in the host's metadata."""
        role = self.role
        given = self.given if self.token is None else {**self.given, "AWS_EC2_METADATA_DISABLED": "true"}
        account = AwsAccount(given)
        asked = {
            "RoleArn": role.role_arn,
            "RoleSessionName": role.name,
            "DurationSeconds": int(role.duration.total_seconds()),
            "Policy": role.policy,
        }
        tags = [{"Key": key, "Value": value} for key, value in role.tags.items()]
        client = account.client("sts", region=account.region or _GLOBAL_REGION)
        with failures(f"the role {role.role_arn}", given):
            if self.token is None:
                answer = client.assume_role(**asked, Tags=tags)
            else:
                answer = client.assume_role_with_web_identity(**asked, WebIdentityToken=self.token()[0])
        credentials: Mapping[str, Any] = answer["Credentials"]
        return credentials

    def environment(self, given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """See `Issuer`."""
        kept = {name: value for name, value in given.items() if name not in AWS_STATIC}
        return {**kept, "AWS_CONFIG_FILE": str(folder / _CONFIG), "AWS_EC2_METADATA_DISABLED": "true"}


def _config(folder: Path) -> str:
    return f"[default]\ncredential_process = cat {shlex.quote(str(folder / _CREDENTIALS))}\n"
