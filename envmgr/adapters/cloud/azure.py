"""What is left on Azure: resource groups and single resources of one subscription, by their tags."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azure.mgmt.resource.resources import ResourceManagementClient

from envmgr.host.credentials.azure import AzureAccount

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_GROUP = re.compile(r"/subscriptions/[^/]+/resourceGroups/([^/]+)", re.IGNORECASE)
_WHERE = "Azure's control plane"


class AzureCloud:
    """One subscription, ARM_SUBSCRIPTION_ID.

    Azure's lists may name what is gone for a while. A group is asked for by itself, and takes what was in it along; any
    other resource counts as left until the list forgets it.
    """

    lag = timedelta(seconds=60)

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        credential: "TokenCredential | None" = None,
        base_url: str | None = None,
    ) -> None:
        """`credential` and `base_url` stand in for Azure's own sign-in and address. No request is made yet."""
        self._azure = AzureAccount(environment)
        address = base_url or self._azure.cloud.resource_manager
        with self._azure.failures(_WHERE):
            self._client = ResourceManagementClient(
                credential or self._azure.token_credential(),
                environment["ARM_SUBSCRIPTION_ID"],
                base_url,
                cloud_setting=self._azure.cloud.setting,
                **self._azure.connection(urlsplit(address).hostname or ""),
            )

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """The IDs of groups and resources with all of these tags."""
        _refuse_none(tags)
        with self._azure.failures(_WHERE):
            groups = {identity for identity, _ in self._groups(tags)}
            return self._there(groups | self._resources_with(tags))

    def tagged(self, tags: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, str]]]:
        """All groups and resources with these tags; their names in lower case, as Azure does not tell them apart.

        Filtered by a tag, Azure lists resources without their tags: here all of the subscription's are read.
        """
        _refuse_none(tags)
        with self._azure.failures(_WHERE):
            found = dict(self._groups(tags))
            for resource in self._client.resources.list():
                if _carries(carried := _lower(resource.tags), tags):
                    found[resource.id or resource.name or ""] = carried
            return sorted(found.items())

    def _there(self, found: set[str]) -> list[str]:
        """What is in a group that is still there, or in none."""
        groups = {found[1].lower() for found in map(_GROUP.match, found) if found}
        gone = {group for group in groups if not self._client.resource_groups.check_existence(group)}
        return sorted(each for each in found if not ((of := _GROUP.match(each)) and of[1].lower() in gone))

    def _groups(self, tags: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Azure filters groups by one tag and tells all; the rest is compared here."""
        # The tag that fewest groups have in common.
        name = "environment" if "environment" in tags else min(tags)
        for group in self._client.resource_groups.list(filter=_condition(name, tags[name])):
            if _carries(carried := _lower(group.tags), tags):
                yield group.id or group.name or "", carried

    def _resources_with(self, tags: Mapping[str, str]) -> set[str]:
        """Those that each of the filters lists; mostly the first one lists none."""
        left: set[str] | None = None
        for name in sorted(tags, key=lambda name: (name != "environment", name)):
            listed = self._client.resources.list(filter=_condition(name, tags[name]))
            found = {resource.id or resource.name or "" for resource in listed}
            left = found if left is None else left & found
            if not left:
                break
        return left or set()


def _refuse_none(tags: Mapping[str, str]) -> None:
    if not tags:
        raise ValueError("without tags everything would count as left")


def _lower(tags: Mapping[str, str] | None) -> Mapping[str, str]:
    return {name.lower(): value for name, value in (tags or {}).items()}


def _carries(carried: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(carried.get(name.lower()) == value for name, value in wanted.items())


def _condition(name: str, value: str) -> str:
    return f"tagName eq '{_quoted(name)}' and tagValue eq '{_quoted(value)}'"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
