"""Taking over what exists already: the state that a person gives, and what may be done with it."""

import json
from dataclasses import dataclass, field
from hashlib import sha256

from envmgr.domain.documents.plan import Plan
from envmgr.domain.documents.state import State
from envmgr.domain.errors import NeedsPerson


@dataclass(frozen=True, slots=True)
class GivenState:
    """A state as it is to be put in its place: whole, as Terraform ends one, known by its SHA-256."""

    content: bytes = field(repr=False)
    digest: str
    state: State = field(repr=False)

    @classmethod
    def of(cls, content: bytes, where: str) -> "GivenState":
        """Reads what a file holds; NeedsPerson, naming `where`, where it is no state of version 4 or lists nothing.

        What is between its braces stays as it is, to the last digit; one that a shell wrote as UTF-16 becomes UTF-8.
        """
        state = State.from_bytes(content, where)
        if not state.lineage:
            raise NeedsPerson(f"The state at {where} has no lineage, as every state of Terraform's has.")
        if not state.resources:
            raise NeedsPerson(f"The state at {where} lists no resources: there is nothing to take over.")
        text = content.decode(json.detect_encoding(content)).strip()
        whole = f"{text[:-1].rstrip()}\n}}\n".encode()
        return cls(whole, sha256(whole).hexdigest(), state)


def check_kept(plan: Plan | None) -> list[str]:
    """What a plan would destroy or replace of an environment that exists already: it is to be taken over as it is."""
    return [
        f"{r.address} would be {'replaced' if 'create' in r.actions else 'destroyed'}."
        for r in (plan.resources if plan is not None else ())
        if r.deletes
    ]
