"""AWS on loopback: moto's own server in a process of its own."""

import sys
import urllib.request
from pathlib import Path

from tests.support.certificates import Certificates
from tests.support.processes import HOST, Server

REGION = "eu-west-1"


def start_moto(folder: Path, certificates: Certificates | None = None) -> Server:
    """Start moto's server; it answers as every AWS service it knows, by https where there are certificates."""
    secure = (
        [] if certificates is None else ["-s", "-c", str(certificates.chain), "-k", str(certificates.key)]
    )
    return Server.start(
        lambda port: [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port), *secure],
        folder / "moto.log",
    )


def reset_moto(url: str) -> None:
    """Forget everything that was created in moto."""
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def aws_environment(moto_url: str) -> dict[str, str]:
    """What Terraform's AWS provider and s3 backend, and boto3, need to talk to moto and nothing else."""
    return {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


# For a provider block's or a backend's own keys: moto has no metadata service and no accounts.
S3_BACKEND = {
    "region": REGION,
    "use_lockfile": True,
    "use_path_style": True,
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_requesting_account_id": True,
    "skip_region_validation": True,
}
