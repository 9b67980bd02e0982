"""Versions of Terraform and OpenTofu that are fetched, as the configuration asks for them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from envmgr.adapters.releases.kept import KeptReleases
from envmgr.adapters.releases.source import FolderSource, Source, WebSource, program_of
from envmgr.config.load import Configuration
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.terraform import Terraform
from envmgr.domain.rules.tool.constraints import constraint
from envmgr.domain.values.digest import digest
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.organization import Organization


def with_releases(
    organizations: Mapping[str, Organization],
    configuration: Configuration,
    layout: Layout,
    environ: Mapping[str, str],
) -> dict[str, Organization]:
    """The organizations, with the releases that those use who do not bring their own program.

    Kept for all that trust the same keys: what one of them believes is no proof to another. Those that fetch from the
    same source ask it once for what it has.
    """
    known: dict[tuple[Path, str | None], KeptReleases] = {}

    def completed(file: OrganizationFile) -> Organization:
        organization, terraform = organizations[file.organization], file.terraform
        if terraform.version is None:
            return organization
        tool, keys = terraform.tool, [Path(key) for key in terraform.keys]
        folder = layout.versions / (f"{tool}-{digest(terraform.keys)[:12]}" if keys else tool)
        place = folder, terraform.source
        if place not in known:
            known[place] = KeptReleases(tool, folder, _source(terraform, environ), keys)
        wanted = constraint(terraform.version)
        return replace(organization, binary=program_of(tool), releases=known[place], wanted_version=wanted)

    return {file.organization: completed(file) for file in configuration.organizations}


def _source(terraform: Terraform, environ: Mapping[str, str]) -> Source:
    source = terraform.source
    if source is not None and source.startswith("/"):
        return FolderSource(terraform.tool, Path(source))
    return WebSource(terraform.tool, source, environ)
