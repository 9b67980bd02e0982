"""Where code of people who may only push runs without a cage, or a cage is not what it looks like."""

from collections.abc import Iterator

from envmgr.config.expand import effective
from envmgr.config.sections.models import OrganizationFile

from .yaml_tree import Path as KeyPath


def uncaged(organization: OrganizationFile) -> Iterator[tuple[KeyPath, str]]:
    """What deserves a look, each with its place in the file."""
    if organization.sandbox != "none":
        yield (
            ("sandbox",),
            "this confines deploy steps alone; write `cage: {kind: bwrap}`, which confines Terraform too",
        )
    if organization.cage.kind == "none" and "network" in organization.cage.model_fields_set:
        yield ("cage", "network"), "nothing confines the network without `kind: bwrap`; add that"
    for index, repository in enumerate(organization.repositories):
        if repository.allow_branch_deploy and effective(organization, repository).cage.kind == "none":
            yield (
                ("repositories", index, "allow_branch_deploy"),
                "whoever can push there runs commands as envmgr's user; confine them with `cage: {kind: bwrap}`",
            )
