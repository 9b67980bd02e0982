"""What benchmarks share: a folder, Terraform, its CLI configuration, and AWS as moto plays it."""

import shutil
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from tests.support import aws, terraform

_BUCKET = "benchmark-states"


class Absent(Exception):
    """A part that a benchmark needs is not on this machine; the text says which."""


class Laboratory:
    """Parts are started when first asked for, and ended with the laboratory."""

    def __init__(self, folder: Path, rounds: int, *, is_full: bool = False) -> None:
        """Everything that is written goes below `folder`; `is_full` where records are to be as many as can be."""
        self.is_full = is_full
        self.folder = folder
        self.rounds = rounds
        self._ending = ExitStack()

    def place(self, name: str) -> Path:
        """A new folder of a benchmark's own."""
        path = self.folder / name
        path.mkdir()
        return path

    @cached_property
    def terraform(self) -> str:
        """The real Terraform, started without a wrapper by both sides."""
        found = shutil.which("terraform")
        if found is None:
            raise Absent("terraform is absent: put it on the PATH")
        return found

    @cached_property
    def cli_config(self) -> Path:
        """The Terraform CLI configuration of both sides: providers from a folder of this machine."""
        mirror = terraform.find_provider_mirror()
        if mirror is None:
            raise Absent("no local mirror of the AWS provider: name one by ENVMGR_TEST_PROVIDER_MIRROR")
        return terraform.write_cli_config(self.folder, mirror)

    @cached_property
    def aws_environment(self) -> dict[str, str]:
        """The environment variables that lead to moto."""
        server = aws.start_moto(self.folder)
        self._ending.callback(server.stop)
        return aws.aws_environment(f"http://127.0.0.1:{server.port}")

    def s3_backend(self, name: str) -> dict[str, object]:
        """The settings of an S3 backend, without a key: a bucket of a benchmark's own, as each works for another data folder."""
        bucket = f"{_BUCKET}-{name}"
        client: Any = boto3.client(
            "s3",
            endpoint_url=self.aws_environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name=aws.REGION,
        )
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
        return {**aws.S3_BACKEND, "bucket": bucket}

    def close(self) -> None:
        """Ends what was started."""
        self._ending.close()
