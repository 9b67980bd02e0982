"""What is kept beside a state is taken only for the environment that it was written for."""

from dataclasses import replace

import pytest

from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Origin, OriginKind
from envmgr.domain.values.tags import tags_for
from tests.unit.domain_example import claim, ready


def kept(record: Environment, version: str = "1.11.4", line: str = "") -> Manifest:
    """Written and read again."""
    carried = line or record.line
    names = {
        "environment": record.id.name,
        "project": record.id.repository,
        "organization": record.id.organization,
        "branch": carried,
    }
    made = replace(
        claim(),
        commit="a" * 40,
        variables=names,
        tags=tags_for(record.id, carried),
        terraform_version=version,
    )
    return Manifest.from_json(Manifest.of(record, made).to_json().encode(), record.id)


@pytest.mark.parametrize("version", ["1.11.4", "1.12.0-rc1", "opentofu-1.9.1"])
def test_whatever_tool_it_was_applied_with(version: str) -> None:
    """OpenTofu's versions are told from Terraform's."""
    assert kept(ready(), version).claim.terraform_version == version


def test_what_follows_tags_carries_its_own_name() -> None:
    """And not the tag's, which is another with each release."""
    record = replace(ready(), branch="v1.2.0", origin=Origin(OriginKind.TAG, is_named=True))
    assert kept(record).branch == "v1.2.0"


@pytest.mark.parametrize("line", ["env-mallory", "mallory"])
def test_another_branchs_is_not_taken(line: str) -> None:
    """Whoever could write there."""
    with pytest.raises(NeedsPerson, match="another environment's"):
        kept(ready(), line=line)
