"""A claim as a JSON document, exactly and both ways: for the database, and for what is kept beside the state."""

from collections.abc import Mapping
from typing import Any

from envmgr.domain.values.declared import Untaken
from envmgr.domain.values.environment import Claim, Source, SourceKind

_SOURCE_KINDS = {kind.value: kind for kind in SourceKind}


def claim_document(claim: Claim) -> dict[str, Any]:
    """A claim as a JSON object."""
    backend_type, settings = claim.backend
    source = claim.source
    return {
        "commit": claim.commit,
        "source": {
            "kind": source.kind.value,
            "path": source.path,
            "tree": source.tree,
            "scope": source.scope,
        },
        "variables": dict(claim.variables),
        "tags": dict(claim.tags),
        "terraform_version": claim.terraform_version,
        "backend": [backend_type, dict(settings)],
        "fingerprint": claim.fingerprint,
        "lock_file": claim.lock_file,
        **({"needs": dict(claim.needs)} if claim.needs else {}),
        **({"met": dict(claim.met)} if claim.met else {}),
        **({"modules": claim.modules} if claim.modules else {}),
        **({"untaken": [[u.name, u.like, u.in_branch] for u in claim.untaken]} if claim.untaken else {}),
        **({"adopts": claim.adopts} if claim.adopts else {}),
        **({"moves": [claim.moves[0], dict(claim.moves[1])]} if claim.moves else {}),
        **({"lineage": claim.lineage} if claim.lineage else {}),
    }


def parse_claim(document: Mapping[str, Any]) -> Claim:
    """What `claim_document` gave; members of a later release are left out. KeyError, TypeError or ValueError for others."""
    source = document["source"]
    backend_type, settings = document["backend"]
    return Claim(
        commit=document["commit"],
        source=Source(_SOURCE_KINDS[source["kind"]], source["path"], source["tree"], source["scope"]),
        variables=document["variables"],
        tags=document["tags"],
        terraform_version=document["terraform_version"],
        backend=(backend_type, settings),
        fingerprint=document["fingerprint"],
        lock_file=document["lock_file"],
        needs=document.get("needs", {}),
        met=document.get("met", {}),
        modules=document.get("modules", ""),
        untaken=tuple(Untaken(*each) for each in document.get("untaken", ())),
        adopts=document.get("adopts", ""),
        moves=_backend(document["moves"]) if document.get("moves") else None,
        lineage=document.get("lineage", ""),
    )


def _backend(document: Any) -> tuple[str, Mapping[str, object]]:
    kind, settings = document
    return kind, settings
