"""Variables that are given to code which declares none of that name: a misspelt one is else without effect, in silence."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from envmgr.config.branch_file import BRANCH_FILE, MAX_BYTES, parse_branch_file
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.code import is_code
from envmgr.domain.values.declared import declared, untaken
from envmgr.domain.values.environment import Claim
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.host.strange import content

_LARGEST = 4 * 1024 * 1024


def with_untaken(services: Services, repository: Repository, claim: Claim, root: Path) -> Claim:
    """The claim with what its code, checked out at `root`, does not take; with nothing where that cannot be told.

    What the organization file gives, and what a branch gives to all of its applications, may be for other code: there
    only what looks misspelt counts.
    """
    found = declared(_texts(root))
    if found is None:
        return replace(claim, untaken=())
    of_branch = _of_branch(services, repository, claim.commit)
    others = [name for name in repository.variables if name not in of_branch]
    given = claim.variables.keys()
    return replace(
        claim,
        untaken=(
            *untaken(of_branch, found, given, in_branch=True, needs_like=bool(repository.application)),
            *untaken(others, found, given, in_branch=False, needs_like=True),
        ),
    )


def _of_branch(services: Services, repository: Repository, commit: str) -> Mapping[str, object]:
    with suppress(EnvmgrError):
        content = services.git.read_file(repository.id, commit, BRANCH_FILE, MAX_BYTES)
        return parse_branch_file(content or b"", allow_deploy=repository.allow_branch_deploy).variables
    return {}


def _texts(root: Path) -> dict[str, str]:
    """The code of a root; one of its files without an end where it cannot be read."""
    return {path.name: _text(path) for path in root.iterdir() if is_code(path.name)}


def _text(path: Path) -> str:
    found = content(path, _LARGEST)
    with suppress(UnicodeDecodeError):
        if found is not None:
            return found.decode("utf-8-sig")
    # Reads as a declaration that begins and does not end, so that nothing is said of any variable.
    return "variable"
