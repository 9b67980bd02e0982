"""What a person types to mend what an audit found; names in it are data, and quoted."""

import shlex
from collections.abc import Iterable, Sequence

from .inventory import Tagged
from .names import EnvironmentId, ref_component

_SHOWN = 3


def by_hand(identity: EnvironmentId) -> str:
    """How a person ends an environment that envmgr cannot end."""
    return (
        "Push a branch for it and delete that again, or run `terraform destroy` by hand with its code and the backend "
        f"key {identity.state_key}."
    )


def delete(resources: Sequence[Tagged]) -> str:
    """How a person deletes resources: each by its identifier, which is data and quoted."""
    ways = [_deletion(ref_component(each.identifier)) for each in resources[:_SHOWN]]
    more = " …" if len(resources) > _SHOWN else ""
    return f"once nobody needs them: {', '.join(ways)}{more}"


def _deletion(identifier: str) -> str:
    if identifier.startswith("/subscriptions/"):
        parts = identifier.split("/")
        is_group = len(parts) == 5 and parts[3].lower() == "resourcegroups"
        return (
            _command("az group delete --name", parts[4])
            if is_group
            else _command("az resource delete --ids", identifier)
        )
    if not identifier.startswith("arn:"):
        return _command("rm -r --", identifier)
    bucket = identifier.partition(":s3:::")[2]
    return _command("aws s3 rb --force", f"s3://{bucket}") if bucket else f"{identifier} in AWS's console"


def _command(command: str, argument: str) -> str:
    return f"`{command} {shlex.quote(argument)}`"


def many(resources: Sequence[Tagged]) -> str:
    """How many they are."""
    return "1 resource" if len(resources) == 1 else f"{len(resources)} resources"


def some(names: Iterable[str]) -> str:
    """The first of some names, as they can be shown."""
    every = [ref_component(name) for name in names]
    shown = ", ".join(every[:5])
    return shown if len(every) <= 5 else f"{shown} and {len(every) - 5} more"
