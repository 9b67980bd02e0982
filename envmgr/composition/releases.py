"""Versions of Terraform and OpenTofu that are fetched, as the configuration asks for them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from envmgr.adapters.releases.kept import KeptReleases
from envmgr.adapters.releases.source import FolderSource, Source, WebSource, program_of
from envmgr.config.sections.terraform import Terraform
from envmgr.domain.rules.tool.constraints import constraint
from envmgr.domain.values.digest import digest
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.organization import Organization


def with_releases(
    organization: Organization, terraform: Terraform, layout: Layout, environ: Mapping[str, str]
) -> Organization:
    """An organization with the releases that it uses, where it does not bring its own program.

    Shared by all that trust the same keys: what one of them believes is no proof to another.
    """
    if terraform.version is None:
        return organization
    tool, keys = terraform.tool, [Path(key) for key in terraform.keys]
    folder = layout.versions / (f"{tool}-{digest(terraform.keys)[:12]}" if keys else tool)
    releases = KeptReleases(tool, folder, _source(terraform, environ), keys)
    wanted = constraint(terraform.version)
    return replace(organization, binary=program_of(tool), releases=releases, wanted_version=wanted)


def _source(terraform: Terraform, environ: Mapping[str, str]) -> Source:
    source = terraform.source
    if source is not None and source.startswith("/"):
        return FolderSource(terraform.tool, Path(source))
    return WebSource(terraform.tool, source, environ)
