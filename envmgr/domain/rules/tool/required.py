"""What code itself says of the version it is to be run with: `required_version`, and the file `.terraform-version`.

There is no reader of HCL that could be trusted with code of strangers, and only one attribute of one kind of block is
wanted: so the text is gone through by its tokens. What is overlooked does no harm, since Terraform checks it again.
"""

import json
import re
from collections.abc import Iterator

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
_LATEST = re.compile(r"latest|latest-allowed|min-required|latest:.*")


def required_versions(name: str, text: str) -> list[str]:
    """The constraints in a Terraform file of this name, as they are written."""
    return _in_json(text) if name.endswith(".json") else list(_in_hcl(text))


def pinned_version(text: str) -> str | None:
    """What a version file asks for, as a constraint; None where it leaves that to others (`latest`, or nothing)."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    return None if not first or _LATEST.fullmatch(first) else first


def _in_hcl(text: str) -> Iterator[str]:
    depth, before, block = 0, ["", "", ""], ""
    for token in _TOKEN.finditer(text):
        kind, said = token.lastgroup, token[0]
        if kind in ("comment", "heredoc", "mark"):
            continue
        if said == "{":
            block = before[2] if depth == 0 else block
            depth += 1
        elif said == "}":
            depth = max(0, depth - 1)
        is_wanted = depth == 1 and block == "terraform" and before[1:] == ["required_version", "="]
        if kind == "text" and is_wanted and "${" not in said:
            yield said[1:-1]
        before = [*before[1:], said]


def _in_json(text: str) -> list[str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    blocks = document.get("terraform") if isinstance(document, dict) else None
    found = [
        each.get("required_version")
        for each in (blocks if isinstance(blocks, list) else [blocks])
        if isinstance(each, dict)
    ]
    return [each for each in found if isinstance(each, str)]
