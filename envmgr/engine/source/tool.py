"""With which version of Terraform, or OpenTofu, a commit is run: what the organization and the code allow."""

from collections.abc import Iterator
from pathlib import Path

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.rules.tool.choice import Wish, allowed, choose
from envmgr.domain.rules.tool.constraints import Constraint, constraint
from envmgr.domain.rules.tool.noted import OPENTOFU as _PREFIX
from envmgr.domain.rules.tool.noted import named
from envmgr.domain.rules.tool.required import (
    VERSION_FILES,
    compatible_versions,
    is_encrypting,
    pinned_version,
    required_versions,
)
from envmgr.domain.values.code import is_code, is_opentofus, read_by_opentofu, read_by_terraform
from envmgr.domain.values.environment import Claim, Environment, Source
from envmgr.engine.context.organization import Organization
from envmgr.engine.context.services import Services
from envmgr.ports.kept import Releases

_LARGEST = 4 * 1024 * 1024
_NOT_THEIRS = "1.12.0"
"""From this version on OpenTofu takes a `required_version` in a file of both tools for one of Terraform."""
_OLDEST = Wish("envmgr", constraint(">= 1.10"))


def noted(releases: Releases, version: str) -> str:
    """How a claim notes a version."""
    return version if releases.tool == "terraform" else f"{_PREFIX}{version}"


def expected(organization: Organization, environment: Environment, source: Source) -> str:
    """The version as far as it can be told without the code: the same code keeps the one that it was applied with.

    Whatever is newer since: a release of the tool alone changes nothing.
    """
    releases, wanted = organization.releases, organization.wanted_version
    if releases is None or wanted is None:
        return organization.terraform.version(organization.binary)
    before = environment.claim
    is_same = before is not None and (before.source.path, before.source.tree) == (source.path, source.tree)
    version = _version(releases, before.terraform_version) if before is not None and is_same else None
    if version is not None and allowed(version, [_OLDEST, _own(wanted)]):
        return noted(releases, version)
    return noted(releases, _choose(releases, [_OLDEST, _own(wanted)]))


def settled(organization: Organization, claim: Claim, root: Path, checkout: Path) -> str:
    """The version by the code that was checked out; raises NeedsPerson where no version is allowed by all."""
    releases, wanted = organization.releases, organization.wanted_version
    if releases is None or wanted is None:
        return claim.terraform_version
    wishes = [_OLDEST, _own(wanted), *_of_code(releases, root, checkout)]
    version = _version(releases, claim.terraform_version)
    if version is not None and allowed(version, wishes):
        return claim.terraform_version
    return noted(releases, _choose(releases, wishes))


def check_unencrypted(root: Path) -> None:
    """Raises NeedsPerson where code has its states encrypted: envmgr could neither read nor verify them."""
    for path in sorted(root.iterdir()):
        if is_code(path.name) and is_encrypting(path.name, _read(path)):
            raise NeedsPerson(
                f"{path.name} has an `encryption` block: envmgr cannot read encrypted states, and so could not tell what an "
                "environment has, nor that it was destroyed. Remove the block, and let the state's bucket or container encrypt it."
            )


def program(services: Services, organization: Organization, version: str) -> str:
    """The program of a version as it is noted: the organization's own, a kept one, or one that is fetched now.

    Raises NeedsPerson where it can't be had, Transient where it can't be now.
    """
    releases = organization.releases
    fetched = _version(releases, version) if releases is not None else None
    if releases is not None and fetched is not None:
        return releases.find(fetched) or releases.install(fetched)
    kept = services.binaries.find(version)
    try:
        # The configured one where it is the same: it is the one that the operator maintains.
        if releases is None and organization.terraform.version(organization.binary) == version:
            return organization.binary
    except NeedsPerson:
        if kept is None:
            raise
    if kept is None:
        raise NeedsPerson(
            f"It was applied with {named(version)}, which is neither configured nor kept: set terraform.binary to that version."
        )
    return kept


def program_now(services: Services, organization: Organization, claim: Claim) -> str:
    """What can work on the state of a claim just now: the configured program, or that of its version."""
    if organization.releases is None:
        return organization.binary
    return program(services, organization, claim.terraform_version)


def _choose(releases: Releases, wishes: list[Wish]) -> str:
    try:
        offered = releases.offered()
    except Transient:
        # What is here is as good as ever while nobody answers.
        offered = [each.version for each in releases.kept()]
        if not any(allowed(version, wishes) for version in offered):
            raise
    return choose(releases.tool, offered, wishes)


def _version(releases: Releases, version: str) -> str | None:
    """What a noted version is in the releases; None for another tool's."""
    if releases.tool == "terraform":
        return None if version.startswith(_PREFIX) else version
    return version.removeprefix(_PREFIX) if version.startswith(_PREFIX) else None


def _own(wanted: Constraint) -> Wish:
    return Wish("the organization file", wanted)


def _of_code(releases: Releases, root: Path, checkout: Path) -> Iterator[Wish]:
    """What the module's own files say, and the version file that is nearest above it in the checkout."""
    is_terraform = releases.tool == "terraform"
    names = {path.name for path in root.iterdir()}
    for file in read_by_terraform(names) if is_terraform else read_by_opentofu(names):
        text = _read(root / file)
        until = "" if is_terraform or is_opentofus(file) else _NOT_THEIRS
        yield from (
            _wish(f"{file} (required_version)", each, until) for each in required_versions(file, text)
        )
        if not is_terraform:
            yield from (_wish(f"{file} (compatible_with)", each) for each in compatible_versions(file, text))
    name = VERSION_FILES[releases.tool]
    for folder in (root, *root.parents):
        if (folder / name).is_file() and not (folder / name).is_symlink():
            pinned = pinned_version(_read(folder / name))
            if pinned is not None:
                yield _wish(name, pinned)
            return
        if folder == checkout:
            return


def _wish(where: str, text: str, until: str = "") -> Wish:
    try:
        return Wish(where, constraint(text), until)
    except ValueError as error:
        raise NeedsPerson(f"{where}: {error}.") from error


def _read(path: Path) -> str:
    """A file of the branch, as far as it can be one of code; a link leads nowhere."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")
