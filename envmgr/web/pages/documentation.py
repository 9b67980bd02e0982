"""The API's documentation for people, drawn from the OpenAPI document alone: what that does not say, this does not either."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

Schema = Mapping[str, Any]

_WHERE = {"path": "in the path", "query": "in the query", "header": "a header"}
_NULL = " or null"
_EVERYBODY = "who has any role"
_BOUNDS = (("minimum", "from {}"), ("maximum", "to {}"), ("maxLength", "up to {} characters"))


@dataclass(frozen=True, slots=True)
class Entry:
    """Something with a name: a parameter, a field of a body or of an object. `object` is what it leads to."""

    name: str
    kind: str
    said: str
    is_needed: bool = False
    where: str = ""
    object: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What may come back; `object` is what it has, empty where that is no object."""

    status: str
    said: str
    object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: who may, what it takes, how it is typed in a shell, and what it answers."""

    id: str
    method: str
    path: str
    said: str
    role: str
    parameters: Sequence[Entry]
    body: Sequence[Entry]
    example: str
    answers: Sequence[Answer]
    answer: str


@dataclass(frozen=True, slots=True)
class Object:
    """What answers have in them."""

    name: str
    said: str
    fields: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Documentation:
    """All of it, the calls by what they are about."""

    about: str
    groups: Sequence[tuple[str, Sequence[Call]]]
    objects: Sequence[Object]


def documentation(document: Mapping[str, Any], server: str) -> Documentation:
    """What an OpenAPI document says; `server` is the address that examples have."""
    known: Mapping[str, Schema] = document["components"]["schemas"]
    groups: dict[str, list[Call]] = {}
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            groups.setdefault(str(call["tags"][0]), []).append(
                _call(method.upper(), path, call, known, server)
            )
    objects = [
        Object(name, str(schema.get("description", "")), list(_fields(schema, known)))
        for name, schema in sorted(known.items())
        if "properties" in schema and not name.endswith(("Page", "Wanted", "ValidationError"))
    ]
    return Documentation(str(document["info"]["description"]), list(groups.items()), objects)


def _call(method: str, path: str, call: Schema, known: Mapping[str, Schema], server: str) -> Call:
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    fields = list(_fields(_meant(body, known), known)) if body is not None else []
    answers = sorted(call["responses"].items())
    good = answers[0][1]
    return Call(
        id=f"{method}{path}".lower().replace("/api/v1", "").translate(str.maketrans("/{}", "---")),
        method=method,
        path=path,
        said=str(call["description"]),
        role=str(call.get("x-role") or _EVERYBODY),
        parameters=[_parameter(each, known) for each in call.get("parameters", ())],
        body=fields,
        example=_typed(method, path, server, _example(_meant(body, known)) if body is not None else None),
        answers=[Answer(status, str(a["description"]), _leads_to(a)) for status, a in answers],
        answer=_given(good),
    )


def _parameter(found: Schema, known: Mapping[str, Schema]) -> Entry:
    schema = found["schema"]
    return Entry(
        name=str(found["name"]),
        kind=_kind(schema, known).removesuffix(_NULL),  # what is left out is that
        said=str(found.get("description", "")),
        is_needed=bool(found.get("required")),
        where=_WHERE[found["in"]],
    )


def _fields(schema: Schema, known: Mapping[str, Schema]) -> Iterator[Entry]:
    needed = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        leads = _object(each)
        said = str(each.get("description", ""))
        yield Entry(
            name, _kind(each, known), said, is_needed=name in needed, object=leads if leads in known else ""
        )


def _kind(schema: Schema, known: Mapping[str, Schema]) -> str:
    """A schema in words."""
    if "anyOf" in schema:
        kinds = [_kind(each, known) for each in schema["anyOf"]]
        return " or ".join(kind for kind in kinds if kind != "null") + (_NULL if "null" in kinds else "")
    if "$ref" in schema or "allOf" in schema:
        name = _object(schema)
        return _kind(known[name], known) if "enum" in known.get(name, ()) else name
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}), known)}"
    words = str(kind) if isinstance(kind, str) else " or ".join(map(str, kind))
    return " ".join([words, *(said.format(schema[name]) for name, said in _BOUNDS if name in schema)])


def _object(schema: Schema) -> str:
    """The object that a schema leads to, perhaps in a list or where it is not null; empty where it leads to none."""
    inner = [schema, schema.get("items", {}), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    inner += [each.get("items", {}) for each in schema.get("anyOf", ())]
    return next((str(each["$ref"]).rpartition("/")[2] for each in inner if "$ref" in each), "")


def _meant(schema: Schema | None, known: Mapping[str, Schema]) -> Schema:
    return known.get(_object(schema), schema) if schema is not None else {}


def _example(schema: Schema) -> Mapping[str, Any]:
    """A body with all that is needed, and what the document has an example of."""
    needed = schema.get("required", ())
    return {
        name: (each.get("examples") or ["…"])[0]
        for name, each in schema.get("properties", {}).items()
        if name in needed or each.get("examples")
    }


def _typed(method: str, path: str, server: str, body: Mapping[str, Any] | None) -> str:
    """As one types it in a shell."""
    for name, value in (
        ("organization", "acme"),
        ("repository", "shop"),
        ("environment", "alice"),
        ("id", "17"),
        ("name", "ci"),
    ):
        path = path.replace(f"{{{name}}}", value)
    begin = "curl" if method == "GET" else f"curl -X {method}"
    parts = [f'{begin} -H "Authorization: Bearer $ENVMGR_TOKEN"']
    if body:
        parts += [f"-H 'Content-Type: application/json' -d {quote(json.dumps(body, ensure_ascii=False))}"]
    return " \\\n  ".join([*parts, f"{server}{path}"])


def _given(answer: Schema) -> str:
    """The example of what a call answers where all is well."""
    for content in answer.get("content", {}).values():
        example = content.get("example")
        if example is not None:
            return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)
    return ""


def _leads_to(answer: Schema) -> str:
    found = [_object(content.get("schema", {})) for content in answer.get("content", {}).values()]
    return next((name.removesuffix("Page") for name in found if name), "")
