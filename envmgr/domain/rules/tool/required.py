"""What code itself says of what it is to be run with: `required_version`, `encryption`, and the file `.terraform-version`.

There is no reader of HCL that could be trusted with code of strangers, and only few attributes and blocks are wanted: so
the text is gone through by its tokens. What is overlooked does no harm: Terraform checks the version again, and a state
that was encrypted all the same is taken for none that is empty.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n]* | //[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<heredoc> <<-?(?P<mark>[A-Za-z_][A-Za-z0-9_-]*)[^\n]*\n .*? (?:^[ \t]*(?P=mark)[ \t]*$|\Z) )
  | (?P<text> "(?:[^"\\\n]|\\.)*" )
  | (?P<name> [A-Za-z_][A-Za-z0-9_-]* )
  | (?P<sign> [{}=] )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
VERSION_FILES = {"terraform": ".terraform-version", "opentofu": ".opentofu-version"}
"""The file by which version switchers of each tool are told what to use."""
_VERSION = (("terraform",), "required_version")
_OPENTOFUS = (("language", "compatible_with"), "opentofu")
_ENCRYPTION = ("terraform", "encryption")
_LATEST = re.compile(r"latest|latest-allowed|min-required|latest:.*")


def required_versions(name: str, text: str) -> list[str]:
    """The constraints in a Terraform file of this name, as they are written."""
    return _texts(name, text, *_VERSION)


def compatible_versions(name: str, text: str) -> list[str]:
    """The constraints that are for OpenTofu alone, from its version 1.12 on: `language { compatible_with { opentofu = … } }`."""
    return _texts(name, text, *_OPENTOFUS)


def is_encrypting(name: str, text: str) -> bool:
    """Whether a file of this name says how states, or plans, are to be encrypted, as OpenTofu can."""
    if name.endswith(".json"):
        return any(True for _ in _at(_document(text), _ENCRYPTION))
    return any(place == _ENCRYPTION for place, _, _ in _in_hcl(text))


def pinned_version(text: str) -> str | None:
    """What a version file asks for, as a constraint; None where it leaves that to others (`latest`, or nothing)."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    return None if not first or _LATEST.fullmatch(first) else first


def _texts(name: str, text: str, blocks: Sequence[str], attribute: str) -> list[str]:
    """The texts that an attribute of such blocks has, templates left out."""
    if name.endswith(".json"):
        found = [each.get(attribute) for each in _at(_document(text), blocks) if isinstance(each, Mapping)]
        return [each for each in found if isinstance(each, str)]
    wanted = tuple(blocks), attribute
    return [value for place, named, value in _in_hcl(text) if (place, named) == wanted and "${" not in value]


def _in_hcl(text: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Each text that an attribute has: the blocks it is in by what stands before their brace, its name, its value.

    And each block as it begins, without a name and a value.
    """
    blocks: list[str] = []
    before = ["", ""]
    for token in _TOKEN.finditer(text):
        kind, said = token.lastgroup, token[0]
        if kind in ("comment", "heredoc", "mark"):
            continue
        if said == "{":
            blocks.append(before[1])
            yield tuple(blocks), "", ""
        elif said == "}" and blocks:
            blocks.pop()
        elif kind == "text" and before[1] == "=":
            yield tuple(blocks), before[0], said[1:-1]
        before = [before[1], said]


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _at(document: Any, keys: Sequence[str]) -> Iterator[Any]:
    """What stands below these keys; a block may be a list of such."""
    if not keys:
        yield document
        return
    for each in document if isinstance(document, list) else [document]:
        if isinstance(each, Mapping) and keys[0] in each:
            below = each[keys[0]]
            for one in below if isinstance(below, list) else [below]:
                yield from _at(one, keys[1:])
