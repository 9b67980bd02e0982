"""A fingerprint tells all that Terraform reads, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.fingerprint import fingerprint
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Source, SourceKind
from tests.unit.domain_example import FIXED

SOURCE = Source(SourceKind.DIRECTORY, "terraform", "a" * 40, "terraform")
VARIABLES = {"location": "westeurope", "sizes": {"web": 1, "db": 2}, "zones": ["a", "b"]}
BACKEND = ("s3", {"bucket": "state", "region": "eu-west-1"})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


def of(
    source: Source = SOURCE,
    variables: Mapping[str, object] = VARIABLES,
    version: str = "1.11.4",
    backend: tuple[str, Mapping[str, object]] = BACKEND,
) -> str:
    """The fingerprint with some parts changed."""
    return fingerprint(source, variables, version, backend)


def test_a_fingerprint_is_the_same_in_the_next_version_too() -> None:
    assert of() == "c1c8b22cc05969fa8ce03ff263e2468cd5d3dc8825aeab565974dddec5679a29"


@pytest.mark.parametrize(
    "changed",
    [
        of(replace(SOURCE, kind=SourceKind.MODULE)),
        of(replace(SOURCE, path="infra")),
        of(replace(SOURCE, tree="b" * 40)),
        of(replace(SOURCE, scope=".")),
        of(variables={}),
        of(variables={**VARIABLES, "location": "northeurope"}),
        of(variables={**VARIABLES, "more": None}),
        of(variables={**VARIABLES, "zones": ["b", "a"]}),
        of(variables={**VARIABLES, "sizes": {"web": "1", "db": 2}}),
        of(variables={**VARIABLES, "sizes": {"web": True, "db": 2}}),
        of(version="1.11.5"),
        of(backend=("azurerm", BACKEND[1])),
        of(backend=("s3", {**BACKEND[1], "bucket": "other"})),
        of(backend=("s3", {})),
    ],
)
def test_each_part_counts(changed: str) -> None:
    assert changed != of()


def test_any_kind_of_mapping_counts_alike() -> None:
    turned = MappingProxyType(dict(reversed(VARIABLES.items())))
    assert of(variables=turned) == of()
    assert of(variables={"sizes": MappingProxyType({"b": 1, "a": 2})}) == of(
        variables={"sizes": {"a": 2, "b": 1}}
    )


def turned(value: Any) -> Any:
    """The same value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(inner) for key, inner in reversed(value.items())}
    return [turned(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES)
@FIXED
def test_the_order_of_keys_does_not_count(value: object) -> None:
    assert digest(value) == digest(turned(value))


@given(VALUES, VALUES)
@FIXED
def test_different_values_have_different_digests(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (repr(turned_by_key(one)) == repr(turned_by_key(other)))


def turned_by_key(value: Any) -> Any:
    """The same value with the keys of every object sorted."""
    if isinstance(value, dict):
        return {key: turned_by_key(value[key]) for key in sorted(value)}
    return [turned_by_key(inner) for inner in value] if isinstance(value, list) else value


def test_text_that_is_no_unicode_has_a_digest() -> None:
    assert digest("\ud800") != digest("\udcff")
