"""What a person does to mend what an audit found. No command deletes anything: tags may be a stranger's, or altered."""

from collections.abc import Iterable, Sequence

from envmgr.domain.values.names import EnvironmentId, counted, first, ref_component

from .inventory import Tagged


def by_hand(identity: EnvironmentId) -> str:
    """How a person ends an environment that envmgr cannot end."""
    return (
        "Push a branch for it and delete that again, or run `terraform destroy` by hand with its code and the backend "
        f"key {identity.state_key}."
    )


WHOSE = "a tag alone does not prove whose they are, so check them, and delete by hand what is yours and not needed"
"""What a person does about resources of which only their tags tell."""


def many(resources: Sequence[Tagged]) -> str:
    """How many they are."""
    return counted(len(resources), "resource")


def some(names: Iterable[str]) -> str:
    """The first of some names, as they can be shown."""
    return first([ref_component(name) for name in names])
