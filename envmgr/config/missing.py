"""What an organization file names on this host that is not there."""

from collections.abc import Iterator
from pathlib import Path

from .sections.models import OrganizationFile
from .sections.pipeline.steps import Check
from .yaml_tree import Path as KeyPath


def missing(organization: OrganizationFile) -> Iterator[tuple[KeyPath, str]]:
    """Each place in the file that names what is not there, as far as whoever asks may see that, and what follows."""
    for path, named, follows in _named(organization):
        if why := _why(Path(named), is_policy=path[-1] == "rego"):
            yield path, f"{named}: {why}, on this host; {follows}"


def _named(organization: OrganizationFile) -> Iterator[tuple[KeyPath, str, str]]:
    terraform = organization.terraform
    for index, key in enumerate(terraform.keys):
        yield ("terraform", "keys", index), key, "until there is, no version is fetched"
    if terraform.cli_config is not None:
        yield ("terraform", "cli_config"), terraform.cli_config, "until there is, no Terraform is started"
    for index, repository in enumerate(organization.repositories):
        at: KeyPath = ("repositories", index)
        yield from _policies(at, repository.checks)
        for number, environment in enumerate(repository.environments):
            yield from _policies((*at, "environments", number), environment.checks or ())
        if repository.forge is not None and repository.forge.authorities is not None:
            yield (
                (*at, "forge", "authorities"),
                repository.forge.authorities,
                "until there is, the forge is not asked",
            )


def _policies(at: KeyPath, checks: tuple[Check, ...]) -> Iterator[tuple[KeyPath, str, str]]:
    for index, check in enumerate(checks):
        if check.rego is not None:
            yield (
                (*at, "checks", index, "rego"),
                check.rego,
                "until there is, this check lets no plan through",
            )


def _why(path: Path, *, is_policy: bool) -> str:
    """Empty where it is there, or that cannot be known."""
    try:
        if not path.exists():
            return f"there is no such file{' or folder' if is_policy else ''}"
        is_empty = is_policy and path.is_dir() and not any(path.rglob("*.rego"))
    except OSError:  # who checks may not look there; envmgr's user may
        return ""
    return "there is no file *.rego in it" if is_empty else ""
