"""As much of Terraform's language as tests speak: what the real Terraform reads, the one in memory reads as well.

Resources with `input` and `triggers_replace` (templates of text, `${var.NAME}` and another resource's
`${TYPE.NAME.output}`), a `local-exec` whose command is `exit 1`, and `tags = var.tags`; variables with defaults;
outputs, sensitive ones too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from envmgr.domain.errors import NeedsPerson

_HEAD = re.compile(r'\s*(\w+)((?:\s+"[^"]*")*)\s*\{')
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}]')
_ATTRIBUTE = re.compile(r'\b(\w+)\s*=\s*("(?:\\.|[^"\\])*"|[\w.]+)')
_REFERENCE = re.compile(r"\$\{([\w.-]+)\}")
_NAME = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)+")


@dataclass(frozen=True)
class Resource:
    """A resource as the code wants it."""

    type: str
    name: str
    input: str
    fails: bool
    takes_tags: bool
    trigger: str = ""

    @property
    def address(self) -> str:
        """As Terraform names it."""
        return f"{self.type}.{self.name}"


@dataclass(frozen=True)
class Code:
    """What a folder's code says by given variables."""

    resources: tuple[Resource, ...]
    outputs: Mapping[str, tuple[object, bool]]


def read_code(root: Path, given: Mapping[str, object]) -> Code:
    """Reads all `*.tf` of a folder; raises NeedsPerson where that is not this language, or a value is missing."""
    found = [block for path in sorted(root.glob("*.tf")) for block in _blocks(path.name, path.read_text())]
    known = {labels[0]: attributes for kind, labels, attributes, _ in found if kind == "variable"}
    values = {name: _value_of(name, of, given) for name, of in known.items()}
    if any(kind == "terraform" and "backend" in body for kind, _, _, body in found):
        raise NeedsPerson("The code has a backend block of its own: remove it.")
    known_resources = {
        f"{of[0]}.{of[1]}": attributes for kind, of, attributes, _ in found if kind == "resource"
    }
    scope = _Scope(values, known_resources)
    resources = [
        Resource(
            type=labels[0],
            name=labels[1],
            input=_text(scope.value(attributes.get("input", '""'))),
            fails=attributes.get("command") == '"exit 1"',
            takes_tags=attributes.get("tags") == "var.tags",
            trigger=_text(scope.value(attributes.get("triggers_replace", '""'))),
        )
        for kind, labels, attributes, _ in found
        if kind == "resource"
    ]
    outputs = {
        labels[0]: (scope.value(attributes["value"]), attributes.get("sensitive") == "true")
        for kind, labels, attributes, _ in found
        if kind == "output"
    }
    return Code(tuple(resources), outputs)


@dataclass(frozen=True)
class _Scope:
    """What names mean: variables by their values, a resource's `output` by its `input`."""

    variables: Mapping[str, object]
    resources: Mapping[str, Mapping[str, str]]

    def value(self, expression: str) -> object:
        """What an expression comes to."""
        if expression.startswith('"'):
            return _REFERENCE.sub(lambda found: _text(self._of(found[1])), str(json.loads(expression)))
        return self._of(expression) if _NAME.fullmatch(expression) else json.loads(expression)

    def _of(self, name: str) -> object:
        kind, _, rest = name.partition(".")
        if kind != "var":
            resource = self.resources.get(name.removesuffix(".output"))
            if resource is None:
                raise NeedsPerson(f"Reference to undeclared resource {name}.")
            return self.value(resource.get("input", '""'))
        if rest not in self.variables:
            raise NeedsPerson(f"Reference to undeclared input variable {rest}.")
        return self.variables[rest]


def _blocks(file: str, text: str) -> Iterator[tuple[str, list[str], dict[str, str], str]]:
    at = 0
    while text[at:].strip():
        head = _HEAD.match(text, at)
        end = _end(text, head.end()) if head is not None else None
        if head is None or end is None:
            raise NeedsPerson(f"{file} on line {text[:at].count(chr(10)) + 1} is no code.")
        body = text[head.end() : end]
        yield head[1], re.findall(r'"([^"]*)"', head[2]), dict(_ATTRIBUTE.findall(body)), body
        at = end + 1


def _end(text: str, at: int) -> int | None:
    """Where the brace is that closes a block; braces in texts do not count."""
    depth = 1
    for token in _TOKEN.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    return None


def _value_of(name: str, attributes: Mapping[str, str], given: Mapping[str, object]) -> object:
    if given.get(name) is not None:
        return given[name]
    if "default" not in attributes:
        raise NeedsPerson(f"The variable {name} has no value: set it under `variables`.")
    return json.loads(attributes["default"])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
