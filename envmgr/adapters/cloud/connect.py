"""Which clouds an organization has, and which ones an environment needs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from envmgr.domain.audit.inventory import LOCAL
from envmgr.domain.documents.state import resource_type
from envmgr.ports import Cloud

AZURE = "azurerm"
AWS = "aws"

# Only what says that somebody meant AWS: a region alone comes with many a machine, but an organization file
# is written by hand, so there it counts.
_AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def clouds_configured(environment: Mapping[str, str]) -> set[str]:
    """The clouds (`azurerm`, `aws`) that an organization's environment variables let envmgr look into."""
    found = {AZURE} if environment.get("ARM_SUBSCRIPTION_ID") else set()
    return found | ({AWS} if any(environment.get(name) for name in _AWS_VARIABLES) else set())


def clouds_needed(addresses: Iterable[str]) -> set[str]:
    """The clouds (`azurerm`, `aws`) that the resources at these state addresses live in.

    A destroy of resources whose cloud is not configured cannot be verified, and must not pass for done.
    """
    types = {resource_type(address) for address in addresses}
    return {cloud for cloud in (AZURE, AWS) if any(kind.startswith(f"{cloud}_") for kind in types)}


def clouds_unverifiable(addresses: Iterable[str], environment: Mapping[str, str]) -> set[str]:
    """The clouds that an environment's resources live in and that nobody can look into; to be refused, not skipped."""
    return clouds_needed(addresses) - clouds_configured(environment)


def open_clouds(environment: Mapping[str, str], chosen: Collection[str]) -> Sequence[Cloud]:
    """The chosen clouds (`azurerm`, `aws`), by an organization's environment variables; none is asked anything yet."""
    clouds: list[Cloud] = []
    if AZURE in chosen:
        from envmgr.adapters.cloud.azure import AzureCloud

        clouds.append(AzureCloud(environment))
    if AWS in chosen:
        from envmgr.adapters.cloud.aws import AwsCloud

        clouds.append(AwsCloud(environment))
    return clouds


def open_places(
    environment: Mapping[str, str], roots: Mapping[str, bool], home: str | None
) -> Mapping[str, Callable[[], Cloud]]:
    """Every place of an organization's resources, by name, each to be opened on its own: one may be out of reach.

    That is each cloud that is configured, and `local` where there are `roots` of local environments (see
    `LocalEnvironments`).
    """

    def local() -> Cloud:
        from envmgr.adapters.cloud.local import LocalEnvironments

        return LocalEnvironments(roots, environment.get("HOME") or home)

    places: dict[str, Callable[[], Cloud]] = {
        name: partial(_open, environment, name) for name in sorted(clouds_configured(environment))
    }
    return {**places, LOCAL: local} if roots else places


def _open(environment: Mapping[str, str], name: str) -> Cloud:
    (cloud,) = open_clouds(environment, {name})
    return cloud
