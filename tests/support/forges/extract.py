"""The extract of a vendor's description: which call a request is, what is wrong with it, and how answers must look."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema  # type: ignore[import-untyped]

_FOLDER = Path(__file__).parent / "extracts"
_TEXTS = {"uri": "https://forge.example.com/", "date-time": "2026-01-01T00:00:00Z", "uuid": "0" * 32}
_DEFAULTS: Mapping[str, Any] = {"integer": 0, "number": 0, "boolean": False, "array": [], "string": ""}


@lru_cache
def extract(name: str) -> "Extract":
    """The extract of a kind; read once."""
    return Extract(json.loads((_FOLDER / f"{name}.json").read_text()))


@dataclass(frozen=True)
class Operation:
    """One call that the vendor describes."""

    id: str
    method: str
    path: str
    described: Mapping[str, Any]
    document: "Extract"

    @cached_property
    def parts(self) -> list[str]:
        """Its path, in segments."""
        return self.path.strip("/").split("/")

    def values(self, path: str) -> dict[str, str] | None:
        """What stands for the parameters of its path; None where it is another call's."""
        given = path.strip("/").split("/")
        if len(given) != len(self.parts):
            return None
        found = {}
        for part, value in zip(self.parts, given, strict=True):
            head, brace, rest = part.partition("{")
            name, _, tail = rest.partition("}")
            if not brace:
                if part != unquote(value):
                    return None
                continue
            if not (value.startswith(head) and value.endswith(tail) and value):
                return None
            found[name] = unquote(value[len(head) : len(value) - len(tail)])
        return found

    def wrongs(self, values: Mapping[str, str], query: str, body: object) -> Iterator[str]:
        """What the vendor's description says against a request."""
        parameters = map(self.document.resolved, self.described.get("parameters", ()))
        known = {(each["in"], each["name"]): each for each in parameters}
        pairs = parse_qsl(query, keep_blank_values=True)
        given = [*((("path", name), value) for name, value in values.items())]
        given += [(("query", name), value) for name, value in pairs]
        for name, value in given:
            parameter = known.get(name)
            if parameter is None:
                yield f"{self.id}: there is no parameter {name}"
                continue
            yield from self._wrong(parameter["schema"], _typed(parameter["schema"], value), str(name))
        for key, parameter in known.items():
            if key[0] == "query" and parameter.get("required") and key not in dict(given):
                yield f"{self.id}: the parameter {key[1]} is missing"
        yield from self._body_wrongs(body)

    def _body_wrongs(self, body: object) -> Iterator[str]:
        described = self.described.get("requestBody")
        if body is None:
            if described is not None and described.get("required"):
                yield f"{self.id}: the body is missing"
        elif described is None:
            yield f"{self.id}: it takes no body"
        else:
            schema = next(iter(described["content"].values()))["schema"]
            yield from self._wrong(schema, body, "body", closed=True)

    def answer(self, status: int, body: object) -> tuple[object, list[str]]:
        """An answer with all that must be in it beside what is given, and what is wrong with it then."""
        described = self.described["responses"].get(str(status))
        if described is None:
            return body, [f"{self.id}: it never answers {status}"] if status < 400 else []
        content = described.get("content")
        if not content:
            return body, [f"{self.id}: its {status} has no body"] if body is not None and status < 300 else []
        schema = next(iter(content.values())).get("schema", {})
        filled = self.document.filled(schema, body)
        return filled, list(self._wrong(schema, filled, f"answer {status}"))

    def _wrong(self, schema: Any, value: object, what: str, *, closed: bool = False) -> Iterator[str]:
        validator = jsonschema.Draft202012Validator(self.document.plain(schema, closed=closed))
        for error in validator.iter_errors(value):
            yield f"{self.id}: {what}: {error.json_path}: {error.message[:200]}"


class Extract:
    """All calls of an extract."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """By the document as it was read."""
        self.document = document
        self.operations = [
            Operation(described["operationId"], method.upper(), path, described, self)
            for path, methods in document["paths"].items()
            for method, described in methods.items()
            if isinstance(described, dict) and "operationId" in described
        ]

    def of(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The call that a request is, the most literal of those that it may be, and what stands in its path."""
        found = [
            (operation, values)
            for operation in self.operations
            if operation.method == method and (values := operation.values(path)) is not None
        ]
        return min(found, key=lambda each: len(each[1]), default=None)

    def plain(self, schema: Any, *, closed: bool = False) -> Any:
        """A schema of OpenAPI 3.0 as plain JSON Schema; `closed`: objects have nothing that is not described."""
        schema = self.resolved(schema)
        for name in ("oneOf", "anyOf", "allOf"):
            if name in schema:
                several = [self.plain(each, closed=closed) for each in schema[name]]
                return {"allOf" if name == "allOf" else "anyOf": several}
        found = {
            name: schema[name]
            for name in (
                "type",
                "enum",
                "maxLength",
                "minLength",
                "maximum",
                "minimum",
                "pattern",
                "required",
            )
            if name in schema
        }
        if "properties" in schema:
            found["properties"] = {n: self.plain(s, closed=closed) for n, s in schema["properties"].items()}
            if closed and not schema.get("additionalProperties"):
                found["additionalProperties"] = False
        if "items" in schema:
            found["items"] = self.plain(schema["items"], closed=closed)
        if schema.get("nullable"):
            return {"anyOf": [{"type": "null"}, found]}
        return found

    def filled(self, schema: Any, value: Any) -> Any:
        """A value with all that must be in it beside what is given."""
        schema = self.resolved(schema)
        if isinstance(value, list):
            return [self.filled(schema.get("items", {}), each) for each in value]
        if not isinstance(value, dict):
            return value
        described = schema.get("properties", {})
        found = {name: self.filled(described.get(name, {}), each) for name, each in value.items()}
        for name in schema.get("required", ()):
            if name not in found:
                found[name] = self._made(described.get(name, {}))
        return found

    def _made(self, schema: Any) -> Any:
        schema = self.resolved(schema)
        if schema.get("nullable"):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object")
        if kind == "object":
            return self.filled(schema, {})
        made = _TEXTS.get(schema.get("format", ""), "") if kind == "string" else _DEFAULTS[kind]
        return made or "x" * schema.get("minLength", 0) if kind == "string" else made

    def resolved(self, schema: Any) -> Any:
        """What a reference leads to; what is none, as it is."""
        while "$ref" in schema:
            target: Any = self.document
            for name in schema["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            schema = target
        return schema


def _typed(schema: Mapping[str, Any], text: str) -> object:
    """The text of a parameter as what it is to be; as it is where it is no such thing."""
    if schema.get("type") == "integer" and text.lstrip("-").isdigit():
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    if schema.get("type") == "array":
        return text.split(",")
    return text
