"""Which versions are allowed, by the organization and by the code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.tool.choice import Wish, allowed, choose
from envmgr.domain.rules.tool.constraints import constraint
from envmgr.domain.rules.tool.required import (
    compatible_versions,
    is_encrypting,
    pinned_version,
    required_versions,
)
from envmgr.domain.values.code import read_by_opentofu, read_by_terraform

OFFERED = ["1.10.5", "1.11.0", "1.11.4", "1.12.0-rc1", "1.12.3", "2.0.0"]


@pytest.mark.parametrize(
    ("text", "newest"),
    [
        ("~> 1.11", "1.12.3"),
        ("~> 1.11.0", "1.11.4"),
        (">= 1.11, < 1.12", "1.11.4"),
        ("!= 2.0.0", "1.12.3"),
        ("= 1.11.0", "1.11.0"),
        ("1.11.0", "1.11.0"),
        ("v1.11.0", "1.11.0"),
        ("1.12.0-rc1", "1.12.0-rc1"),
        (">= 1.12.0-rc1, < 1.12.3", None),
        ("<= 1.11.0", "1.11.0"),
        ("> 2", None),
        ("< 1.11", "1.10.5"),
    ],
)
def test_the_newest_that_is_allowed(text: str, newest: str | None) -> None:
    """As Terraform reads constraints; one that is not final counts only where just it is named."""
    wishes = [Wish("main.tf", constraint(text))]
    if newest is None:
        with pytest.raises(NeedsPerson, match=r"main\.tf wants"):
            choose("terraform", OFFERED, wishes)
    else:
        assert choose("terraform", OFFERED, wishes) == newest


@pytest.mark.parametrize("text", ["", "latest", "~>", ">= 1.0 <2", "1.x", "=> 1", "~> 1.2, ", "1" * 600])
def test_what_is_no_constraint(text: str) -> None:
    """Is said, not passed over."""
    with pytest.raises(ValueError, match="version constraint"):
        constraint(text)


def test_a_conflict_is_a_sentence() -> None:
    """With who wants what."""
    wishes = [
        Wish("the organization file", constraint("~> 1.11.0")),
        Wish("main.tf (required_version)", constraint(">= 1.12")),
    ]
    with pytest.raises(NeedsPerson) as raised:
        choose("terraform", OFFERED, wishes)
    assert str(raised.value) == (
        "There is no version of terraform that is allowed: the organization file wants ~> 1.11.0 and "
        "main.tf (required_version) wants >= 1.12, among the 6 that can be had."
    )


CODE = """
# terraform { required_version = "1" }
/* terraform { required_version = "2" } */
locals {
  said = "terraform { required_version = \\"3\\" }"
  text = <<-EOT
    terraform { required_version = "4" }
  EOT
}
terraform {
  required_providers { aws = { version = "5" } }
  backend "s3" { required_version = "6" }
  required_version = ">= 1.10, < 2.0" // as we tried
}
module "terraform" { required_version = "7" }
terraform { required_version = "~> 1.11" }
"""


def test_what_code_requires() -> None:
    """Of all blocks that are meant, and of nothing that only looks like one."""
    assert required_versions("versions.tf", CODE) == [">= 1.10, < 2.0", "~> 1.11"]
    assert required_versions("v.tf.json", '{"terraform": [{"required_version": "~> 1.9"}, {}]}') == ["~> 1.9"]
    assert required_versions("v.tf.json", '{"terraform": {"required_version": ["x"]}}') == []
    assert required_versions("v.tf.json", "[" * 100_000) == []


LANGUAGE = """
language {
  compatible_with { opentofu = ">= 1.12" }
  compatible_with { terraform = "> 9" }
}
compatible_with { opentofu = "1" }
"""


def test_what_code_requires_of_opentofu() -> None:
    """From 1.12 on it takes what stands in a file of both for Terraform's."""
    assert compatible_versions("main.tofu", LANGUAGE) == [">= 1.12"]
    said = '{"language": {"compatible_with": [{"opentofu": "~> 1.12"}]}}'
    assert compatible_versions("main.tf.json", said) == ["~> 1.12"]
    names = ["b.tf", "b.tofu", "a.tf.json", "a.tofu.json", "c.tf", "c.tofu.json", "d.md"]
    assert read_by_opentofu(names) == ["a.tofu.json", "b.tofu", "c.tf", "c.tofu.json"]
    assert read_by_terraform(names) == ["a.tf.json", "b.tf", "c.tf"]
    names = [
        "a.tf",
        ".a.tofu",
        ".b.tf",
        ".#c.tf",
        ".tf",
    ]  # hidden ones are read by neither, nor stand for others
    assert (read_by_opentofu(names), read_by_terraform(names)) == (["a.tf"], ["a.tf"])
    wishes = [Wish("main.tf", constraint("~> 1.11.0"), "1.12.0"), Wish("here", constraint(">= 1.10"))]
    found = [
        version for version in ("1.10.10", "1.11.14", "1.12.6", "1.13.0-rc1") if allowed(version, wishes)
    ]
    assert found == ["1.11.14", "1.12.6"]


@pytest.mark.parametrize(
    ("name", "text", "encrypts"),
    [
        ("a.tofu", "terraform {\n  encryption {\n    state {}\n  }\n}", True),
        ("a.tf", 'terraform { backend "s3" { encryption = true } }', False),
        ("a.tf", "# terraform { encryption {} }\nresource encryption x { encryption {} }", False),
        ("a.tofu.json", '{"terraform": [{"backend": {}}, {"encryption": {"state": {}}}]}', True),
        ("a.tofu.json", '{"encryption": {}}', False),
    ],
)
def test_whether_states_are_to_be_encrypted(name: str, text: str, encrypts: bool) -> None:
    assert is_encrypting(name, text) is encrypts


@given(st.text(alphabet='{}="\\/*#<-EOT\nterraform required_version 1.', max_size=400))
def test_no_text_breaks_it(text: str) -> None:
    """Code of strangers is read in time and without an error."""
    required_versions("main.tf", text)
    is_encrypting("main.tf", text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1.11.4\n", "1.11.4"), ("# ours\n v1.11.4 # as tried\n", "v1.11.4"), ("latest:^1.1", None), ("", None)],
)
def test_a_version_file(text: str, wanted: str | None) -> None:
    """What leaves it to others says nothing here."""
    assert pinned_version(text) == wanted
