"""What is left on Azure: resource groups and single resources of one subscription, by their tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azure.mgmt.resource.resources import ResourceManagementClient

from envmgr.adapters.credentials.azure import AzureAccount

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_WHERE = "Azure's control plane"


class AzureCloud:
    """One subscription, ARM_SUBSCRIPTION_ID.

    A group that is being deleted is still listed, and Azure's lists may name a resource for some minutes after its end:
    both count as left, and the next look settles it.
    """

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
        """The IDs of groups and resources with all of these tags; Azure filters by one, the rest is compared here."""
        if not tags:
            raise ValueError("without tags everything would count as left")
        with self._azure.failures(_WHERE):
            return sorted({identity for identity, found in self._tagged(tags) if _carries(found, tags)})

    def _tagged(self, tags: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
        name = "environment" if "environment" in tags else min(tags)
        condition = f"tagName eq '{_quoted(name)}' and tagValue eq '{_quoted(tags[name])}'"
        for group in self._client.resource_groups.list(filter=condition):
            yield group.id or group.name or "", group.tags or {}
        for resource in self._client.resources.list(filter=condition):
            yield resource.id or resource.name or "", resource.tags or {}


def _carries(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether all wanted tags are there; Azure does not tell tag names apart by their case."""
    lower = {name.lower(): value for name, value in found.items()}
    return all(lower.get(name.lower()) == value for name, value in wanted.items())


def _quoted(text: str) -> str:
    return text.replace("'", "''")
