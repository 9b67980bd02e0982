"""A plan in Terraform's words, cut into its resources: what is made, changed and destroyed, each with its own lines.

What Terraform marks as sensitive is hidden by Terraform itself, and secrets that envmgr knows are taken out before the
text is kept: nothing here knows a value that the text does not show.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from envmgr.views.visible import plain

_HEAD = re.compile(r"  # (\S.*?) (?:will be|must be|has (?:been|moved)|is tainted)\b(.*)")
_VERBS = (
    ("replace", "replaced"),
    ("create", "created"),
    ("delete", "destroyed"),
    ("update", "updated in-place"),
    ("read", "read during apply"),
)
_SIGNS = {"create": "+", "delete": "-", "update": "~", "replace": "±", "read": "<="}
_MARKS = (("-/+", "replace"), ("+/-", "replace"), ("+", "create"), ("-", "delete"), ("~", "update"))


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a resource's change; `kind` is empty where nothing changes in it."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan does with one resource (`kind`: create, update, delete, replace or read)."""

    address: str
    kind: str
    said: str
    lines: Sequence[DiffLine]

    @property
    def sign(self) -> str:
        """Terraform's sign for it."""
        return _SIGNS[self.kind]


def changes(text: str) -> list[Change]:
    """The resources of a rendered plan, in its order; empty where the text is no plan."""
    return list(_changes(text.split("\n")))  # Terraform's lines: what else parts lines may stand in a name


def _changes(lines: Sequence[str]) -> Iterator[Change]:
    heads = [(number, found) for number, line in enumerate(lines) if (found := _HEAD.match(line))]
    ends = [*(number for number, _ in heads[1:]), len(lines)]
    for (begin, head), end in zip(heads, ends, strict=False):
        said = plain(lines[begin].removeprefix(f"  # {head[1]}").strip())
        kind = next((kind for kind, words in _VERBS if words in said), "update")
        body = _block(lines[begin + 1 : end])
        yield Change(plain(head[1]), kind, said, [_line(each) for each in body])


def _block(lines: Sequence[str]) -> Sequence[str]:
    """The resource's own block: to its closing brace, which stands as far in as its sign would."""
    for number, line in enumerate(lines):
        if line == "    }":
            return lines[: number + 1]
    return lines


def _line(text: str) -> DiffLine:
    bare = text.lstrip()
    kind = next((kind for mark, kind in _MARKS if bare.startswith(f"{mark} ")), "")
    return DiffLine(kind, plain(text))
