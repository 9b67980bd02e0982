"""What is kept of an environment beside its state, for the day on which nothing else of it is left."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import FROM_BRANCH, Claim, Environment, Origin, Source, SourceKind
from envmgr.domain.values.names import COMMIT, EnvironmentId
from envmgr.domain.values.tags import own, tags_for

from .claim_document import claim_document, parse_claim
from .origin_document import kept_origin, origin_document, parse_origin

_VERSION = 1
_OBJECT = re.compile(COMMIT)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_APPLICATION = re.compile(r"[a-z][a-z0-9-]*")
_TERRAFORM = re.compile(r"(?:opentofu-)?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An environment's claim with what its record needs besides. It holds no secret, as a claim holds none.

    `known_commit` is one that the repository's default branch had: what a branch that is gone is proved by.
    `origin` says which pull request it comes from; of all else it is a branch's.
    """

    environment: EnvironmentId
    branch: str
    claim: Claim
    created_at: datetime
    expires_at: datetime | None = None
    known_commit: str | None = None
    origin: Origin = FROM_BRANCH

    @classmethod
    def of(cls, environment: Environment, claim: Claim, known_commit: str | None = None) -> "Manifest":
        """The manifest of an environment that is about to be brought to what a claim says; which state is its own, the state says."""
        return cls(
            environment=environment.id,
            branch=environment.branch,
            claim=replace(claim, lineage=""),
            created_at=environment.life.created_at,
            expires_at=environment.life.expires_at,
            known_commit=known_commit,
            origin=kept_origin(environment.origin),
        )

    def to_json(self) -> str:
        """As a versioned document, in ASCII."""
        return json.dumps(
            {
                "version": _VERSION,
                "environment": str(self.environment),
                "branch": self.branch,
                "created_at": self.created_at.isoformat(),
                "expires_at": self.expires_at and self.expires_at.isoformat(),
                "known_commit": self.known_commit,
                "claim": claim_document(self.claim),
                **origin_document(self.origin),
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: bytes, environment: EnvironmentId) -> "Manifest":
        """Reads untrusted text as the manifest of one environment; NeedsPerson, saying why, where it is none."""
        try:
            found = _parse(json.loads(text), environment)
        except _MALFORMED as error:
            raise NeedsPerson(f"{environment.kept_key} is not something envmgr wrote there.") from error
        reason = next(_objections(found), "")
        if reason:
            raise NeedsPerson(
                f"{environment.kept_key} is not something envmgr wrote for {environment}: {reason}."
            )
        return found


def _parse(document: Mapping[str, Any], environment: EnvironmentId) -> Manifest:
    if document["version"] != _VERSION:
        raise NeedsPerson(
            f"{environment.kept_key} was written by another release of envmgr (version {document['version']!r:.20}): "
            "use that one."
        )
    if document["environment"] != str(environment):
        raise NeedsPerson(
            f"{environment.kept_key} does not belong to {environment}, but to another environment."
        )
    expires_at = document["expires_at"]
    return Manifest(
        environment=environment,
        branch=_text(document["branch"]),
        claim=parse_claim(document["claim"]),
        created_at=_time(document["created_at"]),
        expires_at=None if expires_at is None else _time(expires_at),
        known_commit=document.get("known_commit"),
        origin=parse_origin(document),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _time(value: object) -> datetime:
    return datetime.fromisoformat(_text(value)).astimezone(UTC)


def _objections(found: Manifest) -> Iterator[str]:
    """What speaks against taking a manifest for an environment's; every name in it is compared or checked."""
    claim, identity = found.claim, found.environment
    # What follows tags carries its own name as `branch`: one that stays from tag to tag.
    line = identity.name if claim.variables.get("branch") == identity.name else found.branch
    expected = {
        "environment": identity.name,
        "project": identity.repository,
        "organization": identity.organization,
        "branch": line,
    }
    wanted = own(tags_for(identity, line))
    if not _holds(claim.tags, wanted) or not all(isinstance(value, str) for value in claim.tags.values()):
        yield "its tags are another environment's"
    if not _holds(claim.variables, expected):
        yield "its variables are another environment's"
    if not _matches(_OBJECT, claim.commit):
        yield "its commit is not valid"
    if found.known_commit is not None and not _matches(_OBJECT, found.known_commit):
        yield "its default branch's commit is not valid"
    if not _matches(_TERRAFORM, claim.terraform_version):
        yield "its Terraform version is not valid"
    if not _is_text_or_none(claim.lock_file):
        yield "its lock file is not valid"
    if not _are_needs(claim.needs):
        yield "its needs are not valid"
    if not isinstance(claim.met, dict) or not all(_matches(_OBJECT, at) for at in claim.met.values()):
        yield "the commits of its needs are not valid"
    if claim.modules and not _matches(_SHA256, claim.modules):
        yield "its modules are not valid"
    if claim.adopts and not _matches(_SHA256, claim.adopts):
        yield "the state that it takes over is not valid"
    if not _is_source(claim.source):
        yield "its source points elsewhere"


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _are_needs(found: object) -> bool:
    if not isinstance(found, dict):
        return False
    return all(_matches(_APPLICATION, name) and isinstance(serial, int) for name, serial in found.items())


def _holds(found: object, expected: Mapping[str, str]) -> bool:
    return isinstance(found, dict) and found.items() >= expected.items()


def _is_source(source: Source) -> bool:
    if source.kind is SourceKind.MODULE:
        is_module = _matches(_SHA256, source.tree) and _matches(_MODULE, source.path)
        return is_module and source.scope == source.path
    is_folder = _matches(_OBJECT, source.tree) and _is_inside(source.path)
    return is_folder and source.scope in (source.path, ".")


def _is_inside(path: object) -> bool:
    """Whether a path is one of a repository's folders, as git writes it."""
    if not isinstance(path, str) or "\0" in path or "\n" in path:
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and ".git" not in pure.parts


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
