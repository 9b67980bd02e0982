"""The JSON of what is in doubt around an environment: the host that works on it, and what its forge was not told."""

from typing import Annotated, TypedDict


class HoldingHost(TypedDict):
    """The host that works on an environment; of one that is silent, what it had begun and nobody has taken up."""

    name: Annotated[str, "What it is called."]
    id: Annotated[str, "By what it is known, whatever it is called."]
    status: Annotated[
        str, "`working`, `passive`, `draining`, `silent` or `stopped`, as `hosts list` says it."
    ]
    heard_at: Annotated[str | None, "When it was last heard of."]


class UntoldObject(TypedDict):
    """That a repository's forge could not be told how things are."""

    since: Annotated[str | None, "Since when it would have had to be told."]
    error: Annotated[str, "Why it could not be."]
    count: Annotated[int, "Of how much that is so."]
