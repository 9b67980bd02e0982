"""Which clouds an organization's resources live in."""

from collections.abc import Mapping, Sequence

from envmgr.adapters.cloud.connect import clouds_configured, clouds_needed, clouds_unverifiable, open_clouds
from envmgr.domain.errors import NeedsPerson
from envmgr.ports import Cloud


def clouds_of(environment: Mapping[str, str], addresses: Sequence[str]) -> Sequence[Cloud]:
    """The clouds the resources live in; all that are configured where no resource is known."""
    blind = clouds_unverifiable(addresses, environment)
    if blind:
        raise NeedsPerson(
            f"Whether anything is left in {' and '.join(sorted(blind))} cannot be verified: give the organization's "
            "environment_variables credentials for it (ARM_SUBSCRIPTION_ID …, AWS_REGION …)."
        )
    chosen = clouds_needed(addresses) if addresses else clouds_configured(environment)
    return open_clouds(environment, chosen)
