"""Tags: what ties a resource to its environment, in values that both clouds take."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.values.tags import default_tags_environment, identity, tag_value, tags_for
from tests.unit.domain_example import ALICE, FIXED

# What AWS takes in a tag's value: letters and numbers of any language, spaces and a few signs.
ALLOWED = re.compile(r"[\w .:/=+\-@]{0,256}")


def test_the_five_tags() -> None:
    assert tags_for(ALICE, "env-alice") == {
        "environment": "alice",
        "project": "shop",
        "organization": "acme",
        "branch": "env-alice",
        "managed-by": "envmgr",
    }


def test_the_branch_only_informs() -> None:
    assert identity(tags_for(ALICE, "env-alice")) == identity(tags_for(ALICE, "env-ALICE"))
    assert set(identity(tags_for(ALICE, "x"))) == {"environment", "project", "organization", "managed-by"}


@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=400))
@FIXED
def test_any_branch_is_a_value_that_clouds_take(branch: str) -> None:
    value = tag_value(branch)
    assert ALLOWED.fullmatch(value)
    assert value == value.strip()
    assert tag_value(value) == value
    value.encode()


@pytest.mark.parametrize(
    ("branch", "value"),
    [
        ("env-größe/x_1", "env-größe/x_1"),
        ("env-$(id)", "env---id-"),
        ("env-a\nb", "env-a-b"),
        ("env-" + "x" * 300, "env-" + "x" * 252),
    ],
)
def test_values(branch: str, value: str) -> None:
    assert tag_value(branch) == value


def test_the_provider_adds_what_the_code_does_not_set() -> None:
    assert default_tags_environment({"managed-by": "envmgr"}) == {"TF_AWS_DEFAULT_TAGS_managed-by": "envmgr"}
