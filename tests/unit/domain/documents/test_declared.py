"""Variables that no variable of the code takes."""

import json

import pytest

from envmgr.domain.documents.claim_document import claim_document, parse_claim
from envmgr.domain.values.declared import Untaken, declared, untaken
from envmgr.domain.values.environment import Claim, Source, SourceKind


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, set()),
        ({"main.tf": 'variable "size" {\n}\nvariable <x>', "b.tofu": "variable zone {}"}, None),
        ({"main.tf": 'variable "size" {\n}', "b.tofu": "variable zone {}"}, {"size", "zone"}),
        ({"main.tf": '# variable "old" {}\nlocals { variable = 1 }'}, {"old"}),
        ({"main.tf": 'variable"größe"{default=1}variable "b-c" {'}, {"größe", "b-c"}),
        ({"a.tf.json": json.dumps({"variable": {"size": {}}})}, {"size"}),
        (
            {"a.tf.json": json.dumps([{"variable": [{"a": {}}, {"b": {}, "c": {}}]}, {"x": 1}])},
            {"a", "b", "c"},
        ),
        ({"a.tf.json": "{"}, None),
        ({"main.tf": 'variable /* odd */ "size" {}'}, None),
        ({"main.tf": "", "big.tf": "variable"}, None),
    ],
)
def test_what_code_declares(files: dict[str, str], expected: set[str] | None) -> None:
    """In both syntaxes; where a declaration cannot be read, nothing is said of any."""
    assert declared(files) == expected


def test_a_name_that_nothing_takes_is_named_with_what_may_be_meant() -> None:
    """Not with what has its value already."""
    known = {"message", "size"}
    assert untaken(["mesage", "size", "zone"], known, ["size"], in_branch=True, needs_like=False) == (
        Untaken("mesage", "message", True),
        Untaken("zone", "", True),
    )
    assert untaken(["sizes", "mesage"], known, ["size"], in_branch=False, needs_like=True) == (
        Untaken("mesage", "message", False),
    )


def test_it_is_said_in_a_sentence_with_where_it_stands() -> None:
    """With a question only where something is like it."""
    assert str(Untaken("mesage", "message", True)) == (
        "Warning: the code has no variable `mesage`, which .envmgr.yaml sets; did you mean `message`?"
    )
    assert str(Untaken("zone", "", False)) == (
        "Warning: the code has no variable `zone`, which the organization file sets."
    )


def test_a_claim_keeps_them() -> None:
    """Beside the state, too."""
    claim = Claim(
        commit="a" * 40,
        source=Source(SourceKind.DIRECTORY, "terraform", "t", "terraform"),
        variables={},
        tags={},
        terraform_version="1.11.4",
        backend=("local", {}),
        fingerprint="f",
        untaken=(Untaken("mesage", "message", True),),
    )
    assert parse_claim(json.loads(json.dumps(claim_document(claim)))) == claim
