"""What policies that read by name alone are given of a plan: only the attributes that they name.

A plan of thousands of resources has megabytes of attributes of which policies read a few, and the engine takes longest
to read its input. A file that says `# reads: by name` in its first lines promises that it neither enumerates a
resource's attributes nor takes them as a whole; where that is plainly not so, it is refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .source import BadPolicy, Module, Token

_PROMISE = re.compile(r"^#\s*reads: by name\s*$", re.MULTILINE)
_WHOLE = frozenset(
    ["after", "after_sensitive", "after_unknown", "before", "before_sensitive", "change", "resource_changes"]
)
"""What has attributes, or leads to it: by a name behind it alone it is read by name."""
_ATTRIBUTES = _WHOLE - {"change", "resource_changes"}
_TELLING = frozenset(
    [
        *("json.marshal", "json.filter", "json.patch", "json.remove", "yaml.marshal", "walk"),
        *("object.filter", "object.keys", "object.remove", "object.subset", "object.union", "object.union_n"),
    ]
)
"""Functions that see all of what they are given."""


def narrowed(document: Mapping[str, Any], modules: Sequence[Module]) -> Mapping[str, Any]:
    """A plan's document, where all files read by name without what none of them names."""
    promising = [module for module in modules if _promises(module)]
    for module in promising:
        _check(module)
    if len(promising) < len(modules):
        return document
    words = frozenset(word for module in modules for word in _words(module))
    found = dict(document)
    if isinstance(resources := document.get("resource_changes"), list):
        found["resource_changes"] = [_resource(each, words) for each in resources]
    if isinstance(configuration := document.get("configuration"), Mapping):
        found["configuration"] = _named(configuration, words)
    return found


def _promises(module: Module) -> bool:
    """Whether the promise stands before the package."""
    return _PROMISE.search(module.text.partition("package")[0]) is not None


def _words(module: Module) -> set[str]:
    """All names and texts of a file: what none of them says it reads by no name."""
    return {
        _said(token)
        for statement in module.statements
        for token in statement
        if token.kind in ("name", "text", "raw")
    }


def _said(token: Token) -> str:
    """A name, or what a text says."""
    match token.kind:
        case "text":
            with suppress(ValueError):  # else it has an escape that JSON does not know: then it is no name
                return str(json.loads(token.text))
            return token.text
        case "raw":
            return token.text.strip("`")
        case _:
            return token.text


def _resource(found: Any, words: frozenset[str]) -> Any:
    if not isinstance(found, Mapping):
        return found
    kept = _named(found, words)
    if isinstance(change := kept.get("change"), Mapping):
        kept["change"] = {
            name: _named(value, words) if name in _ATTRIBUTES and isinstance(value, Mapping) else value
            for name, value in change.items()
            if name in words
        }
    return kept


def _named(found: Mapping[str, Any], words: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name in words}


def _check(module: Module) -> None:
    """Raises BadPolicy where a file plainly reads otherwise than by name."""
    if module.keys is None:
        raise BadPolicy(f"{module.name}: it says `reads: by name`, and reads the input as a whole")
    for statement in module.statements:
        for index, token in enumerate(statement):
            if _is_whole(statement, index) or _is_telling(statement, index):
                raise BadPolicy(
                    f"{module.name}:{token.line}: it says `reads: by name`, and `{token.text}` there is read as a whole: "
                    "take that line out, or read by name"
                )


def _is_whole(statement: Sequence[Token], index: int) -> bool:
    """Whether what has attributes is neither followed by a name nor gone through one by one as a list."""
    token = statement[index]
    is_part = index > 0 and statement[index - 1].text == "."
    if token.kind != "name" or token.text not in _WHOLE or not is_part:
        return False
    after = statement[index + 1] if index + 1 < len(statement) else None
    if token.text == "resource_changes":
        return not _is_gone_through(statement, index)
    if after is not None and after.text == ".":
        return False
    if after is not None and after.text == "[":
        inside = [each.text for each in statement[index + 2 : index + 4]]
        return inside[:1] == ["_"] or inside[1:] != ["]"]  # what is worked out there is no name
    return not _is_got(statement, index)


def _is_gone_through(statement: Sequence[Token], index: int) -> bool:
    """`some change in input.resource_changes`, or an index behind it."""
    if index + 1 < len(statement) and statement[index + 1].text == "[":
        return True
    before = [token.text for token in statement[max(0, index - 5) : index]]
    return before[-3:] == ["in", "input", "."] and before[:1] in (["some"], ["every"])


def _is_got(statement: Sequence[Token], index: int) -> bool:
    """`object.get(….after, "name", …)`."""
    begins = index
    while begins >= 2 and statement[begins - 1].text == ".":
        begins -= 2
    call = [token.text for token in statement[max(0, begins - 4) : begins]]
    after = statement[index + 1 : index + 3]
    return call == ["object", ".", "get", "("] and len(after) == 2 and after[1].kind == "text"


def _is_telling(statement: Sequence[Token], index: int) -> bool:
    """Whether a function is called there that sees all of what it is given; or a name is enumerated."""
    token = statement[index]
    if token.text == "some" and token.kind == "name":
        # `some key` alone, or `some key, value in …`, goes through whatever there is.
        return (
            index + 2 >= len(statement)
            or statement[index + 2].text not in ("in", ",")
            or _has_pair(statement, index)
        )
    if token.kind != "name" or index + 1 >= len(statement) or statement[index + 1].text != "(":
        return False
    begins = index
    while begins >= 2 and statement[begins - 1].text == ".":
        begins -= 2
    return "".join(each.text for each in statement[begins : index + 1]) in _TELLING


def _has_pair(statement: Sequence[Token], index: int) -> bool:
    """`some key, value in` anything but what is named from `input` on."""
    if statement[index + 2].text != ",":
        return False
    place = [token.text for token in statement[index + 4 : index + 9]]
    return place[:3] != ["in", "input", "."] or place[3:4] == ["resource_changes"] or place[4:] != ["."]
