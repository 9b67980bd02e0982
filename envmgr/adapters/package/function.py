"""AWS Lambda: a function's code by a zip file, and only where it is another one."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from envmgr.domain.errors import NeedsPerson, Refused, Transient
from envmgr.domain.values.names import counted
from envmgr.host.credentials.aws import AwsAccount, error_code, failures
from envmgr.host.uploads.deadline import Deadline

from .archive import OLDEST, Archive, Date, Sizes

_POLL_SECONDS = 1.0
_MEBIBYTE = 1024 * 1024
_BUSY = {"ResourceConflictException", "ResourceNotReadyException"}


class LambdaFunction:
    """One function, by its name or its ARN."""

    sizes = Sizes(
        packed=50 * _MEBIBYTE,
        unpacked=250 * _MEBIBYTE,
        advice="make a container image of it, or send it by way of S3 in a `run` step",
    )

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        """No request is made yet."""
        self._name = name
        self._environment = environment
        account = AwsAccount(environment)
        region = name.split(":")[3] if name.startswith("arn:") and name.count(":") > 3 else ""
        self._where = f"AWS Lambda in {region or account.region}"
        self._client = account.client("lambda", region=region)

    @property
    def date(self) -> Date:
        """Always the same, so that equal code has an equal digest."""
        return OLDEST

    def send(self, archive: Archive, deadline: Deadline, say: Callable[[str], None]) -> None:
        """Makes the archive the function's code and waits until it is."""
        now = self._settled(deadline)
        if now.get("PackageType") == "Image":
            raise NeedsPerson(f"the function {self._name} runs a container image and cannot take a zip file.")
        # AWS may have taken the code and failed to make it run: then it is sent again.
        if now.get("CodeSha256") == archive.digest() and now.get("LastUpdateStatus") != "Failed":
            say(f"function {self._name}: nothing changed, nothing sent")
            return
        say(f"function {self._name}: sending {archive.size} bytes ({counted(archive.files, 'file')})")
        # AWS's protocol has the zip file as one text: its size limit bounds what it takes of memory here.
        self._ask("update_function_code", ZipFile=archive.file.read())
        after = self._settled(deadline)
        if after.get("LastUpdateStatus") == "Failed":
            why = (
                after.get("LastUpdateStatusReason") or after.get("LastUpdateStatusReasonCode") or "no reason"
            )
            raise Transient(f"the function {self._name} did not accept the code: {why}")
        say(f"function {self._name}: runs the new code")

    def _settled(self, deadline: Deadline) -> Mapping[str, Any]:
        """What the function is like once it is neither being made nor being changed."""
        while True:
            deadline.check()
            now = self._ask("get_function_configuration")
            if now.get("State") != "Pending" and now.get("LastUpdateStatus") != "InProgress":
                return now
            deadline.wait(_POLL_SECONDS)

    def _ask(self, what: str, **arguments: object) -> Mapping[str, Any]:
        with failures(self._where, self._environment):
            try:
                answer: Mapping[str, Any] = getattr(self._client, what)(FunctionName=self._name, **arguments)
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise Refused(
                        f"{self._where} has no function {self._name}: check `function`, and the output it is from."
                    ) from error
                if error_code(error) in _BUSY:
                    raise Transient(
                        f"the function {self._name} is being changed ({error_code(error)})."
                    ) from error
                raise
        return answer
