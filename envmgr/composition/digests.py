"""What two hosts have to have alike: each organization's file, as it is understood."""

from envmgr.config.load import Configuration
from envmgr.domain.values.digest import digest


def configured(configuration: Configuration) -> dict[str, str]:
    """A digest of each organization's configuration, by its name.

    What stands there as it is without being said is left out: a release with more options gives the same digest.
    """
    return {
        file.organization: digest(file.model_dump(mode="json", exclude_defaults=True))
        for file in configuration.organizations
    }
